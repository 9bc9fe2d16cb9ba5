/** A node's report in the node: a standard widget, which the classic canvas and Nodes 2.0 both draw. */

import { widgetOf } from "./graph.mjs";

const REPORT = "lorarec_report";
const PROGRESS = "$$node-text-preview"; // ComfyUI's own widget for texts sent while a node runs

/** @param {any} node @param {string} text @param {any} app @param {any} ComfyWidgets @param {import("./texts.mjs").Say} say */
export function showReport(node, text, app, ComfyWidgets, say) {
  const progress = /** @type {any} */ (widgetOf(node, PROGRESS));
  if (progress) {
    progress.onRemove?.();
    node.widgets.splice(node.widgets.indexOf(progress), 1);
  }
  let widget = /** @type {any} */ (widgetOf(node, REPORT));
  if (!widget) {
    widget = ComfyWidgets.STRING(node, REPORT, ["STRING", { multiline: true }], app).widget;
    widget.label = say("report");
    widget.serialize = false; // not in the workflow
    Object.assign(widget.options, { serialize: false, read_only: true, getMinHeight: () => 130 }); // nor in the prompt
    const area = widget.inputEl ?? widget.element;
    if (area) area.readOnly = true;
    const [width, height] = node.computeSize();
    node.setSize([Math.max(width, node.size[0]), Math.max(height, node.size[1])]);
  }
  widget.value = text;
  node.setDirtyCanvas?.(true, true);
}
