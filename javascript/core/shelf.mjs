/** What the user said of LoRAs, to look at and to take back: those they like, those they hid. */

import { fill, make } from "./dom.mjs";

const MOST = 100;

/** @typedef {import("./types.mjs").Card} Card */

/**
 * @param {object} around
 * @param {import("./client.mjs").Client} around.client @param {import("./texts.mjs").Say} around.say
 * @param {(error: Error) => string} around.sentence
 * @param {(card: Card) => void} around.insert @param {(card: Card) => void} around.details
 * @param {(card: Card) => Promise<void>} around.unlike @param {(card: Card) => Promise<void>} around.unhide
 * @returns {{element: HTMLElement, look: () => Promise<void>}} `look` reads an open list anew
 */
export function shelf({ client, say, sentence, insert, details, unlike, unhide }) {
  const list = make("ul.lr-why", { "aria-live": "polite" });
  /** @type {"" | "liked" | "hidden"} */
  let shown = "";

  /** @param {"liked" | "hidden"} name */
  const toggle = (name) =>
    make("button.lr-small", {
      type: "button",
      "aria-pressed": "false",
      onclick: () => {
        shown = shown === name ? "" : name;
        void look();
      },
    }, say(name));
  const buttons = { liked: toggle("liked"), hidden: toggle("hidden") };

  async function look() {
    for (const [name, button] of Object.entries(buttons)) button.setAttribute("aria-pressed", String(name === shown));
    if (!shown) return fill(list);
    const wanted = shown;
    try {
      /** @type {Record<string, string>[]} */
      const queries = wanted === "liked" ? [{ liked: "true" }, { favorite: "true" }] : [{ hidden: "true" }];
      const found = await Promise.all(queries.map((query) => client.list({ ...query, limit: String(MOST) })));
      if (wanted !== shown) return;
      const cards = new Map(found.flatMap((page) => page.loras).map((card) => [card.id, card]));
      fill(list, ...[...cards.values()].map(row), !cards.size && make("li.lr-muted", {}, say(wanted === "liked" ? "likedNone" : "hiddenNone")));
    } catch (error) {
      if (wanted === shown) fill(list, make("li.lr-alert", { role: "alert" }, sentence(/** @type {Error} */ (error))));
    }
  }

  /** @param {Card} card */
  function row(card) {
    const small = (/** @type {string} */ text, /** @type {() => unknown} */ onclick, more = {}) =>
      make("button.lr-small", { type: "button", onclick, "aria-label": `${text}: ${card.name}`, ...more }, text);
    return make(
      "li.lr-why-row",
      {},
      make("span.lr-why-head", {}, make("strong.lr-name", { title: card.lora }, card.name), card.base_model && make("span.lr-badge", {}, card.base_model.name)),
      make(
        "span.lr-row-actions",
        {},
        !card.hidden && small(say("insert"), () => insert(card)),
        card.opinion > 0 && small(say("takeBack"), () => unlike(card).then(look)),
        card.hidden && small(say("unhide"), () => unhide(card).then(look)),
        small(say("details"), () => details(card), { "aria-haspopup": "dialog" }),
      ),
    );
  }

  return { element: make("div.lr-shelf", {}, make("div.lr-row-actions", {}, buttons.liked, buttons.hidden), list), look };
}
