/** "Why not …?": looks up LoRAs by name and says why each did not come up for the prompt in hand. */

import { isOutdated } from "./client.mjs";
import { fill, make } from "./dom.mjs";
import { percent, whyNot } from "./state.mjs";
import { debounced } from "./timing.mjs";

const HITS = 5;
const MOST = 1000; // that the API ranks at most
const PAUSE = 250; // milliseconds

/**
 * @param {object} around
 * @param {import("./client.mjs").Client} around.client
 * @param {import("./texts.mjs").Say} around.say
 * @param {() => {prompt: string, ask: object, answer: import("./types.mjs").Answer | null}} around.now
 * @param {(card: import("./types.mjs").Card, suggestion: import("./types.mjs").Suggestion) => void} around.insert
 * @param {(card: import("./types.mjs").Card) => void} around.details
 * @param {(card: import("./types.mjs").Card) => Promise<void>} around.unhide
 * @returns {{element: HTMLElement, cancel: () => void}}
 */
export function whyBox({ client, say, now, insert, details, unhide }) {
  const input = make("input.lr-input", { type: "search", placeholder: say("whyNot"), "aria-label": say("whyNotLabel"), autocomplete: "off", spellcheck: "false" });
  const results = make("ul.lr-why", { "aria-live": "polite" });
  let number = 0;

  const look = debounced(async () => {
    const search = input.value.trim();
    const mine = (number += 1);
    if (!search) return fill(results);
    try {
      const { prompt, ask, answer } = now();
      const found = await client.search(search, HITS);
      const wide = prompt.trim() ? await client.suggestWide({ ...ask, top: MOST, min_score: 0, collapse: false, diversity: 0, explore: 0, safety: "explicit" }) : null;
      if (mine !== number) return;
      const more = found.total - found.loras.length;
      fill(
        results,
        ...found.loras.map((card) => row(card, answer, wide)),
        !found.total && make("li.lr-muted", {}, say("whyNone")),
        more > 0 && make("li.lr-muted", {}, say("whyMore", { count: more })),
      );
    } catch (error) {
      if (mine === number && !isOutdated(error)) fill(results, make("li.lr-alert", {}, /** @type {Error} */ (error).message || say("unreachable")));
    }
  }, () => PAUSE);

  /** @param {import("./types.mjs").Card} card @param {import("./types.mjs").Answer | null} answer @param {import("./types.mjs").Answer | null} wide */
  function row(card, answer, wide) {
    const said = wide && whyNot(card, answer, wide);
    const text = said
      ? say(/** @type {any} */ (said.why), { place: said.place, of: said.of, score: percent(said.score), least: percent(said.least) })
      : say("whyEmpty");
    const { suggestion } = said ?? {};
    const usable = suggestion && !["whyActive", "whyShown"].includes(said?.why ?? "");
    return make(
      "li.lr-why-row",
      {},
      make("strong", {}, card.name),
      make("span", {}, text, suggestion?.base_model_doubt ? ` ${suggestion.base_model_doubt}` : ""),
      suggestion?.reasons.length ? make("span.lr-muted", {}, suggestion.reasons.map((one) => one.text).join(" · ")) : null,
      make(
        "span.lr-row-actions",
        {},
        usable && make("button.lr-small", { type: "button", onclick: () => insert(card, suggestion) }, say("insert")),
        card.hidden && make("button.lr-small", { type: "button", onclick: () => unhide(card).then(look.now) }, say("unhide")),
        make("button.lr-small", { type: "button", onclick: () => details(card), "aria-haspopup": "dialog" }, say("details")),
      ),
    );
  }

  input.addEventListener("input", look.call);
  return { element: make("div.lr-why-box", { role: "search" }, input, results), cancel: look.cancel };
}
