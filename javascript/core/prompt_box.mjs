/** A text box as prompt: LoRAs are tags in it. Serves every host whose prompt is a text box. */

import { focusedElement } from "./dom.mjs";
import { difference, findTags, missingWords, tagName, withoutTag, withStrength, withTag } from "./tags.mjs";

/**
 * Change a text box as if its user had typed: its program hears of it, undo works, focus and view stay where they were.
 * @param {HTMLTextAreaElement} box @param {string} text
 */
export function edit(box, text) {
  const { start, end, text: piece } = difference(box.value, text);
  if (start === end && !piece) return;
  const focused = focusedElement();
  const scroll = box.scrollTop;
  box.focus({ preventScroll: true });
  box.setSelectionRange(start, end);
  const done = piece ? document.execCommand("insertText", false, piece) : document.execCommand("delete");
  if (!done) {
    // Firefox before 89 cannot do it in text boxes; the text counts more than undo.
    box.setRangeText(piece, start, end, "end");
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }
  box.scrollTop = scroll;
  if (focused && focused !== box && focused !== document.body) focused.focus({ preventScroll: true });
}

/** LoRAs in a text box: the part of `Host` that reads and writes tags. */
export class PromptBox {
  /** @param {HTMLTextAreaElement} box @param {() => string} separator that the host puts before a tag */
  constructor(box, separator = () => ", ") {
    this.box = box;
    this._separator = separator;
    /** @type {Map<string, string[]>} trigger words chosen for a LoRA, by its name in lower case */
    this._words = new Map();
    /** @type {Set<string>} those that were written here; all others are the user's own */
    this._written = new Set();
  }

  /** @returns {{name: string, strength: number}[]} */
  active() {
    const found = new Map(findTags(this.box.value).map(({ name, strength }) => [name.toLowerCase(), { name, strength }]));
    return [...found.values()];
  }

  /** @param {import("./types.mjs").Choice} choice */
  insert({ card, strength, words }) {
    const name = tagName(card.lora);
    const before = this.box.value;
    // Never focused: the cursor stands at the start, where nobody put it.
    const untouched = this.box.selectionStart === 0 && this.box.selectionEnd === 0 && document.activeElement !== this.box;
    const at = untouched ? before.length : this.box.selectionEnd;
    edit(this.box, withTag(before, at, name, strength, words, this._separator()));
    this._words.set(name.toLowerCase(), words);
    for (const word of missingWords(before, words)) this._written.add(word);
  }

  /** Take its tag out, with the words that came with it and no other LoRA wants. @param {string} name */
  remove(name) {
    const words = (this._words.get(name.toLowerCase()) ?? []).filter((word) => this._written.has(word));
    const others = this.active().filter((one) => one.name.toLowerCase() !== name.toLowerCase());
    const keep = others.flatMap((one) => this._words.get(one.name.toLowerCase()) ?? []);
    edit(this.box, withoutTag(this.box.value, name, words, keep));
    this._words.delete(name.toLowerCase());
    for (const word of words) if (!keep.includes(word)) this._written.delete(word);
  }

  /** @param {string} name @param {number} strength */
  setStrength(name, strength) {
    edit(this.box, withStrength(this.box.value, name, strength));
  }
}
