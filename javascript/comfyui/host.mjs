/** ComfyUI as the panel's `Host`: the workflow in hand, read anew when it changed. */

import { RECOMMEND } from "./boxes.mjs";
import { change } from "./change.mjs";
import { keysAt } from "./focus.mjs";
import { allUses } from "./around.mjs";
import { kindOf, liveSpots, widgetOf } from "./graph.mjs";
import { plainName } from "./loras.mjs";
import { placeFor } from "./pairs.mjs";
import { PINNED, read } from "./reading.mjs";
import { readSelection } from "./selection.mjs";
import { removeUse, setStrength } from "./uses.mjs";

/** @typedef {import("./reading.mjs").Reading} Reading */
/** @typedef {import("./prompts.mjs").Found} Found */
/** @typedef {import("../core/types.mjs").Choice} Choice */

const FRESH = 250; // milliseconds: other packs change workflows without telling anybody

/** What the frontend gives its extensions. @typedef {{app: any, api: any, LiteGraph: any}} Comfy */

export class Workflow {
  /** @param {Comfy} comfy @param {import("./watch.mjs").Watch} watch */
  constructor({ app, LiteGraph }, watch) {
    this.app = app;
    this.watch = watch;
    this._LiteGraph = LiteGraph;
    /** @type {string[]} */
    this._attention = [];
    /** @type {Reading | null} */
    this._reading = null;
    this._at = 0;
    this._open = "";
  }

  /** @returns {any} the graph, without the one that is looked at inside of it */
  get root() {
    return this.app.rootGraph ?? this.app.graph;
  }

  /** @returns {Reading} */
  get reading() {
    this._follow();
    const now = performance.now();
    if (!this._reading || now - this._at > FRESH || this._reading.root !== this.root) {
      this._reading = read(this.root, this._attention);
      this._at = now;
    }
    return this._reading;
  }

  /** Read it anew when it is asked for next, and tell those who listen. */
  changed() {
    this._reading = null;
    this.watch.touch();
  }

  /** @param {any} element that got the focus; what is no text box of a node does not take the attention away */
  focused(element) {
    const keys = keysAt(this.app, element);
    this._follow();
    if (!keys.length || keys.join() === this._attention.join()) return;
    this._attention = keys;
    this.changed();
  }

  /** @param {string} key of the prompt that the user chose */
  choose(key) {
    this._attention = key.split(" ").slice(0, 1);
    this.changed();
  }

  /** Keep to the prompt in hand, or not any longer; one step of undo. */
  pin() {
    const { found, pinned } = this.reading;
    const box = this.reading.box ?? found?.boxes[0];
    if (!box) return;
    change(this.app, () => {
      for (const one of this.reading.prompts.flatMap(({ boxes }) => boxes)) delete one.spot.node.properties?.[PINNED];
      if (!pinned) box.spot.node.properties[PINNED] = box.widget.name;
    });
    this.changed();
  }

  /** Show the prompt in hand on the canvas. */
  show() {
    const node = this.reading.box?.spot.node;
    if (!node) return;
    const { canvas } = this.app;
    if (canvas.graph !== node.graph) canvas.setGraph?.(node.graph);
    canvas.centerOnNode?.(node);
    canvas.selectNode?.(node);
  }

  /** @param {Choice} choice @param {string} wish how @param {import("./texts.mjs").Say} say @throws {Error} it cannot be inserted; a sentence for the user */
  insert(choice, wish, say) {
    const place = this._placeFor(choice, wish, say);
    if (!place) throw new Error(say(this._unreadable() ? "unreadable" : "noPlace"));
    change(this.app, place.put);
    this.changed();
  }

  /** @param {Choice} choice of a pair @param {string} wish @param {import("./texts.mjs").Say} say @returns {string} what becomes of its halves; "": each goes where it belongs */
  halves(choice, wish, say) {
    const note = this._placeFor(choice, wish, say)?.note;
    return note ? say(note, { high: choice.card.lora, low: choice.partner }) : "";
  }

  /** @param {Choice} choice @param {string} wish @param {import("./texts.mjs").Say} say */
  _placeFor(choice, wish, say) {
    return placeFor(this.reading, { create: (kind) => this._create(kind, say), listed: (path) => this.listed(path, say) }, wish, choice);
  }

  /** @param {string} name @param {number} strength @param {string} partner */
  setStrength(name, strength, partner) {
    change(this.app, () => this._uses(name, partner).forEach((use) => setStrength(use, strength)));
    this.changed();
  }

  /** @param {string} name @param {string} partner */
  remove(name, partner) {
    const boxes = this.reading.found?.boxes ?? [];
    change(this.app, () => this._uses(name, partner).forEach((use) => removeUse(use, boxes)));
    this.changed();
  }

  /** @param {string} path of a LoRA, with "/" @param {import("./texts.mjs").Say} say @returns {string} as ComfyUI's lists name it */
  listed(path, say) {
    const [spec, options] = this._LiteGraph.registered_node_types.LoraLoader?.nodeData?.input?.required?.lora_name ?? [];
    const names = Array.isArray(spec) ? spec : (options?.options ?? []);
    const found = names.find((/** @type {string} */ name) => plainName(name) === plainName(path));
    if (found === undefined) throw new Error(say("notListed", { name: path }));
    return found;
  }

  /** @param {string} kind @param {import("./texts.mjs").Say} say @returns {any} a node that is in no graph yet */
  _create(kind, say) {
    const node = this._LiteGraph.createNode(kind);
    if (!node) throw new Error(say("noNode", { kind }));
    return node;
  }

  /** In another workflow the same ids belong to other nodes. */
  _follow() {
    const open = this.app.extensionManager?.workflow?.activeWorkflow?.path ?? "";
    if (open === this._open) return;
    this._open = open;
    this._attention = [];
    this._reading = null;
  }

  /** @param {string} name @param {string} partner its other half, which may stand before the sampler of another prompt; "": it has none */
  _uses(name, partner) {
    const called = (/** @type {string} */ wanted) => (/** @type {import("./loras.mjs").Use} */ use) => plainName(use.name) === plainName(wanted);
    return [...this.reading.uses.filter(called(name)), ...(partner ? allUses(liveSpots(this.root)).filter(called(partner)) : [])];
  }

  _unreadable() {
    return this.reading.spots.some(({ node }) => kindOf(node) === RECOMMEND && !readSelection(widgetOf(node, "selection")?.value));
  }
}

/**
 * The panel's host.
 * @param {Workflow} workflow
 * @param {object} around
 * @param {import("../core/types.mjs").Preferences} around.preferences
 * @param {string} around.language ComfyUI's
 * @param {(language: "en" | "zh") => void} around.spoken
 * @param {import("./texts.mjs").Say} around.say
 * @param {import("../core/types.mjs").Host["strings"]} around.strings
 * @returns {import("../core/types.mjs").Host}
 */
export function hostOf(workflow, { preferences, language, spoken, say, strings }) {
  return {
    getPrompt: () => ({ prompt: workflow.reading.prompt, negative: workflow.reading.negative }),
    onPromptChange: (changed) => workflow.watch.listen(changed),
    active: () => workflow.reading.active,
    baseModel: () => workflow.reading.baseModel,
    insert(choice) {
      try {
        workflow.insert(choice, preferences.get("insert") ?? "auto", say);
      } catch (error) {
        // The panel says it too, in a line that a narrow sidebar cuts short.
        workflow.app.extensionManager.toast?.add?.({ severity: "warn", summary: "lorarec", detail: /** @type {Error} */ (error).message, life: 8000 });
        throw error;
      }
    },
    remove: (name, partner = "") => workflow.remove(name, partner),
    setStrength: (name, strength, partner = "") => workflow.setStrength(name, strength, partner),
    halves: (choice) => workflow.halves(choice, preferences.get("insert") ?? "auto", say),
    language,
    spoken,
    strings,
    preferences,
  };
}
