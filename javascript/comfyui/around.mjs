/** What stands around a prompt in its workflow: the LoRAs in use and the model that they are used with. */

import { RECOMMEND } from "./boxes.mjs";
import { inputIndex, keyOf, kindOf, liveSpots, originOf, sourceOf, upstream, widgetOf } from "./graph.mjs";
import { plainName, usesOf } from "./loras.mjs";

/** @typedef {import("./types.mjs").Spot} Spot */
/** @typedef {import("./prompts.mjs").Found} Found */
/** @typedef {import("./loras.mjs").Use} Use */

const EARLIER = /^(?:LATENT|IMAGE|MASK|VIDEO|AUDIO)$/; // what an earlier pass made
const MODEL_FILE = /\.(?:safetensors|sft|ckpt|gguf|pt|pth|bin)$/i;
const LOADED = ["ckpt_name", "unet_name", "diffusion_model_name", "base_ckpt_name", "model_name", "model", "checkpoint"];
const OTHER_PART = /lora|vae|clip|control|upscale|text_encoder|embedding/i;

/**
 * The nodes that have a say in a prompt's image, nearest to its samplers first; all where it drives none.
 * @param {any} root @param {Found | null} found @returns {Spot[]}
 */
export function around(root, found) {
  const starts = found?.samplers ?? [];
  if (!starts.length) return liveSpots(root);
  const all = starts.flatMap((start) => upstream(start, (type) => !EARLIER.test(type)));
  const spots = new Map(all.map((spot) => [keyOf(spot), spot]));
  // A Recommend LoRAs node may give its prompt only, and the rest of its stack to another sampler.
  if (found?.recommend) spots.set(keyOf(found.recommend), found.recommend);
  return [...spots.values()];
}

/** @param {Spot[]} spots @returns {Use[]} all, also where one LoRA is used twice */
export function allUses(spots) {
  return spots.flatMap(usesOf);
}

/** What leads to a model, itself included. @param {Spot} spot that gives it @returns {Spot[]} */
export function behindModel(spot) {
  return upstream(spot, (type) => !EARLIER.test(type) && type !== "CONDITIONING");
}

/** @param {Use[]} uses @returns {{name: string, strength: number}[]} each LoRA once */
export function activeOf(uses) {
  const found = new Map();
  for (const { name, strength } of uses) if (!found.has(plainName(name))) found.set(plainName(name), { name, strength });
  return [...found.values()];
}

/** @param {any} root @param {Found | null} found @returns {string} the model's file, or what a Recommend LoRAs node is told; "" if nothing tells */
export function baseModelOf(root, found) {
  const told = found?.recommend && String(widgetOf(found.recommend.node, "base_model")?.value ?? "").trim();
  if (told && told.toLowerCase() !== "auto") return told;
  const samplers = found?.samplers ?? [];
  const starts = samplers.length ? samplers : found?.recommend ? [found.recommend] : [];
  for (const start of starts) {
    const name = modelFile(upstream(start, (type) => type === "MODEL" || type === "GUIDER")) || modelFile(upstream(start, (type) => !EARLIER.test(type)));
    if (name) return name;
  }
  const names = new Set(starts.length ? [] : liveSpots(root).map((spot) => modelFile([spot])).filter(Boolean));
  return names.size === 1 ? [...names][0] : "";
}

/** @param {Spot[]} spots nearest first @returns {string} the first model that they load; "" if none is named */
export function modelFile(spots) {
  for (const spot of spots) {
    const { node } = spot;
    if (kindOf(node) === RECOMMEND || (node.outputs ?? []).every((output) => !/MODEL|PIPE/i.test(output.type))) continue;
    for (const name of LOADED) {
      const value = valueOf(spot, name);
      if (typeof value === "string" && MODEL_FILE.test(value)) return value;
    }
    const other = (node.widgets ?? []).find(({ name, value }) => typeof value === "string" && MODEL_FILE.test(value) && !OTHER_PART.test(name));
    if (other) return other.value;
  }
  return "";
}

/** @param {Spot} spot @param {string} name @returns {any} of a widget, or of the primitive that is linked to it */
function valueOf(spot, name) {
  const index = inputIndex(spot.node, name);
  const source = index < 0 ? null : sourceOf(spot, index);
  if (source && "widget" in source) return source.widget.value;
  const linked = index < 0 || spot.node.inputs?.[index].type === "MODEL" ? null : originOf(spot, index);
  return linked ? linked.spot.node.widgets?.[0]?.value : widgetOf(spot.node, name)?.value;
}
