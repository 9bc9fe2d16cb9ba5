import assert from "node:assert/strict";
import { test } from "node:test";

import { noiseOf, placeFor } from "../../javascript/comfyui/pairs.mjs";
import { read } from "../../javascript/comfyui/reading.mjs";
import { Graph, usual } from "./comfy_graph.mjs";
import { choice, HIGH, insert, LOW, NAMES, remove, tools, uses } from "./comfy_user.mjs";

/** Wan 2.2: two models, two samplers one after the other, one text. */
function twoStages(first = "wan2.2_t2v_high_noise_14B.safetensors", second = "wan2.2_t2v_low_noise_14B.safetensors") {
  const graph = new Graph();
  const clip = graph.add("CLIPLoader", { out: ["CLIP"] });
  const text = graph.add("CLIPTextEncode", { in: { clip: [clip, 0, "CLIP"] }, out: ["CONDITIONING"], text: "a statue" });
  const [high, low] = [first, second].map((unet_name, k) => {
    const loader = graph.add("UNETLoader", { title: `loader${k}`, out: ["MODEL"], unet_name });
    const shift = graph.add("ModelSamplingSD3", { title: `shift${k}`, in: { model: [loader, 0, "MODEL"] }, out: ["MODEL"] });
    const links = { model: [shift, 0, "MODEL"], positive: [text, 0, "CONDITIONING"], latent_image: "LATENT" };
    const sampler = graph.add("KSamplerAdvanced", { title: `sampler${k}`, in: links, out: ["LATENT"], noise_seed: 1 });
    return { loader, shift, sampler };
  });
  graph.connect(high.sampler, 0, low.sampler, 2);
  return { graph, text, high, low };
}

/** The LoRA behind each of two loaders of models; "": none. */
const behind = (graph) => [0, 1].map((k) => {
  const node = graph.nodes.find(({ title }) => title === `shift${k}`);
  const from = graph.getNodeById(graph.getLink(node.inputs[0].link).origin_id);
  return from.type === "LoraLoaderModelOnly" ? from.widgets[0].value : "";
});

test("what a half is for is told by names", () => {
  const names = ["a/Wan2.2-HighNoise-Q4.gguf", "x_low_noise.safetensors", "orbit_HN.safetensors", "Wan22_H_v2.safetensors", "styleLow.safetensors", "low/a.safetensors", "flow.safetensors", "highlight.safetensors", ""];
  assert.deepEqual(names.map((name) => noiseOf(name)), ["high", "low", "high", "high", "low", "low", "", "", ""]);
});

test("each half of a pair goes to its own model, and both leave together", () => {
  for (const turned of [false, true]) {
    const names = ["wan2.2_high_noise.safetensors", "wan2.2_low_noise.safetensors"];
    const { graph, text } = twoStages(...(turned ? names.reverse() : names));
    assert.equal(insert(graph, choice(HIGH, ["orbit"], LOW)), "");
    assert.deepEqual(behind(graph), turned ? [LOW, HIGH] : [HIGH, LOW]);
    assert.equal(text.widgets[0].value, "a statue, orbit", "their words come once");
    assert.deepEqual(uses(graph).sort(), [[HIGH, 0.7], [LOW, 0.7]]);
    [HIGH, LOW].forEach((name) => remove(graph, name));
    assert.deepEqual([behind(graph), text.widgets[0].value], [["", ""], "a statue"]);
  }
});

test("a half without the other goes where its name says, any other LoRA behind the first model", () => {
  const { graph } = twoStages();
  assert.equal(insert(graph, choice(LOW)), "");
  assert.deepEqual(behind(graph), ["", LOW]);
  assert.equal(insert(graph, choice("cat.safetensors")), "");
  assert.deepEqual(behind(graph), ["cat.safetensors", LOW]);
});

test("where a half belongs is said, not guessed", () => {
  const unnamed = twoStages("first.safetensors", "second.safetensors");
  assert.equal(insert(unnamed.graph, choice(HIGH, [], LOW)), "halfHigh");
  assert.deepEqual(behind(unnamed.graph), [HIGH, ""]);
  const { graph } = usual();
  assert.equal(insert(graph, choice(HIGH, [], LOW)), "halfHigh");
  assert.deepEqual(uses(graph), [[HIGH, 0.7]]);
  const late = twoStages("first.safetensors");
  assert.equal(insert(late.graph, choice(HIGH, ["orbit"], LOW)), "halfLow");
  assert.deepEqual([behind(late.graph), late.text.widgets[0].value], [["", LOW], "a statue, orbit"]);
  const tagged = usual("a statue, <lora:x:1>");
  assert.equal(insert(tagged.graph, choice(HIGH, [], LOW)), "halfTag");
  assert.deepEqual(uses(tagged.graph).map(([name]) => name), ["x", "orbit_high_noise"]);
});

test("a pair goes into the rows of each model, never twice into the same node", () => {
  const { graph, high, low } = twoStages();
  const stacked = ({ loader, shift }, stack) => {
    const apply = graph.add("CR Apply LoRA Stack", { in: { model: [loader, 0, "MODEL"], lora_stack: [stack, 0, "LORA_STACK"] }, out: ["MODEL"] });
    graph.connect(apply, 0, shift, 0);
  };
  const free = () => graph.add("CR LoRA Stack", { out: ["LORA_STACK"], switch_1: "Off", lora_name_1: NAMES, model_weight_1: 1, clip_weight_1: 1 });
  const [one, other] = [free(), free()];
  stacked(high, one);
  stacked(low, other);
  assert.equal(insert(graph, choice(HIGH, [], LOW)), "");
  assert.deepEqual([one, other].map(({ widgets }) => widgets[1].value), [HIGH, LOW]);
  one.widgets[1].value = "None";
  stacked(low, one);
  assert.equal(insert(graph, choice(HIGH, [], LOW)), "halfHigh", "it stands before both models");
});

test("a sampler of both models names them by its inputs", () => {
  const graph = new Graph();
  const [one, two] = ["a.safetensors", "b.safetensors"].map((unet_name, k) => graph.add("UNETLoader", { title: `loader${k}`, out: ["MODEL"], unet_name }));
  const text = graph.add("CLIPTextEncode", { out: ["CONDITIONING"], text: "a statue" });
  graph.add("WanMoeKSampler", { in: { model_high_noise: [one, 0, "MODEL"], model_low_noise: [two, 0, "MODEL"], positive: [text, 0, "CONDITIONING"] }, out: ["LATENT"], seed: 1 });
  assert.equal(insert(graph, choice(HIGH, [], LOW)), "");
  const named = graph.nodes.filter(({ type }) => type === "LoraLoaderModelOnly").map((node) => [graph.getLink(node.inputs[0].link).origin_id, node.widgets[0].value]);
  assert.deepEqual(named, [[one.id, HIGH], [two.id, LOW]]);
});

test("a Recommend LoRAs node takes both halves in one row, and says where the low one is not linked", () => {
  const { graph, high, low } = twoStages();
  const ours = graph.add("LorarecRecommend", { out: ["LORA_STACK", "prompt:STRING", "trigger_words:STRING", "lora_tags:STRING", "report:STRING", "LORA_STACK_LOW:LORA_STACK"], prompt: "a statue", mode: "fill once", selection: "" });
  const apply = ({ loader, shift }, slot) => {
    const node = graph.add("LorarecApplyStack", { in: { model: [loader, 0, "MODEL"], lora_stack: [ours, slot, "LORA_STACK"] }, out: ["MODEL"] });
    graph.connect(node, 0, shift, 0);
  };
  apply(high, 0);
  assert.equal(insert(graph, choice(HIGH, [], LOW)), "halfUnlinked");
  apply(low, 5);
  assert.equal(insert(graph, choice(HIGH, [], LOW)), "");
  const [row, ...others] = JSON.parse(ours.widgets[2].value);
  assert.deepEqual([row.name, row.partner, row.fingerprint, others], [HIGH, LOW, "f", []]);
});

test("both halves go in, or neither", () => {
  const { graph } = twoStages();
  const before = graph.wires();
  const made = tools(graph);
  const listed = (path) => {
    if (path === LOW) throw new Error("not listed");
    return path;
  };
  const place = placeFor(read(graph, []), { ...made, listed }, "auto", choice(HIGH, [], LOW));
  assert.throws(place.put, /not listed/);
  assert.deepEqual(graph.wires(), before);
});
