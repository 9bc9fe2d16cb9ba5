import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../../javascript/core/client.mjs";
import { Question } from "../../javascript/core/question.mjs";

/** A client whose answers are given one by one; dropping aborts as the real one does. */
function client() {
  const asked = [];
  return {
    asked,
    suggest: (ask) => new Promise((answer, fail) => asked.push({ ask, answer, fail })),
    drop: () => asked.at(-1)?.fail(new DOMException("dropped", "AbortError")),
  };
}

const ask = (prompt) => ({ prompt, negative: "" });
const shown = ({ state, answer, error, prompt }) => [state, answer, error?.message ?? null, prompt];

test("an answer is kept while the next is awaited", async () => {
  const { asked, ...around } = client();
  const question = new Question(around);
  const first = question.put(ask("a"), 6);
  assert.deepEqual(shown(question), ["asked", null, null, ""]);
  assert.deepEqual(asked[0].ask, { prompt: "a", negative: "", top: 6 });
  asked[0].answer("A");
  assert.equal(await first, true);
  assert.deepEqual(shown(question), ["answered", "A", null, "a"]);
  void question.put(ask("b"), 6);
  assert.deepEqual(shown(question), ["asked", "A", null, "a"]);
  assert.deepEqual([question.isAbout(ask("b")), question.answers(ask("b")), question.answers(ask("a"))], [true, false, true]);
});

test("the newest question wins, whatever comes of the others", async () => {
  const { asked, ...around } = client();
  const question = new Question(around);
  const puts = ["a", "b", "c"].map((prompt) => question.put(ask(prompt), 6));
  asked[1].fail(new Error("no"));
  asked[2].answer("C");
  asked[0].answer("A");
  assert.deepEqual(await Promise.all(puts), [false, false, true]);
  assert.deepEqual(shown(question), ["answered", "C", null, "c"]);
});

test("nothing is awaited once the prompt is emptied", async () => {
  const { asked, ...around } = client();
  const question = new Question(around);
  const first = question.put(ask("a"), 6);
  assert.equal(await question.put(ask(" "), 6), true);
  assert.equal(await first, false);
  assert.deepEqual(shown(question), ["none", null, null, " "]);
  assert.equal(asked.length, 1);
});

test("an error lasts until a question is answered", async () => {
  const { asked, ...around } = client();
  const question = new Question(around);
  const first = question.put(ask("a"), 6);
  asked[0].fail(new Error("no"));
  assert.equal(await first, false);
  assert.deepEqual(shown(question), ["failed", null, "no", ""]);
  const second = question.put(ask("ab"), 6);
  assert.deepEqual(shown(question), ["asked", null, "no", ""]);
  asked[1].answer("A");
  await second;
  assert.deepEqual(shown(question), ["answered", "A", null, "ab"]);
});

test("without an index that is no error, and what another panel pushed aside may be asked again", async () => {
  const { asked, ...around } = client();
  const question = new Question(around);
  const first = question.put(ask("a"), 6);
  asked[0].fail(new ApiError("index first", "not_indexed", 409));
  await first;
  assert.deepEqual(shown(question), ["unindexed", null, null, ""]);
  const second = question.put(ask("b"), 6);
  asked[1].fail(new ApiError("newer", "outdated", 409));
  await second;
  assert.deepEqual([question.state, question.isAbout(ask("b"))], ["none", false]);
});
