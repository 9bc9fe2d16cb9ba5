/** Texts that somebody wrote, found behind an input: in its own widget, or in the nodes that are linked to it. */

import { inputIndex, keyOf, kindOf, sourceOf } from "./graph.mjs";

/** @typedef {import("./types.mjs").Spot} Spot */
/** @typedef {import("./types.mjs").Node} Node */
/** @typedef {import("./types.mjs").Box} Box */
/** @typedef {import("./types.mjs").Widget} Widget */

export const RECOMMEND = "LorarecRecommend";
const DEEPEST = 40; // strings put together of strings
const PLAIN = /^(?:text|string|str|value|prompt|positive|negative)(?:_?(?:[a-hl]|\d{1,2}))?$/i; // single lines that hold a prompt
const NO_TEXT = /delimiter|separator|prefix|suffix|find|replace|regex|pattern|path|file|folder|url|model|_name$|^name$|selection|roles/i;

/** @param {Box} box @returns {string} */
export function boxKey({ spot, widget }) {
  return `${keyOf(spot)}/${widget.name}`;
}

/** @param {Widget} widget @returns {boolean} whether it is a text of several lines */
export function isMultiline(widget) {
  if (typeof widget.value !== "string" || widget.options?.read_only) return false;
  return widget.type === "customtext" || Boolean(widget.options?.multiline) || (widget.element ?? widget.inputEl)?.tagName === "TEXTAREA";
}

/** @param {Widget} widget @returns {boolean} whether a prompt may stand in it */
export function isText(widget) {
  if (NO_TEXT.test(widget.name)) return false;
  return isMultiline(widget) || (typeof widget.value === "string" && PLAIN.test(widget.name) && !Array.isArray(widget.options?.values));
}

/**
 * The texts that a node works with: those of its widgets and of what is linked to them, in their order.
 * @param {Spot} spot @param {(name: string) => boolean} wanted by the name of an input or widget @returns {Box[]}
 */
export function textsOf(spot, wanted = () => true, depth = 0) {
  const { node } = spot;
  const names = new Set((node.widgets ?? []).filter(isText).map((widget) => widget.name));
  for (const input of node.inputs ?? []) {
    if (input.link !== null && input.type === "STRING" && !NO_TEXT.test(input.name)) names.add(input.name);
  }
  return unique([...names].filter(wanted).flatMap((name) => behind(spot, name, depth)));
}

/** @param {Spot} spot @param {string} name of an input or widget @returns {Box[]} */
export function behind(spot, name, depth = 0) {
  const index = inputIndex(spot.node, name);
  const own = spot.node.widgets?.find((widget) => widget.name === name);
  const source = index >= 0 ? sourceOf(spot, index) : (own && { spot, widget: own }) || null;
  if (!source || depth > DEEPEST) return [];
  if ("widget" in source) return typeof source.widget.value === "string" ? [source] : [];
  const { node } = source.spot;
  if (kindOf(node) === RECOMMEND) return source.slot === 1 ? behind(source.spot, "prompt", depth + 1) : [];
  if (node.outputs?.[source.slot]?.type === "IMAGE") return [];
  if (node.type === "PrimitiveNode") return node.widgets?.[0] ? [{ spot: source.spot, widget: node.widgets[0] }] : [];
  return textsOf(source.spot, undefined, depth + 1);
}

/** @param {Box[]} boxes @returns {Box[]} each once */
export function unique(boxes) {
  return [...new Map(boxes.map((box) => [boxKey(box), box])).values()];
}

/** @param {Box[]} boxes @returns {string} what they say together, each text once */
export function textOf(boxes) {
  return [...new Set(boxes.map(({ widget }) => String(widget.value)))].filter((text) => text.trim()).join("\n");
}
