/** The Recommend LoRAs node in the browser: what it sends as its selection, and what it keeps of an answer. */

import { settle } from "./change.mjs";
import { widgetOf } from "./graph.mjs";

/**
 * Nodes that were serialised for a run. Results arrive by node id alone: after a switch to another workflow the same
 * id may belong to another node, which must not receive this one's LoRAs.
 * @type {WeakSet<object>}
 */
const queued = new WeakSet();

/**
 * In mode "always" the server ignores the selection; sending it would make ComfyUI sample again for nothing.
 * @param {any} node
 */
export function sendSelection(node) {
  const selection = /** @type {any} */ (widgetOf(node, "selection"));
  if (!selection) return;
  selection.serializeValue = () => {
    queued.add(node);
    return widgetOf(node, "mode")?.value === "always" ? "" : selection.value;
  };
}

/** @param {any} app @param {any} node @param {import("./texts.mjs").Say} say */
export function chooseAnew(app, node, say) {
  const button = node.addWidget("button", "choose anew", null, () => {
    const selection = widgetOf(node, "selection");
    if (selection) selection.value = "";
    settle(app);
  });
  button.label = say("chooseAnew");
  button.tooltip = say("chooseAnewHelp");
  button.serialize = false;
  Object.assign(button.options, { serialize: false });
}

/** Say in its empty text boxes what they are for; the classic canvas shows them no label. @param {any} node @param {import("./texts.mjs").Say} say */
export function sayBoxes(node, say) {
  for (const [name, text] of /** @type {const} */ ([["prompt", "prompt"], ["selection", "selectionBox"], ["negative", "negativeBox"]])) {
    const widget = /** @type {any} */ (widgetOf(node, name));
    const area = widget?.inputEl ?? widget?.element;
    if (area) area.placeholder = say(text);
  }
}

/**
 * Take over a selection that the server computed, so that saving the workflow now keeps what was used.
 * @param {any} app @param {any} node
 * @param {string[] | undefined} texts one per call; a list of prompts has several, and none of them speaks for all
 */
export function keepSelection(app, node, texts) {
  const widget = widgetOf(node, "selection");
  if (!widget || texts?.length !== 1 || !queued.has(node)) return;
  const anew = widgetOf(node, "mode")?.value === "always";
  if (widget.value === texts[0] || (!anew && String(widget.value ?? "").trim())) return;
  widget.value = texts[0];
  settle(app);
}
