/**
 * Trigger words in a text of the workflow: they come with a LoRA and leave with it. Which ones came with which is kept in
 * the properties of the text's node, so that it is saved with the workflow and undone with it. What the user wrote stays.
 */

import { missingWords, withoutTerms, withTerms } from "../core/tags.mjs";
import { plainName } from "./loras.mjs";

/** @typedef {import("./types.mjs").Box} Box */
/** @typedef {import("./types.mjs").Node} Node */

const PROPERTY = "lorarec_words";

/** Some nodes name a LoRA by its path and some by its file. @param {string} name @returns {string} */
function keyOf(name) {
  const plain = plainName(name);
  return plain.slice(plain.lastIndexOf("/") + 1);
}

/** @param {Node} node @returns {Record<string, string[]>} words by LoRA */
export function wordsOf(node) {
  const kept = node.properties?.[PROPERTY];
  return kept && typeof kept === "object" ? { ...kept } : {};
}

/** @param {Node} node @param {string} name of a LoRA @param {string[]} words none: forget it */
export function keepWords(node, name, words) {
  const kept = wordsOf(node);
  delete kept[keyOf(name)];
  if (words.length) kept[keyOf(name)] = words;
  if (Object.keys(kept).length) node.properties[PROPERTY] = kept;
  else delete node.properties?.[PROPERTY];
}

/** @param {Box} box @param {string} name @param {string[]} words */
export function addWords(box, name, words) {
  const text = String(box.widget.value);
  const missing = missingWords(text, words);
  if (!missing.length) return;
  box.widget.value = withTerms(text, text.length, missing);
  keepWords(box.spot.node, name, missing);
}

/** @param {Box} box @param {string} name */
export function removeWords(box, name) {
  const { [keyOf(name)]: words, ...others } = wordsOf(box.spot.node);
  if (!words) return;
  box.widget.value = withoutTerms(String(box.widget.value), words, Object.values(others).flat());
  keepWords(box.spot.node, name, []);
}
