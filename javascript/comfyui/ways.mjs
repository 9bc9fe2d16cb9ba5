/** The ways to put a LoRA into a workflow, and which of them a workflow has a place for. */

import { findTags, tagName, withTag, written } from "../core/tags.mjs";
import { setWidget } from "./change.mjs";
import { RECOMMEND } from "./boxes.mjs";
import { kindOf, widgetOf } from "./graph.mjs";
import { isOn, MANAGER, plainName, POWER } from "./loras.mjs";
import { bareWords, readSelection, writeSelection } from "./selection.mjs";
import { anchorOf, insertLoader } from "./wiring.mjs";
import { addWords, keepWords } from "./words.mjs";

/** @typedef {import("./types.mjs").Spot} Spot */
/** @typedef {import("./types.mjs").Node} Node */
/** @typedef {import("./types.mjs").Widget} Widget */
/** @typedef {import("./reading.mjs").Reading} Reading */
/** @typedef {import("../core/types.mjs").Choice} Choice */
/** @typedef {{node: Node, act: (choice: Choice) => void}} Found the node where it goes, and what puts it there */
/** @typedef {Found & {name: string}} Way */

/**
 * @typedef {object} Tools
 * @property {(kind: string) => Node} create throws where ComfyUI makes none of that kind
 * @property {(path: string) => string} listed a LoRA's name as ComfyUI's lists have it; throws where they do not
 */

/** @typedef {{spots: Spot[], model: Spot | null}} Branch the nodes where it may go, and where their one model comes from; null: any of the samplers' */

/** @type {Record<string, (reading: Reading, branch: Branch, tools: Tools) => Found | null>} */
const WAYS = { recommend, rows, tag, loader };

/**
 * How to insert: as wished, else in the order that suits a workflow.
 * @param {Reading} reading @param {Tools} tools @param {string} wish "auto" or one of the ways @param {Branch} branch
 * @returns {Way | null} null: there is nowhere to insert
 */
export function wayFor(reading, tools, wish, branch = { spots: reading.spots, model: null }) {
  const tagged = reading.uses.some((use) => use.place === "tag") || findTags(reading.prompt).length > 0;
  const order = [wish, "recommend", "rows", ...(tagged ? ["tag"] : []), "loader"];
  for (const name of order) {
    const found = WAYS[name]?.(reading, branch, tools);
    if (found) return { name, ...found };
  }
  return null;
}

/** As a row of a Recommend LoRAs node, unless that chooses anew in every run. @param {Reading} reading @param {Branch} branch @returns {Found | null} */
function recommend({ found, box }, { spots }) {
  const spot = spots.find(({ node }) => kindOf(node) === RECOMMEND) ?? found?.recommend;
  const widget = spot && widgetOf(spot.node, "selection");
  const rows = widget && readSelection(widget.value);
  if (!spot || !widget || !rows || widgetOf(spot.node, "mode")?.value === "always") return null;
  // The node adds the words of its rows to its prompt, or hands them on; if nothing takes either, the text must hold them.
  const speaks = [1, 2].some((slot) => spot.node.outputs?.[slot]?.links?.length);
  const act = (/** @type {Choice} */ { card, strength, words, partner, fingerprint }) => {
    const others = rows.filter((row) => plainName(row.name) !== plainName(card.lora));
    const row = { name: card.lora, model: strength, clip: strength, on: true, trigger_words: speaks ? bareWords(words) : [], partner, fingerprint };
    setWidget(spot.node, widget, writeSelection([...others, row]));
    if (!speaks && box) addWords(box, card.lora, words);
  };
  return { node: spot.node, act };
}

/** As a row of a loader or stack that has rows. @param {Reading} reading @param {Branch} branch @param {Tools} tools @returns {Found | null} */
function rows({ box }, { spots }, tools) {
  for (const { node } of spots) {
    const put = POWER.test(kindOf(node)) ? powerRow(node, tools) : MANAGER.test(kindOf(node)) ? managerRow(node) : freeRow(node, tools);
    if (!put) continue;
    const act = (/** @type {Choice} */ choice) => {
      put(choice);
      if (box) addWords(box, choice.card.lora, choice.words);
    };
    return { node, act };
  }
  return null;
}

/** @param {any} node @param {Tools} tools @returns {Found["act"] | null} */
function powerRow(node, tools) {
  if (typeof node.addNewLoraWidget !== "function") return null;
  return ({ card, strength }) => {
    const name = tools.listed(card.lora);
    const row = node.addNewLoraWidget(name);
    row.value = { ...row.value, on: true, lora: name, strength, ...(row.value?.strengthTwo == null ? {} : { strengthTwo: strength }) };
    const [width, height] = node.computeSize?.() ?? node.size;
    node.setSize?.([Math.max(width, node.size[0]), Math.max(height, node.size[1])]);
  };
}

/** Its text holds tags, and its list is made of them. @param {Node} node @returns {Found["act"] | null} */
function managerRow(node) {
  const text = widgetOf(node, "text");
  const list = widgetOf(node, "loras");
  if (!text || !list) return null;
  return ({ card, strength }) => {
    const name = tagName(card.lora);
    const before = String(text.value ?? "").trim();
    setWidget(node, text, `${before}${before ? " " : ""}<lora:${name}:${written(strength)}>`);
    text.callback?.(text.value);
    const rows = Array.isArray(list.value) ? list.value : [];
    if (rows.some((/** @type {any} */ row) => row?.name === name)) return;
    list.value = [...rows, { name, strength, clipStrength: strength, active: true, expanded: false }];
  };
}

/** The first row of a stack that names no LoRA. @param {Node} node @param {Tools} tools @returns {Found["act"] | null} */
function freeRow(node, tools) {
  if (!(node.outputs ?? []).some((output) => output.type === "LORA_STACK")) return null;
  const widgets = node.widgets ?? [];
  const free = widgets.find((widget) => widget.value === "None" && /lora/i.test(widget.name) && /\d/.test(widget.name));
  if (!free) return null;
  const number = free.name.match(/\d+/)?.[0];
  const hidden = Number((widgetOf(node, "lora_count") ?? widgetOf(node, "num_loras"))?.value ?? Infinity);
  if (Number(number) > hidden) return null;
  return ({ card, strength }) => {
    setWidget(node, free, tools.listed(card.lora));
    for (const widget of widgets.filter((one) => one !== free && one.name.match(/\d+/)?.[0] === number)) {
      if (typeof widget.value === "number") setWidget(node, widget, strength);
      else if (/switch|toggle|enable/i.test(widget.name) && !isOn(widget.value)) setWidget(node, widget, typeof widget.value === "boolean" ? true : "On");
    }
  };
}

/** As a tag in the text. @param {Reading} reading @returns {Found | null} */
function tag({ box }) {
  if (!box) return null;
  const { node } = box.spot;
  const act = (/** @type {Choice} */ { card, strength, words }) => {
    const before = String(box.widget.value);
    const after = withTag(before, before.length, tagName(card.lora), strength, words);
    const added = words.filter((word) => after.includes(word) && !before.includes(word));
    setWidget(node, box.widget, after);
    keepWords(node, tagName(card.lora), added);
  };
  return { node, act };
}

/** As a new node behind the last LoraLoader of the chain, or behind what loads the model. @param {Reading} reading @param {Branch} branch @param {Tools} tools @returns {Found | null} */
function loader({ found, box }, { spots, model }, tools) {
  const starts = found?.samplers.length ? found.samplers : spots.filter(({ node }) => (node.inputs ?? []).some((input) => input.type === "LATENT"));
  const anchor = (model ? [model] : starts).map(anchorOf).find((one) => one !== null);
  if (!anchor) return null;
  const act = (/** @type {Choice} */ { card, strength, words }) => {
    const name = tools.listed(card.lora); // before anything changes: it may throw
    const node = insertLoader(tools.create, anchor.node);
    for (const [widget, value] of [["lora_name", name], ["strength_model", strength], ["strength_clip", strength]]) {
      const found = widgetOf(node, String(widget));
      if (found) setWidget(node, found, value);
    }
    if (box) addWords(box, card.lora, words);
  };
  return { node: anchor.node, act };
}
