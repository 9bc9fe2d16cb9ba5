/**
 * Which LoRAs nodes use, as far as their widgets say: ComfyUI's own loaders, the rows of Power Lora Loader and LoRA
 * Manager, the stackers of other packs, our own node's selection, and tags in texts. Rows that are off do not count.
 */

import { findTags } from "../core/tags.mjs";
import { RECOMMEND, isText } from "./boxes.mjs";
import { kindOf, widgetOf } from "./graph.mjs";
import { readSelection } from "./selection.mjs";

/** @typedef {import("./types.mjs").Spot} Spot */
/** @typedef {import("./types.mjs").Node} Node */
/** @typedef {import("./types.mjs").Widget} Widget */

/**
 * @typedef {object} Use one LoRA in use
 * @property {string} name as the node writes it
 * @property {number} strength of the diffusion model
 * @property {Spot} spot
 * @property {"selection" | "row" | "rows" | "widget" | "tag"} place how the node keeps it
 * @property {Widget} widget that holds it
 * @property {Widget | null} model its strength's widget, where that is another one
 * @property {Widget | null} clip
 */

export const POWER = /^Power Lora Loader \(rgthree\)$/;
export const MANAGER = /^(?:Lora Loader|Lora Stacker|WanVideo Lora Select) \(LoraManager\)$/;
const NO_LOADER = /XY|random|LoraBlockInfo|Lora Info|LoraSave|LoraExtract|LoraReduce|Cycler|^LorarecSimilar$|^easy loraNames$/i;
const FILE = /\.(?:safetensors|sft|pt|pth|ckpt|bin|gguf)$/i;
const AMOUNT = /weight|strength|(?:^|_)(?:wt|str|scale|multiplier)(?:_|\d|$)/i;
const OF_CLIP = /clip|(?:^|_)te(?:_|\d|$)|strengthtwo/i;
const SWITCH = /^(?:switch|toggle|on|enabled?|active)(?:_?\d+)?$|^lora_?\d*_(?:on|enabled?|active)$/i;
const OTHER_FILE = /ckpt|checkpoint|unet|vae|clip|control|upscale|embedding|diffusion|gguf/i;

/** @param {Spot} spot @returns {Use[]} in the node's order */
export function usesOf(spot) {
  const { node } = spot;
  const kind = kindOf(node);
  const widgets = node.widgets ?? [];
  if (kind === RECOMMEND) return selected(spot);
  if (NO_LOADER.test(kind)) return [];
  const found = widgets.flatMap((widget) => rows(spot, widget));
  if (MANAGER.test(kind)) return found;
  return [...found, ...files(spot), ...widgets.filter(isText).flatMap((widget) => tagged(spot, widget))];
}

/** @param {string} name @returns {string} the same for all ways to write a LoRA's path */
export function plainName(name) {
  return name.trim().replaceAll("\\", "/").replace(FILE, "").toLowerCase();
}

/** @param {Spot} spot @param {Widget} widget @param {"selection" | "row" | "rows" | "widget" | "tag"} place @param {string} name @param {any} strength @returns {Use} */
function use(spot, widget, place, name, strength, /** @type {Widget | null} */ model = null, /** @type {Widget | null} */ clip = null) {
  const number = Number(strength ?? 1);
  return { name, strength: Number.isFinite(number) ? Math.round(number * 1e6) / 1e6 : 1, spot, place, widget, model, clip };
}

/** @param {Spot} spot @returns {Use[]} */
function selected(spot) {
  const widget = widgetOf(spot.node, "selection");
  const rows = widget && readSelection(widget.value);
  return rows ? rows.filter((row) => row.on).map((row) => use(spot, /** @type {Widget} */ (widget), "selection", row.name, row.model)) : [];
}

/** LoRAs kept as objects: one per widget (rgthree) or a list of them (LoRA Manager). @param {Spot} spot @param {Widget} widget @returns {Use[]} */
function rows(spot, widget) {
  const { value } = widget;
  if (Array.isArray(value)) {
    return value
      .filter((row) => row && typeof row === "object" && typeof row.name === "string" && "strength" in row && (row.active ?? true))
      .map((row) => use(spot, widget, "rows", row.name, row.strength));
  }
  if (!value || typeof value !== "object" || !isFile(value.lora) || !(value.on ?? true)) return [];
  return [use(spot, widget, "row", value.lora, value.strength)];
}

/** LoRAs that widgets name, each with the strengths beside it. @param {Spot} spot @returns {Use[]} */
function files(spot) {
  const { node } = spot;
  const widgets = node.widgets ?? [];
  const value = (/** @type {string} */ name) => widgetOf(node, name)?.value;
  const hidden = Number(value("lora_count") ?? value("num_loras") ?? Infinity);
  const all = value("toggle") ?? true;
  if (!isOn(all)) return [];
  return widgets.filter((widget) => namesLora(node, widget)).flatMap((widget) => {
    const number = digits(widget.name);
    if (number && Number(number) > hidden) return [];
    const off = widgets.find((one) => SWITCH.test(one.name) && digits(one.name) === number && !isOn(one.value));
    if (off) return [];
    const simple = (value("input_mode") ?? value("mode")) === "simple";
    const amounts = widgets.filter((one) => AMOUNT.test(one.name) && digits(one.name) === number && typeof one.value === "number");
    const both = amounts.find((one) => /^lora_(?:wt_\d+|\d+_strength)$/.test(one.name)) ?? null;
    const rest = amounts.filter((one) => one !== both);
    const model = (simple ? both : null) ?? rest.find((one) => !OF_CLIP.test(one.name)) ?? both;
    const clip = simple && both ? null : (rest.find((one) => OF_CLIP.test(one.name)) ?? null);
    return model?.value === 0 && !clip?.value ? [] : [use(spot, widget, "widget", widget.value.content ?? widget.value, model?.value, model, clip)];
  });
}

/** @param {Node} node @param {Widget} widget @returns {boolean} */
function namesLora(node, widget) {
  const value = widget.value?.content ?? widget.value; // Custom-Scripts keeps {content, image}
  if (!isFile(value) || AMOUNT.test(widget.name)) return false;
  return /lora/i.test(widget.name) || (/lora/i.test(kindOf(node)) && !OTHER_FILE.test(widget.name));
}

/** @param {Spot} spot @param {Widget} widget @returns {Use[]} */
function tagged(spot, widget) {
  return findTags(widget.value).map(({ name, strength }) => use(spot, widget, "tag", name, strength));
}

/** @param {any} value @returns {boolean} */
function isFile(value) {
  return typeof value === "string" && value.length < 400 && FILE.test(value.trim());
}

/** @param {any} value @returns {boolean} a switch, as packs write it */
export function isOn(value) {
  return typeof value === "string" ? !/^(?:off|false|disabled?|no|none)$/i.test(value) : Boolean(value);
}

/** @param {string} name @returns {string} */
function digits(name) {
  return name.match(/\d+/)?.[0] ?? "";
}
