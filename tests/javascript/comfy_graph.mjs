/**
 * Graphs shaped like those of ComfyUI's frontend, built in a line or two:
 *   const g = new Graph(); const loader = g.add("CheckpointLoaderSimple", {out: ["MODEL", "CLIP"], ckpt_name: "a.safetensors"});
 *   g.add("KSampler", {in: {model: [loader, 0, "MODEL"]}, out: ["LATENT"]});
 */

export class Graph {
  constructor() {
    this.nodes = [];
    this.links = new Map();
    this.inputs = [];
    this.outputs = [];
    this.last = 0;
    this.extra = {};
  }

  getNodeById(id) {
    return this.nodes.find((node) => String(node.id) === String(id)) ?? null;
  }

  getLink(id) {
    return this.links.get(id);
  }

  setDirtyCanvas() {}
  beforeChange() {}
  afterChange() {}

  /** `in`: name -> [node, slot, type] or a type; `out`: types, or "name:type"; `state` is the node's mode; all else are widgets. */
  add(type, { in: inputs = {}, out = [], id, state = 0, title, properties = {}, virtual = false, subgraph, ...widgets } = {}) {
    const node = new Node(type, { id: id ?? this.nodes.length + 1, mode: state, title, properties, isVirtualNode: virtual, subgraph });
    node.outputs = out.map((one) => ({ name: one.split(":")[0], type: one.split(":").at(-1), links: [] }));
    for (const [name, value] of Object.entries(widgets)) node.addWidget(name, value);
    for (const [name, given] of Object.entries(inputs)) {
      const kind = Array.isArray(given) ? given[2] : given;
      const input = { name, type: kind, link: null };
      if (name in widgets) input.widget = { name };
      node.inputs.push(input);
    }
    this.put(node);
    for (const [name, given] of Object.entries(inputs)) {
      if (Array.isArray(given)) this.connect(given[0], given[1], node, node.inputs.findIndex((input) => input.name === name));
    }
    return node;
  }

  put(node) {
    node.graph = this;
    this.nodes.push(node);
  }

  remove(node) {
    for (const [id, link] of [...this.links]) if (link.origin_id === node.id || link.target_id === node.id) this.cut(id);
    this.nodes.splice(this.nodes.indexOf(node), 1);
  }

  /** @returns {object} the link; a node or -10, -20 at its ends */
  connect(from, slot, to, index, parentId) {
    const input = to === -20 ? null : to.inputs[index];
    if (input?.link != null) this.cut(input.link);
    const link = { id: ++this.last, origin_id: from === -10 ? -10 : from.id, origin_slot: slot, target_id: to === -20 ? -20 : to.id, target_slot: index, parentId };
    this.links.set(link.id, link);
    if (input) input.link = link.id;
    else this.outputs[index].linkIds = [link.id];
    if (from !== -10) from.outputs[slot].links.push(link.id);
    return link;
  }

  cut(id) {
    const link = this.links.get(id);
    const target = this.getNodeById(link.target_id);
    if (target) target.inputs[link.target_slot].link = null;
    const origin = this.getNodeById(link.origin_id);
    if (origin) origin.outputs[link.origin_slot].links = origin.outputs[link.origin_slot].links.filter((one) => one !== id);
    this.links.delete(id);
  }

  /** All links as "type.slot>type.input". */
  wires() {
    const name = (id) => this.getNodeById(id)?.title ?? this.getNodeById(id)?.type ?? String(id);
    return [...this.links.values()].map((link) => `${name(link.origin_id)}.${link.origin_slot}>${name(link.target_id)}.${this.getNodeById(link.target_id)?.inputs[link.target_slot].name ?? link.target_slot}`).sort();
  }
}

class Node {
  constructor(type, more) {
    Object.assign(this, { type, comfyClass: type, inputs: [], outputs: [], widgets: [], pos: [0, 0], size: [300, 100], ...more });
  }

  addWidget(name, value) {
    const multiline = typeof value === "string" && /^(?:text|prompt|negative|selection|value|string|populated)/.test(name);
    const options = Array.isArray(value) ? { values: value } : { multiline };
    this.widgets.push({ name, value: Array.isArray(value) ? value[0] : value, type: multiline ? "customtext" : typeof value, options });
  }

  connect(slot, target, index, after) {
    return this.graph.connect(this, slot, target, index, after);
  }

  computeSize() {
    return [300, 100];
  }

  setSize() {}
}

/** A node that stands for a graph: `inputs` and `outputs` are its slots, wired inside by the caller. */
export function standIn(graph, inner, { inputs = {}, outputs = [], ...widgets }) {
  inner.inputs = Object.keys(inputs).map((name) => ({ name, connect: (slot, node) => inner.connect(-10, Object.keys(inputs).indexOf(name), node, node.inputs.indexOf(slot)) }));
  inner.outputs = outputs.map((name, index) => ({ name, linkIds: [], connect: (slot, node) => inner.connect(node, node.outputs.indexOf(slot), -20, index) }));
  return graph.add("3f0c-subgraph", { in: inputs, out: outputs, subgraph: inner, ...widgets });
}

/** The usual graph. */
export function usual(prompt = "a castle") {
  const graph = new Graph();
  const loader = graph.add("CheckpointLoaderSimple", { out: ["MODEL", "CLIP", "VAE"], ckpt_name: "sdxl/juggernaut.safetensors" });
  const positive = graph.add("CLIPTextEncode", { title: "Positive", in: { clip: [loader, 1, "CLIP"], text: "STRING" }, out: ["CONDITIONING"], text: prompt });
  const negative = graph.add("CLIPTextEncode", { title: "Negative", in: { clip: [loader, 1, "CLIP"], text: "STRING" }, out: ["CONDITIONING"], text: "blurry" });
  const sampler = graph.add("KSampler", {
    in: { model: [loader, 0, "MODEL"], positive: [positive, 0, "CONDITIONING"], negative: [negative, 0, "CONDITIONING"], latent_image: "LATENT" },
    out: ["LATENT"],
    seed: 1,
  });
  return { graph, loader, positive, negative, sampler };
}
