/** The LoRAs in use below the cards: whatever the prompt or graph names, known or not. */

import { fill, iconButton, make } from "./dom.mjs";
import { written } from "./tags.mjs";

/** @typedef {import("./types.mjs").Answer} Answer */
/** @typedef {import("./types.mjs").Card} Card */
/** @typedef {{name: string, strength: number, id: string, card: Card | null}} Used `id` "": not known, or not yet */

/**
 * What is in use, as far as it is known.
 * @param {{name: string, strength: number}[]} active as the host names them
 * @param {Answer | null} answer the latest
 * @param {Record<string, Card>} cards all known, by id
 * @returns {Used[]}
 */
export function usedOf(active, answer, cards) {
  const ids = new Map((answer?.active ?? []).map((one) => [one.name.toLowerCase(), one.id]));
  return active.map(({ name, strength }) => {
    const id = ids.get(name.toLowerCase()) || Object.values(cards).find((card) => named(card, name))?.id || "";
    return { name, strength, id, card: cards[id] ?? null };
  });
}

/**
 * @param {HTMLElement} element list to fill @param {import("./texts.mjs").Say} say
 * @param {Used[]} used @param {boolean} sure whether what has no id is known to be unknown
 * @param {(name: string, card: Card | null) => void} remove
 */
export function drawUsed(element, say, used, sure, remove) {
  element.hidden = !used.length;
  fill(
    element,
    make("li.lr-uses-title", { "aria-hidden": "true" }, say("inUse")),
    ...used.map(({ name, strength, id, card }) => {
      const unknown = sure && !id;
      return make(
        "li",
        { class: unknown ? "lr-use lr-unknown" : "lr-use", title: unknown ? say("unknownActive") : card?.lora },
        make("span.lr-use-name", {}, card?.name ?? name),
        make("span.lr-badge", {}, written(strength)),
        iconButton("dismiss", `${say("remove")}: ${card?.name ?? name}`, () => remove(name, card)),
      );
    }),
  );
}

/** @param {Card} card @param {string} name as a tag or node names it */
function named(card, name) {
  const wanted = name.toLowerCase().replaceAll("\\", "/").replace(/\.safetensors$/, "");
  const path = card.lora.toLowerCase().replace(/\.[^./]*$/, "");
  return path === wanted || path.endsWith(`/${wanted}`);
}
