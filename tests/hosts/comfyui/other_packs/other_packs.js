// Nodes of other packs as far as their browser parts shape a graph: KJNodes' Set and Get, rgthree's Power Lora Loader,
// LoRA Manager's loader. Our own and small; their names, widgets and methods are those of the packs.
import { app } from "../../scripts/app.js";

/** Set and Get are virtual: they exist in the browser only, and share a name instead of a link. */
function virtual(type, build) {
  class Virtual extends LiteGraph.LGraphNode {
    constructor(title) {
      super(title ?? type);
      this.isVirtualNode = true;
      this.serialize_widgets = true;
      build(this);
    }
  }
  Virtual.title = type;
  LiteGraph.registerNodeType(type, Virtual);
}

app.registerExtension({
  name: "tests.other_packs",
  registerCustomNodes() {
    virtual("SetNode", (node) => {
      node.addWidget("text", "Constant", "", () => {});
      node.addInput("*", "*");
      node.addOutput("*", "*");
    });
    virtual("GetNode", (node) => {
      node.addWidget("combo", "Constant", "", () => {}, { values: () => [] });
      node.addOutput("*", "*");
    });
  },
  beforeRegisterNodeDef(nodeType, nodeData) {
    if (nodeData.name === "Power Lora Loader (rgthree)") powerLoraLoader(nodeType);
    if (nodeData.name === "Lora Loader (LoraManager)") loraManager(nodeType);
  },
});

function powerLoraLoader(nodeType) {
  Object.assign(nodeType.prototype, {
    serialize_widgets: true,
    addNewLoraWidget(lora) {
      this.rows = (this.rows ?? 0) + 1;
      const widget = { name: `lora_${this.rows}`, type: "custom", options: {}, draw() {}, computeSize: () => [200, 20] };
      widget.value = { on: true, lora: lora ?? null, strength: 1, strengthTwo: null };
      return this.addCustomWidget(widget);
    },
  });
  const configure = nodeType.prototype.configure;
  nodeType.prototype.configure = function (info) {
    for (const widget of [...(this.widgets ?? [])]) this.widgets.splice(this.widgets.indexOf(widget), 1);
    configure.call(this, info);
    for (const value of info.widgets_values ?? []) if (value?.lora !== undefined) this.addNewLoraWidget().value = { ...value };
  };
}

function loraManager(nodeType) {
  const created = nodeType.prototype.onNodeCreated;
  nodeType.prototype.onNodeCreated = function () {
    created?.call(this);
    this.serialize_widgets = true;
    this.addInput("clip", "CLIP");
    const text = this.widgets.find((widget) => widget.name === "text");
    const loras = this.addCustomWidget({ name: "loras", type: "LORAS", value: [], options: {}, draw() {}, computeSize: () => [200, 40] });
    const read = (value) => [...value.matchAll(/<lora:([^:]+):([-\d.]+)>/g)].map(([, name, strength]) => ({ name, strength: Number(strength) }));
    text.callback = (value) => {
      const before = new Map(loras.value.map((one) => [one.name, one]));
      loras.value = read(value).map((one) => before.get(one.name) ?? { ...one, clipStrength: one.strength, active: true });
    };
  };
}
