/**
 * Where a LoRA goes. Of a pair each half goes to its own model: Wan 2.2 samples with a high-noise and then with a low-noise
 * model, told apart by the names of their files, as lorarec/catalog/partners.py tells the LoRAs apart.
 */

import { behindModel, modelFile } from "./around.mjs";
import { liveSpots, upstream } from "./graph.mjs";
import { isSampler } from "./prompts.mjs";
import { wayFor } from "./ways.mjs";
import { modelOrigins } from "./wiring.mjs";

/** @typedef {import("./types.mjs").Spot} Spot */
/** @typedef {import("./reading.mjs").Reading} Reading */
/** @typedef {import("./ways.mjs").Tools} Tools */
/** @typedef {import("./ways.mjs").Way} Way */
/** @typedef {import("../core/types.mjs").Choice} Choice */
/** @typedef {"high" | "low"} Noise */
/** @typedef {{way: Way, choice: Choice}} Part */

const IN_SO_MANY_WORDS = [/(high|low)[ _.-]*noise/gi, /(?<![a-z0-9])([hl])n(?![a-z0-9])/gi];
const BY_ANY_SIGN = [...IN_SO_MANY_WORDS, /(?<![a-z0-9])(high|low)(?![a-z0-9])/gi, /(?<=[a-z0-9])(High|Low)(?![a-z])/g, /(?<=[ _.-])([hl])(?=[ _.-]|$)/gi];

/**
 * @typedef {object} Place
 * @property {() => void} put
 * @property {"" | "halfHigh" | "halfLow" | "halfTag" | "halfUnlinked"} note what becomes of a pair, as a text's name; "": each
 *   half goes where it belongs
 */

/**
 * @param {Reading} reading @param {Tools} tools @param {string} wish "auto" or one of the ways @param {Choice} choice
 * @returns {Place | null} null: there is nowhere to insert
 */
export function placeFor(reading, tools, wish, choice) {
  const way = wayFor(reading, tools, wish);
  if (!way) return null;
  if (way.name === "recommend") return placed([{ way, choice }], tools, choice.partner && !givesLow(way.node) ? "halfUnlinked" : "");
  if (way.name === "tag") return placed([{ way, choice }], tools, choice.partner ? "halfTag" : "");
  const at = (/** @type {Noise} */ noise) => {
    const branch = branchOf(reading, noise);
    return branch && wayFor(reading, tools, wish, branch);
  };
  if (!choice.partner) {
    const noise = noiseOf(choice.card.lora, IN_SO_MANY_WORDS);
    return placed([{ way: (noise && at(noise)) || way, choice }], tools, "");
  }
  const [high, low] = [at("high"), at("low")];
  const partner = { ...choice, card: { ...choice.card, lora: choice.partner }, partner: "", fingerprint: "" };
  if (high && low && high.node !== low.node) return placed([{ way: high, choice }, { way: low, choice: { ...partner, words: [] } }], tools, "");
  if (low && !high) return placed([{ way: low, choice: partner }], tools, "halfLow");
  return placed([{ way: high ?? way, choice }], tools, "halfHigh");
}

/** @param {Part[]} parts @param {Tools} tools @param {Place["note"]} note @returns {Place} */
function placed(parts, { listed }, note) {
  const put = () => {
    if (parts.length > 1) parts.forEach(({ choice }) => listed(choice.card.lora)); // it may throw: both go in, or neither
    parts.forEach(({ way, choice }) => way.act(choice));
  };
  return { put, note };
}

/** @param {import("./types.mjs").Node} node Recommend LoRAs @returns {boolean} whether anything takes the low-noise halves */
function givesLow(node) {
  return Boolean(node.outputs?.find((output) => output.name === "LORA_STACK_LOW")?.links?.length);
}

/**
 * What a LoRA or a model is for, by the last sign in its file's name, else in its folder's.
 * @param {string} path @param {RegExp[]} signs strongest first @returns {Noise | ""}
 */
export function noiseOf(path, signs = BY_ANY_SIGN) {
  const plain = path.replaceAll("\\", "/").replace(/\.[^./]*$/, "");
  const cut = plain.lastIndexOf("/");
  for (const text of [plain.slice(cut + 1), plain.slice(0, Math.max(cut, 0))]) {
    for (const sign of signs) {
      const found = [...text.matchAll(sign)].at(-1);
      if (found) return /^h/i.test(found[1]) ? "high" : "low";
    }
  }
  return "";
}

/**
 * The part of a workflow that leads to a model: of the prompt's own samplers, else of any.
 * @param {Reading} reading @param {Noise} noise @returns {import("./ways.mjs").Branch | null}
 */
function branchOf(reading, noise) {
  const samplers = [...(reading.found?.samplers ?? []), ...liveSpots(reading.root).filter(({ node }) => isSampler(node))];
  for (const sampler of samplers) {
    // A sampler that works with both models names its inputs so.
    for (const { name, spot } of modelOrigins(sampler)) {
      const told = noiseOf(name) || noiseOf(modelFile(upstream(spot, (type) => type === "MODEL")));
      if (told === noise) return { spots: behindModel(spot), model: spot };
    }
  }
  return null;
}
