/**
 * ComfyUI's door: shows a node's report in the node, and keeps the computed selection in the workflow.
 *
 * Works in the classic canvas and in Nodes 2.0, hence standard widgets only.
 */
import { app } from "../../../scripts/app.js";
import { ComfyWidgets } from "../../../scripts/widgets.js";

const RECOMMEND = "LorarecRecommend";
const SHOWING = new Set([RECOMMEND, "LorarecSimilar"]);
const REPORT = "lorarec_report";
const PROGRESS = "$$node-text-preview"; // ComfyUI's own widget for texts sent while a node runs

/**
 * Nodes that were serialised for a run. Results arrive by node id alone: after a switch to another workflow the same
 * id may belong to another node, which must not receive this one's LoRAs.
 * @type {WeakSet<object>}
 */
const queued = new WeakSet();

/** @param {any} node @param {string} name */
function widgetOf(node, name) {
  return node.widgets?.find((/** @type {any} */ widget) => widget.name === name);
}

/** Tell the workflow's undo history and its "modified" mark about a change made by us. */
function changed() {
  const tracker = app.extensionManager?.workflow?.activeWorkflow?.changeTracker;
  if (tracker?.captureCanvasState) tracker.captureCanvasState();
  else tracker?.checkState?.();
}

/** @param {any} node @param {string} text */
function showReport(node, text) {
  const progress = widgetOf(node, PROGRESS);
  if (progress) {
    progress.onRemove?.();
    node.widgets.splice(node.widgets.indexOf(progress), 1);
  }
  let widget = widgetOf(node, REPORT);
  if (!widget) {
    widget = ComfyWidgets.STRING(node, REPORT, ["STRING", { multiline: true }], app).widget;
    widget.label = "report";
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

/**
 * Take over a selection that the server computed, so that saving the workflow now keeps what was used.
 * @param {any} node
 * @param {string[] | undefined} texts one per call; a list of prompts has several, and none of them speaks for all
 */
function keepSelection(node, texts) {
  const widget = widgetOf(node, "selection");
  if (!widget || texts?.length !== 1 || !queued.has(node)) return;
  const anew = widgetOf(node, "mode")?.value === "always";
  if (widget.value === texts[0] || (!anew && String(widget.value ?? "").trim())) return;
  widget.value = texts[0];
  changed();
}

app.registerExtension({
  name: "lorarec.nodes",

  /** @param {any} nodeType @param {{name: string}} nodeData */
  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!SHOWING.has(nodeData.name)) return;
    const before = nodeType.prototype.onExecuted;
    /** @param {any} output */
    nodeType.prototype.onExecuted = function (output) {
      before?.apply(this, arguments);
      if (output?.text) showReport(this, output.text.join("\n\n"));
      keepSelection(this, output?.selection);
    };
  },

  /** @param {any} node */
  nodeCreated(node) {
    if (node.comfyClass !== RECOMMEND) return;
    const selection = widgetOf(node, "selection");
    if (!selection) return;
    // In mode "always" the server ignores the selection; sending it would make ComfyUI sample again for nothing.
    selection.serializeValue = () => {
      queued.add(node);
      return widgetOf(node, "mode")?.value === "always" ? "" : selection.value;
    };
    const button = node.addWidget("button", "choose anew", null, () => {
      selection.value = "";
      changed();
    });
    button.tooltip = "Empty the selection: LoRAs are chosen again when the workflow runs.";
    button.serialize = false;
    Object.assign(button.options, { serialize: false });
  },
});
