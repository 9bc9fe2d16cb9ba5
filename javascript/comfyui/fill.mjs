/**
 * Empty selections are filled before a workflow is queued: then every run of a batch, and every image of it, names the
 * same LoRAs. Without an answer in time the workflow is queued as it is, and the node chooses when it runs.
 */

import { activeOf, allUses, baseModelOf } from "./around.mjs";
import { RECOMMEND } from "./boxes.mjs";
import { change } from "./change.mjs";
import { inputIndex, keyOf, kindOf, liveSpots, sourceOf, upstream, widgetOf } from "./graph.mjs";
import { rowOf, writeSelection } from "./selection.mjs";

/** @typedef {import("./types.mjs").Spot} Spot */
/** @typedef {import("../core/types.mjs").Answer} Answer */
/** @typedef {import("../core/client.mjs").Client} Client */

const PATIENCE = 2500; // milliseconds that a queue waits at most
const UNSEEN = "lorarec_unseen"; // in the workflow's `extra`: nodes whose choice nobody saw before it ran
const AS_LINKED = ["mode", "selection", "negative", "base_model", "count", "min_score", "roles", "folders", "safety"];

/** @typedef {{selection: string, report: string}} Filled */

export class Filler {
  /** @param {any} app @param {any} api @param {() => Client} client made when first needed */
  constructor(app, api, client) {
    this._app = app;
    this._client = client;
    /** @type {Set<string>} */
    this._unseen = new Set();
    /** @type {WeakMap<object, Filled>} */
    this._filled = new WeakMap();
    const queue = app.queuePrompt;
    const filler = this;
    /** @this {any} @param {...any} given */
    app.queuePrompt = async function (...given) {
      await filler.fill();
      return queue.apply(this, given);
    };
    const send = api.queuePrompt;
    /** @this {any} @param {any} number @param {any} data @param {...any} rest */
    api.queuePrompt = function (number, data, ...rest) {
      filler.mark(data?.workflow);
      return send.call(this, number, data, ...rest);
    };
  }

  /** Fill what is empty; never fails. */
  async fill() {
    this._unseen.clear(); // what is queued again was seen
    try {
      const spots = liveSpots(this._app.rootGraph ?? this._app.graph).filter(isEmpty);
      if (!spots.length) return;
      const late = new Promise((_, fail) => setTimeout(() => fail(new Error("no answer in time")), PATIENCE));
      const asked = spots.map((spot) => this._ask(spot));
      await Promise.race([Promise.all(asked), late]).then((answers) => this._take(spots, /** @type {Answer[]} */ (answers)));
    } catch (error) {
      console.debug("lorarec: selections are filled when the workflow runs", error);
    }
  }

  /**
   * Tell the server which choices nobody has seen yet: lorarec must not learn from its own suggestions.
   * @param {any} workflow as it is sent
   */
  mark(workflow) {
    if (!workflow || (!this._unseen.size && !workflow.extra?.[UNSEEN])) return;
    const { [UNSEEN]: _, ...extra } = workflow.extra ?? {};
    workflow.extra = this._unseen.size ? { ...extra, [UNSEEN]: [...this._unseen] } : extra;
  }

  /** A workflow that was read from an image may carry the mark; now its choice is seen. @param {any} graph */
  loaded(graph) {
    if (graph?.extra) delete graph.extra[UNSEEN];
  }

  /**
   * The report of a run, with the reasons of the choice that it began with.
   * @param {any} node @param {string[]} texts @returns {string}
   */
  report(node, texts) {
    const filled = this._filled.get(node);
    const text = texts.join("\n\n");
    if (!filled || texts.length !== 1 || filled.selection !== widgetOf(node, "selection")?.value) return text;
    const warnings = text.split("\n").filter((line) => line.startsWith("Warning:"));
    return [filled.report, ...warnings].join("\n");
  }

  /** @param {Spot} spot @returns {Promise<Answer>} */
  _ask(spot) {
    return this._client().suggestWide(askOf(this._app.rootGraph ?? this._app.graph, spot));
  }

  /** @param {Spot[]} spots @param {Answer[]} answers */
  _take(spots, answers) {
    change(this._app, () => {
      for (const [k, spot] of spots.entries()) {
        const widget = widgetOf(spot.node, "selection");
        if (!widget || !isEmpty(spot)) continue; // the user wrote meanwhile
        const least = Number(widgetOf(spot.node, "min_score")?.value ?? 0);
        const fitting = answers[k].abstained ? [] : answers[k].suggestions.filter((one) => one.score >= least);
        widget.value = writeSelection(fitting.map(rowOf));
        this._unseen.add(keyOf(spot));
        this._filled.set(spot.node, { selection: widget.value, report: [...explained(fitting, answers[k], least), ...answers[k].notes].join("\n") });
        if (fitting.length) void this._seen(spot, answers[k], fitting);
      }
    });
  }

  /** @param {Spot} spot @param {Answer} answer @param {Answer["suggestions"]} fitting */
  async _seen(spot, answer, fitting) {
    const shown = fitting.map(({ id, score, propensity }) => ({ id, score, propensity }));
    const active = answer.active.map((one) => one.id).filter(Boolean);
    try {
      await this._client().seen({ prompt: String(widgetOf(spot.node, "prompt")?.value), shown, active, base_model: "" });
    } catch {
      // A lost impression is no matter for the user.
    }
  }
}

/** @param {Spot} spot @returns {boolean} whether its choice is due, and all that decides it stands in its own widgets */
export function isEmpty(spot) {
  const { node } = spot;
  if (kindOf(node) !== RECOMMEND || widgetOf(node, "mode")?.value !== "fill once") return false;
  const linked = (/** @type {string} */ name) => (node.inputs ?? []).some((input) => input.name === name && input.link !== null);
  if (String(widgetOf(node, "selection")?.value ?? "").trim() || AS_LINKED.some(linked)) return false;
  const prompt = promptOf(spot);
  return prompt !== null && !/\{|\/\/|\/\*/.test(prompt); // dynamic prompts are drawn when the graph is serialised
}

/** @param {Spot} spot @returns {string | null} null: it is made by other nodes when they run */
function promptOf(spot) {
  const index = inputIndex(spot.node, "prompt");
  const source = index < 0 ? null : sourceOf(spot, index);
  const widget = index < 0 ? widgetOf(spot.node, "prompt") : source && "widget" in source ? source.widget : null;
  const primitive = source && "slot" in source && /^Primitive/.test(source.spot.node.type) ? source.spot.node.widgets?.[0] : null;
  const text = (widget ?? primitive)?.value;
  return typeof text === "string" ? text : null;
}

/** @param {any} root @param {Spot} spot @returns {object} the question that the node itself would ask */
export function askOf(root, spot) {
  const value = (/** @type {string} */ name) => widgetOf(spot.node, name)?.value;
  const [roles, exclude_roles] = split(value("roles"));
  const [folders, exclude_folders] = split(String(value("folders") ?? "").replaceAll("\\", "/"));
  const before = upstream(spot, (type) => type === "LORA_STACK").filter((one) => one !== spot);
  return {
    prompt: promptOf(spot) ?? "",
    negative: String(value("negative") ?? ""),
    active: activeOf(allUses(before)),
    base_model: baseModelOf(root, { key: "", boxes: [], negatives: [], samplers: [], recommend: spot }) || null,
    top: Number(value("count") ?? 5),
    min_score: Number(value("min_score") ?? 0),
    ...{ roles: roles.map(lower), exclude_roles: exclude_roles.map(lower), folders, exclude_folders },
    safety: value("safety") === "auto" ? null : (value("safety") ?? null),
  };
}

/** @param {string} text */
function lower(text) {
  return text.toLowerCase();
}

/** "style, -nsfw" -> what is wanted and what is not. @param {any} text @returns {[string[], string[]]} */
function split(text) {
  const parts = String(text ?? "").split(/[,\n]/).map((part) => part.trim()).filter(Boolean);
  return [parts.filter((part) => !part.startsWith("-")), parts.filter((part) => part.startsWith("-")).map((part) => part.slice(1).trim()).filter(Boolean)];
}

/** @param {Answer["suggestions"]} fitting @param {Answer} answer @param {number} least @returns {string[]} as the node's own report says it */
function explained(fitting, answer, least) {
  const strength = (/** @type {number} */ value) => String(Math.round(value * 1000) / 1000);
  const lines = fitting.flatMap((one) => [
    `${one.score.toFixed(2)}  ${one.lora}  at ${strength(one.strength.model)} (${one.strength.source})`,
    ...(one.trigger_words.length ? [`      trigger words: ${one.trigger_words.join(", ")}`] : []),
    ...one.reasons.map((reason) => `      ${reason.text}`),
    ...(one.base_model_doubt ? [`      ${one.base_model_doubt}`] : []),
  ]);
  if (fitting.length) return lines;
  const [best] = answer.suggestions;
  return ["Nothing fits this prompt well enough.", ...(best ? [`Nearest: ${best.lora} (${best.score.toFixed(2)}, wanted at least ${least}).`] : [])];
}
