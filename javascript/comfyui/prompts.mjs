/** The prompts of a workflow: from every sampler back along conditionings and guiders to the texts that drive it. */

import { boxKey, behind, RECOMMEND, textOf, textsOf, unique } from "./boxes.mjs";
import { keyOf, kindOf, liveSpots, originOf } from "./graph.mjs";

/** @typedef {import("./types.mjs").Spot} Spot */
/** @typedef {import("./types.mjs").Node} Node */
/** @typedef {import("./types.mjs").Box} Box */
/** @typedef {"positive" | "negative"} Side */

/**
 * @typedef {object} Found a prompt
 * @property {string} key tells it from others, also after the graph was loaded again
 * @property {Box[]} boxes where it is written; more than one where conditionings are combined
 * @property {Box[]} negatives
 * @property {Spot[]} samplers that it drives; none for a Recommend LoRAs node that is not linked to any
 * @property {Spot | null} recommend the Recommend LoRAs node that its text stands in
 */

const NEGATIVE = /^(?:\w+_)?neg(?:ative)?|conditioning-|^uncond/i;
const POSITIVE = /^(?:\w+_)?pos(?:itive)?|conditioning\+/i;
const BUNDLE = /pipe|context/i;

/**
 * All prompts, each once. Those without text are left out as long as others have some.
 * @param {any} root graph @returns {Found[]}
 */
export function findPrompts(root) {
  const spots = liveSpots(root);
  /** @type {Map<string, Found>} */
  const found = new Map();
  for (const spot of spots.filter(({ node }) => isSampler(node))) {
    const boxes = driving(spot, "positive");
    if (!boxes.length) continue;
    const key = boxes.map(boxKey).join(" ");
    const known = found.get(key);
    if (known) known.samplers.push(spot);
    else found.set(key, { key, boxes, negatives: driving(spot, "negative"), samplers: [spot], recommend: null });
  }
  const said = new Set([...found.values()].map(({ boxes }) => textOf(boxes)));
  for (const spot of spots.filter(({ node }) => kindOf(node) === RECOMMEND)) {
    const boxes = behind(spot, "prompt");
    const mine = [...found.values()].filter((one) => one.boxes.some((box) => boxes.some((other) => boxKey(other) === boxKey(box))));
    for (const one of mine) one.recommend = spot;
    if (mine.length || !boxes.length || said.has(textOf(boxes))) continue;
    const key = boxes.map(boxKey).join(" ");
    found.set(key, { key, boxes, negatives: behind(spot, "negative"), samplers: [], recommend: spot });
  }
  const all = [...found.values()];
  const filled = all.filter(({ boxes }) => textOf(boxes));
  return filled.length ? filled : all;
}

/** @param {Node} node @returns {boolean} */
export function isSampler(node) {
  const inputs = node.inputs ?? [];
  if (inputs.some((input) => input.type === "GUIDER")) return true;
  if (!inputs.some((input) => input.type === "CONDITIONING" && POSITIVE.test(input.name))) return false;
  if (!(node.outputs ?? []).some((output) => output.type === "CONDITIONING")) return true;
  return /sampler|detailer/i.test(kindOf(node)) || (node.widgets ?? []).some((widget) => /^(?:noise_)?seed$/.test(widget.name));
}

/** @param {Spot} spot a sampler @param {Side} side @returns {Box[]} */
export function driving(spot, side) {
  const guider = (spot.node.inputs ?? []).findIndex((input) => input.type === "GUIDER");
  const from = guider < 0 ? spot : originOf(spot, guider)?.spot;
  return from ? conditioned(from, side, new Set()) : [];
}

/** What a node's conditioning inputs of one side say. @param {Spot} spot @param {Side} side @param {Set<string>} seen @returns {Box[]} */
function conditioned(spot, side, seen) {
  const inputs = [...(spot.node.inputs ?? []).entries()];
  const mine = inputs.filter(([, input]) => input.type === "CONDITIONING" && sideOf(input.name) === side && input.link !== null);
  // A bundle carries both; what is beside it counts more.
  const from = mine.length ? mine : inputs.filter(([, input]) => BUNDLE.test(input.type));
  return unique(from.flatMap(([index]) => followed(spot, index, side, seen)));
}

/** @param {string} name of an input or output @returns {Side} what carries no name is what is wanted */
function sideOf(name) {
  return NEGATIVE.test(name) ? "negative" : "positive";
}

/** @param {Spot} spot @param {number} index of an input @param {Side} side @param {Set<string>} seen @returns {Box[]} */
function followed(spot, index, side, seen) {
  const origin = originOf(spot, index);
  if (!origin) return [];
  const key = `${keyOf(origin.spot)}/${origin.slot}/${side}`;
  if (seen.has(key)) return [];
  seen.add(key);
  const { node } = origin.spot;
  const output = node.outputs?.[origin.slot];
  if (kindOf(node).startsWith("ConditioningZeroOut")) return [];
  if (BUNDLE.test(output?.type ?? "")) return conditioned(origin.spot, side, seen);
  const inputs = (node.inputs ?? []).filter((input) => input.type === "CONDITIONING");
  const pair = inputs.some(({ name }) => NEGATIVE.test(name)) && inputs.some(({ name }) => POSITIVE.test(name));
  if (pair || (!inputs.length && (node.inputs ?? []).some((input) => BUNDLE.test(input.type)))) return conditioned(origin.spot, sideOf(output?.name ?? ""), seen);
  if (inputs.some((input) => input.link !== null)) {
    return unique([...(node.inputs ?? []).entries()].filter(([, input]) => input.type === "CONDITIONING").flatMap(([at]) => followed(origin.spot, at, side, seen)));
  }
  return encoded(origin.spot, output?.name ?? "");
}

/** The texts of an encoder, or of a loader that encodes both sides. @param {Spot} spot @param {string} output its name @returns {Box[]} */
function encoded(spot, output) {
  const texts = textsOf(spot);
  const names = [...(spot.node.widgets ?? []), ...(spot.node.inputs ?? [])].map(({ name }) => name);
  const sided = names.some((name) => NEGATIVE.test(name)) && names.some((name) => POSITIVE.test(name));
  return sided ? textsOf(spot, (name) => sideOf(name) === sideOf(output)) : texts;
}
