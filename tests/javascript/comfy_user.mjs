/** What a user does with LoRAs in a graph of comfy_graph.mjs: inserting, removing, looking at what is in use. */

import { placeFor } from "../../javascript/comfyui/pairs.mjs";
import { read } from "../../javascript/comfyui/reading.mjs";
import { removeUse } from "../../javascript/comfyui/uses.mjs";
import { Graph } from "./comfy_graph.mjs";

export const HIGH = "wan/orbit_high_noise.safetensors";
export const LOW = "wan/orbit_low_noise.safetensors";
export const NAMES = ["None", "styles/ink.safetensors", "styles\\old.safetensors", "cat.safetensors", HIGH, LOW];
export const uses = (graph) => read(graph, []).active.map(({ name, strength }) => [name, strength]);
export const choice = (lora, words = [], partner = "") => ({ card: { lora, trigger_sets: [] }, strength: 0.7, words, partner, fingerprint: "f" });

/** Tools as the frontend's: new nodes belong to the graph once they are added. */
export function tools(graph) {
  const scratch = new Graph();
  graph.add = (node, more) => {
    if (typeof node === "string") return Graph.prototype.add.call(graph, node, more);
    node.id = Math.max(...graph.nodes.map(({ id }) => Number(id))) + 1;
    graph.put(node);
  };
  const make = (kind) =>
    scratch.add(kind, {
      in: kind === "LoraLoader" ? { model: "MODEL", clip: "CLIP" } : { model: "MODEL" },
      out: kind === "LoraLoader" ? ["MODEL", "CLIP"] : ["MODEL"],
      ...{ lora_name: NAMES, strength_model: 1 },
      ...(kind === "LoraLoader" ? { strength_clip: 1 } : {}),
    });
  return { create: make, listed: (path) => NAMES.find((name) => name.replaceAll("\\", "/") === path) };
}

export function insert(graph, given, wish = "auto") {
  const place = placeFor(read(graph, []), tools(graph), wish, given);
  place?.put();
  return place?.note ?? null;
}

export function remove(graph, name) {
  const reading = read(graph, []);
  reading.uses.filter((use) => use.name === name).forEach((use) => removeUse(use, reading.found.boxes));
}
