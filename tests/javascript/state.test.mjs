import assert from "node:assert/strict";
import { test } from "node:test";

import { summaryOf } from "../../javascript/core/messages.mjs";
import { arrange, covered, percent, phaseOf, sceneOf, sliderEnds, staying, whyNot } from "../../javascript/core/state.mjs";
import { speaker } from "../../javascript/core/texts.mjs";

const index = (stage, state = "idle") => ({ stage, version: "1", loras: 1, folders: 1, notices: [], job: { job: "index", state, progress: null, error: "" } });
const answer = (scores, more = {}) => ({
  suggestions: scores.map(([id, score]) => ({ id, score, versions: [], base_model_doubt: "", ...more[id] })),
  abstained: false,
  active: [],
});

test("every phase has its case", () => {
  const view = { prompt: "a", auto: true, error: null, index: index("full"), answer: answer([["x", 0.5]]) };
  const cases = {
    ready: {},
    nothing: { answer: { ...view.answer, abstained: true } },
    none: { answer: answer([]) },
    waiting: { answer: null },
    paused: { answer: null, auto: false },
    empty: { prompt: "  " },
    indexing: { index: index("empty", "running") },
    unindexed: { index: index("empty", "failed") },
    error: { error: new Error("no") },
  };
  for (const [phase, change] of Object.entries(cases)) assert.equal(phaseOf({ ...view, ...change }), phase);
  assert.equal(phaseOf({ ...view, index: index("lexical", "running") }), "ready", "by words already");
  const gone = { ...view, index: { ...index("full"), loras: 0 }, answer: answer([]) };
  assert.equal(phaseOf(gone), "unindexed", "no other base model would help where there is no LoRA at all");
});

test("the card under the pointer stays where it is", () => {
  assert.deepEqual(arrange(["a", "b", "c"], ["c", "d", "a"], null), ["c", "d", "a"]);
  assert.deepEqual(arrange(["a", "b", "c"], ["c", "d", "b"], "b"), ["c", "b", "d"]);
  assert.deepEqual(arrange(["a", "b", "c"], ["d", "e", "f"], "b"), ["d", "b", "e"], "even if it is wanted no longer");
  assert.deepEqual(arrange(["a", "b", "c"], ["c"], "c"), ["a", "b", "c"], "too few to fill the places above it");
  assert.deepEqual(arrange(["a"], ["b"], "gone"), ["b"]);
});

test("a new order moves as few cards as can be, and never the held one", () => {
  const stay = (shown, order, held = null) => [...staying([...shown], [...order], held)].sort().join("");
  assert.equal(stay("abcd", "bcda"), "bcd");
  assert.equal(stay("abcd", "dabc"), "abc");
  assert.equal(stay("abcde", "axcyezb"), "ace", "those that come need no place of before");
  assert.equal(stay("abcde", "eabcd", "e"), "e", "all others go behind the one that stays");
  assert.equal(stay("", "ab"), "");
  for (const held of "abcdef") {
    const order = [..."fbadce"];
    const found = stay("abcdef", order, held);
    assert.ok(found.includes(held));
    assert.deepEqual(order.filter((id) => found.includes(id)), [...found], "they stand in their order already");
  }
});

test("the held card never moves and nothing comes twice", () => {
  const lists = ["", "a", "ab", "cab", "dcba", "efgh", "bd"].map((text) => [...text]);
  for (const shown of lists) {
    for (const wanted of lists) {
      for (const held of shown) {
        const order = arrange(shown, wanted, held);
        assert.equal(order.indexOf(held), shown.indexOf(held));
        assert.equal(new Set(order).size, order.length);
        assert.ok(order.every((id) => shown.includes(id) || wanted.includes(id)));
      }
    }
  }
});

const cards = (...ids) => Object.fromEntries(ids.map((id) => [id, { id, hidden: id === "hidden", safety: id === "explicit" ? id : "safe" }]));
const scores = [["a", 0.5], ["b", 0.01], ["hidden", 0.2], ["explicit", 0.1], ["gone", 0.1], ["c", 0.0004]];
const scene = (more = {}) =>
  sceneOf({
    prompt: "a",
    question: { answer: { ...answer(scores), cards: cards(...scores.map(([id]) => id)) }, error: null },
    server: { index: index("full"), error: null },
    options: { auto: true, blur: "safe", cover: "blur" },
    similar: null,
    dismissed: new Set(["gone"]),
    ...more,
  });
const ids = ({ entries }) => entries.map(({ card }) => card.id);

test("cards are left out as the user said, and what fits next to nothing is not counted", () => {
  const { phase, count, ...all } = scene();
  assert.deepEqual([phase, count, ids(all)], ["ready", 3, ["a", "b", "explicit", "c"]]);
  assert.deepEqual(ids(scene({ options: { auto: true, blur: "safe", cover: "exclude" } })), ["a", "b", "c"]);
});

test("what does not reach the least fit comes last, is marked and not counted", () => {
  const least = (score) => ({ question: { answer: { ...answer(scores), least: score, cards: cards(...scores.map(([id]) => id)) }, error: null } });
  const few = scene(least(0.05));
  assert.deepEqual([ids(few), few.entries.map(({ fits }) => fits)], [["a", "explicit", "b", "c"], [true, true, false, false]]);
  const english = (shown) => summaryOf(speaker("en"), shown, null);
  assert.equal(english(few), "2 suggestions, 2 below 5%");
  assert.equal(english(scene(least(0.2))), "1 suggestion, 3 below 20%");
  assert.equal(english(scene(least(0))), "3 suggestions, 1 below 0.1%");
  assert.equal(english(scene({ ...least(0.2), dismissed: new Set(["a"]) })), "Nothing really fits; these come closest", "the one that fits was sent away");
  assert.equal(english(scene({ ...least(0.2), dismissed: new Set(scores.map(([id]) => id)) })), "0 suggestions");
});

test("similar ones stand instead of the suggestions, hidden ones among them", () => {
  const similar = { card: cards("a").a, answer: { ...answer([["hidden", 0.5]]), cards: cards("hidden") } };
  const shown = scene({ similar, question: { answer: null, error: new Error("no") } });
  assert.deepEqual([shown.phase, ids(shown)], ["similar", ["hidden"]]);
  assert.ok(shown.entries[0].fits, "nothing has to fit");
});

test("an index that cannot be looked at is an error only while nothing is on screen", () => {
  const server = { index: null, error: new Error("gone") };
  assert.equal(scene({ server }).phase, "ready");
  assert.equal(scene({ server, question: { answer: null, error: null } }).phase, "error");
  const failed = scene({ question: { ...scene(), error: new Error("no") } });
  assert.deepEqual([failed.phase, failed.error.message, failed.entries], ["error", "no", []]);
});

test("previews above the level are covered, unknown ones are not", () => {
  assert.equal(covered("mature", "suggestive"), true);
  assert.equal(covered("suggestive", "suggestive"), false);
  assert.equal(covered(null, "safe"), false);
  assert.equal(covered("explicit", "explicit"), false);
});

test("a slider reaches the suggestion and its range", () => {
  assert.deepEqual(sliderEnds({ model: 0.8, low: 0.5, high: 1 }), { min: 0, max: 1.5 });
  assert.deepEqual(sliderEnds({ model: -2, low: -3.2, high: 4.1 }), { min: -3.5, max: 4.5 });
});

test("shares are short and never zero unless they are", () => {
  assert.deepEqual([0, 0.0004, 0.0042, 0.125, 0.29, 1].map(percent), ["0%", "<0.1%", "0.4%", "12%", "29%", "100%"]);
  assert.deepEqual([0.0499, 0.05, 0.055, 0.0996, 0.4999].map(percent), ["4.9%", "5%", "5.5%", "9.9%", "49%"], "below 5% is not 5%");
});

test("why not tells the nearest cause", () => {
  const shown = answer([["a", 0.5], ["b", 0.2]], { a: { versions: ["old.safetensors"] } });
  const wide = { ...answer([["a", 0.5], ["s", 0.4], ["b", 0.2], ["x", 0.1], ["w", 0.05]], { w: { base_model_doubt: "made for Pony" } }), active: [{ name: "u", strength: 1, id: "u" }] };
  const why = (id, more = {}) => whyNot({ id, lora: `${id}.safetensors`, hidden: false, ...more }, shown, wide);
  assert.equal(why("a").why, "whyShown");
  assert.equal(why("u").why, "whyActive");
  assert.equal(why("x", { hidden: true }).why, "whyHidden");
  assert.equal(why("old").why, "whyVersion");
  assert.equal(why("nowhere").why, "whyNothing");
  assert.equal(why("w").why, "whyBase");
  assert.equal(why("s").why, "whyHeld");
  assert.deepEqual({ ...why("x"), suggestion: null }, { why: "whyLower", place: 4, of: 5, score: 0.1, least: 0.2, suggestion: null });
});
