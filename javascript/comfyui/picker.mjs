/** Which prompt the suggestions are for, above the panel; where several remain, a choice, never a guess. */

import { fill, make } from "../core/dom.mjs";
import { textOf } from "./boxes.mjs";

/** @typedef {import("./host.mjs").Workflow} Workflow */
/** @typedef {import("./prompts.mjs").Found} Found */

const SHOWN = 160; // characters of a prompt

export class Picker {
  /** @param {Workflow} workflow @param {import("./texts.mjs").Say} say whose language may change */
  constructor(workflow, say) {
    this._workflow = workflow;
    this._say = say;
    this._drawn = "";
    this._select = make("select.lr-input.lr-prompt-choice");
    this._select.addEventListener("change", () => this._workflow.choose(this._select.value));
    this._pin = make("button.lr-icon-button", { type: "button", onclick: () => this._workflow.pin() });
    this._find = make("button.lr-icon-button", { type: "button", onclick: () => this._workflow.show() }, make("i.pi.pi-map-marker", { "aria-hidden": "true" }));
    this._question = make("div.lr-question", { role: "group" });
    this.element = make("div.lr-prompt", {}, make("div.lr-prompt-bar", {}, this._select, this._pin, this._find), this._question);
  }

  /** Show what is to choose from. @returns {boolean} whether one prompt is in question */
  draw() {
    const { prompts, found, pinned } = this._workflow.reading;
    const say = this._say;
    const shown = JSON.stringify([say("prompt"), found?.key, pinned, prompts.map((one) => [one.key, titleOf(one), textOf(one.boxes).slice(0, SHOWN)])]);
    if (shown === this._drawn) return found !== null;
    this._drawn = shown;
    const options = prompts.map((one) => make("option", { value: one.key, selected: one.key === found?.key }, this._line(one)));
    if (!found) options.unshift(make("option", { value: "", selected: true, disabled: true }, say(prompts.length ? "choose" : "prompt")));
    fill(this._select, ...options);
    this._select.disabled = !prompts.length;
    this._select.title = found ? textOf(found.boxes) : "";
    this._select.setAttribute("aria-label", say("prompt"));
    for (const [button, label] of /** @type {const} */ ([[this._pin, say(pinned ? "unpin" : "pin")], [this._find, say("find")]])) {
      button.title = label;
      button.setAttribute("aria-label", label);
    }
    this._pin.setAttribute("aria-pressed", String(pinned));
    fill(this._pin, make(pinned ? "i.pi.pi-bookmark-fill" : "i.pi.pi-bookmark", { "aria-hidden": "true" }));
    this._pin.disabled = this._find.disabled = !found;
    this._drawQuestion(prompts, found);
    return found !== null;
  }

  /** @param {Found[]} prompts @param {Found | null} found */
  _drawQuestion(prompts, found) {
    const say = this._say;
    this._question.hidden = found !== null;
    if (found) return fill(this._question);
    const ask = make("p.lr-message-title", {}, say("choose"));
    const choices = prompts.map((one) =>
      make("button.lr-prompt-card", { type: "button", "data-key": one.key, onclick: () => this._workflow.choose(one.key) }, make("strong", {}, titleOf(one)), make("span", {}, beginning(one) || say("unnamed"))),
    );
    fill(this._question, prompts.length > 0 && ask, make("p.lr-muted", {}, say(prompts.length ? "several" : "noPrompt")), ...choices);
  }

  /** @param {Found} found */
  _line(found) {
    return `${titleOf(found)}: ${beginning(found) || this._say("unnamed")}`;
  }
}

/** @param {Found} found @returns {string} its node as the canvas names it, and where one drives something else its sampler */
function titleOf({ boxes, samplers }) {
  const name = (/** @type {import("./types.mjs").Node} */ node) => node.title || node.type;
  const box = boxes[0].spot;
  const within = [...box.owners, box.node].map(name).join(" › ");
  return samplers.length ? `${within} → ${name(samplers[0].node)}` : within;
}

/** @param {Found} found @returns {string} */
function beginning({ boxes }) {
  const text = textOf(boxes).replace(/\s+/g, " ");
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
