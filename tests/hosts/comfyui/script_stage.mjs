// Runs the extension script against stand-ins of a node and prints, as JSON, what became of the node's widgets.
// Usage: node script_stage.mjs <folder with extensions/ and scripts/>. Steps come on stdin: a list of
//   {"run": true}                  the browser serialises the node for a run; prints what it would send as selection
//   {"executed": {...}}            the server's "ui" answer arrives
//   {"set": ["widget", value]}     the user edits a widget
//   {"progress": "text"}           the server shows a text while it works
//   {"press": "widget"}            the user presses a button
//   {"switch": true}               another workflow is opened: a fresh node under the same id
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const place = process.argv[2];
const { app } = await import(pathToFileURL(`${place}/scripts/app.js`).href);
await import(pathToFileURL(`${place}/extensions/lora-recommender.v1/comfyui/lorarec.js`).href);
const [extension] = app.extensions;

class NodeType {
  constructor() {
    this.comfyClass = "LorarecRecommend";
    this.size = [100, 100];
    this.widgets = [
      { name: "prompt", value: "ink" },
      { name: "mode", value: "fill once" },
      { name: "selection", value: "" },
    ];
  }
  computeSize() {
    return [200, 300];
  }
  setSize(size) {
    this.size = size;
  }
  addWidget(type, name, value, callback) {
    const widget = { type, name, value, callback, options: {} };
    this.widgets.push(widget);
    return widget;
  }
  setDirtyCanvas() {}
}

extension.beforeRegisterNodeDef(NodeType, { name: "LorarecRecommend" });
let node;
const fresh = () => {
  node = new NodeType();
  extension.nodeCreated(node);
};
const find = (name) => node.widgets.find((widget) => widget.name === name);
fresh();
const sent = [];
for (const step of JSON.parse(readFileSync(0, "utf8"))) {
  if (step.run) sent.push(find("selection").serializeValue());
  if (step.executed) node.onExecuted(step.executed);
  if (step.set) find(step.set[0]).value = step.set[1];
  if (step.progress) node.widgets.push({ name: "$$node-text-preview", value: step.progress });
  if (step.press) find(step.press).callback();
  if (step.switch) fresh();
}
console.log(
  JSON.stringify({
    sent,
    selection: find("selection").value,
    shown: node.widgets.map((widget) => widget.name),
    report: find("lorarec_report")?.value,
    saved: node.widgets.filter((widget) => widget.serialize !== false).map((widget) => widget.name),
    changes: app.changes,
    size: node.size,
  }),
);
