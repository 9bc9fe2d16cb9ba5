/** The LoRAs in use below the cards: whatever the prompt or graph names, known or not. */

import { changed, fill, iconButton, make } from "./dom.mjs";
import { tagName, written } from "./tags.mjs";

/** @typedef {import("./types.mjs").Answer} Answer */
/** @typedef {import("./types.mjs").Card} Card */
/** @typedef {{name: string, strength: number, id: string, card: Card | null}} Used `id` "": not known, or not yet */

/** Every LoRA that was shown, to be found by what prompts and graphs call it. */
export class Known {
  constructor() {
    /** @type {Map<string, Card>} */
    this._cards = new Map();
    /** @type {Map<string, Set<string>>} ids by file name */
    this._files = new Map();
  }

  /** @param {Record<string, Card>} cards by id, as of an answer */
  learn(cards) {
    for (const [id, card] of Object.entries(cards)) {
      this._cards.set(id, card);
      const file = tagName(card.lora).toLowerCase();
      this._files.set(file, (this._files.get(file) ?? new Set()).add(id));
    }
  }

  /**
   * What is in use, as far as it is known.
   * @param {{name: string, strength: number}[]} active as the host names them
   * @param {Answer | null} answer the latest
   * @returns {Used[]}
   */
  used(active, answer) {
    const ids = new Map((answer?.active ?? []).map((one) => [one.name.toLowerCase(), one.id]));
    return active.map(({ name, strength }) => {
      const id = ids.get(name.toLowerCase()) || this._called(name);
      return { name, strength, id, card: this._cards.get(id) ?? null };
    });
  }

  /** @param {string} name as a tag or node names it @returns {string} id, "": none is called that */
  _called(name) {
    const wanted = bare(name);
    const file = wanted.slice(wanted.lastIndexOf("/") + 1);
    return [...(this._files.get(file) ?? [])].find((id) => isCalled(this._cards.get(id)?.lora ?? "", name)) ?? "";
  }
}

/**
 * @param {HTMLElement} element list to fill @param {import("./texts.mjs").Say} say
 * @param {Used[]} used @param {boolean} sure whether what has no id is known to be unknown
 * @param {(name: string, card: Card | null) => void} remove
 */
export function drawUsed(element, say, used, sure, remove) {
  element.hidden = !used.length;
  if (!changed(element, sure, ...used.map(({ name, strength, id, card }) => [name, strength, id, card?.name, card?.lora]))) return;
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

/** @param {Used[]} used @param {string} id @param {string} partner where only that half is in use, it is found too */
export function inUseOf(used, id, partner) {
  return used.find((one) => one.id === id) ?? (partner ? used.find((one) => isCalled(partner, one.name)) : undefined);
}

/** @param {string} name as a tag or node names a LoRA @returns {string} */
function bare(name) {
  return name.toLowerCase().replaceAll("\\", "/").replace(/\.safetensors$/, "");
}

/** @param {string} lora its path @param {string} name as a tag or node names one */
function isCalled(lora, name) {
  return `/${lora.toLowerCase().replace(/\.[^./]*$/, "")}`.endsWith(`/${bare(name)}`);
}
