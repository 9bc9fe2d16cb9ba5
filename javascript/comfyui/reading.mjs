/** The prompt in question, and what stands around it: the focused text box, else the pinned one, else the only one. */

import { activeOf, allUses, around, baseModelOf } from "./around.mjs";
import { boxKey, isText, textOf } from "./boxes.mjs";
import { isLive, liveSpots, spotOf, widgetOf } from "./graph.mjs";
import { findPrompts } from "./prompts.mjs";

/** @typedef {import("./types.mjs").Box} Box */
/** @typedef {import("./prompts.mjs").Found} Found */

export const PINNED = "lorarec_pinned"; // property of a node: the name of the widget that is pinned

/**
 * @typedef {object} Reading
 * @property {any} root graph
 * @property {Found[]} prompts to choose from
 * @property {Found | null} found the one in question; null: none, or several and nothing tells which
 * @property {Box | null} box where words are added
 * @property {boolean} pinned whether it is the pinned one
 * @property {import("./types.mjs").Spot[]} spots the nodes that have a say in it
 * @property {import("./loras.mjs").Use[]} uses
 * @property {{name: string, strength: number}[]} active
 * @property {string} prompt
 * @property {string} negative
 * @property {string} baseModel
 */

/**
 * @param {any} root graph @param {string[]} attention keys under which the box that has the user's attention may go
 * @returns {Reading}
 */
export function read(root, attention) {
  const prompts = findPrompts(root);
  const pin = pinnedPrompt(root, prompts);
  const attended = attendedPrompt(root, prompts, attention);
  // What has the focus, or is pinned, may be none of those that a sampler works with.
  for (const one of [pin, attended]) if (one && !prompts.includes(one)) prompts.push(one);
  const found = attended ?? pin ?? (prompts.length === 1 ? prompts[0] : null);
  const box = found?.boxes.find((one) => attention.includes(boxKey(one))) ?? found?.boxes[0] ?? null;
  const settled = found !== null;
  const spots = settled ? around(root, found) : [];
  const uses = allUses(spots);
  return {
    ...{ root, prompts, found, box, pinned: settled && found === pin, spots, uses, active: activeOf(uses) },
    prompt: settled ? textOf(found.boxes) : "",
    negative: settled ? textOf(found.negatives) : "",
    baseModel: settled ? baseModelOf(root, found) : "",
  };
}

/** @param {any} root @param {Found[]} prompts @param {string[]} keys @returns {Found | null} */
function attendedPrompt(root, prompts, keys) {
  const within = (/** @type {Box[]} */ boxes) => boxes.some((box) => keys.includes(boxKey(box)));
  const found = prompts.find((one) => within(one.boxes)) ?? prompts.find((one) => within(one.negatives));
  if (found) return found;
  for (const key of keys) {
    const [spotKey, name] = cut(key);
    const spot = spotOf(root, spotKey);
    const widget = spot && widgetOf(spot.node, name);
    if (spot && widget && isText(widget) && [...spot.owners, spot.node].every(isLive)) return alone({ spot, widget });
  }
  return null;
}

/** @param {any} root @param {Found[]} prompts @returns {Found | null} */
function pinnedPrompt(root, prompts) {
  const isPinned = (/** @type {Box} */ { spot, widget }) => spot.node.properties?.[PINNED] === widget.name;
  const found = prompts.find((one) => one.boxes.some(isPinned));
  if (found) return found;
  for (const spot of liveSpots(root)) {
    const widget = widgetOf(spot.node, spot.node.properties?.[PINNED]);
    if (widget && isText(widget)) return alone({ spot, widget });
  }
  return null;
}

/** @param {Box} box @returns {Found} a text that drives no sampler */
function alone(box) {
  return { key: boxKey(box), boxes: [box], negatives: [], samplers: [], recommend: null };
}

/** @param {string} key of a box @returns {[string, string]} */
function cut(key) {
  const at = key.indexOf("/");
  return [key.slice(0, at), key.slice(at + 1)];
}
