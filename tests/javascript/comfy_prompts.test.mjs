import assert from "node:assert/strict";
import { test } from "node:test";

import { textOf } from "../../javascript/comfyui/boxes.mjs";
import { originOf, spotOf, keyOf } from "../../javascript/comfyui/graph.mjs";
import { findPrompts } from "../../javascript/comfyui/prompts.mjs";
import { PINNED, read } from "../../javascript/comfyui/reading.mjs";
import { Graph, standIn, usual } from "./comfy_graph.mjs";

const said = (graph) => findPrompts(graph).map(({ boxes, negatives }) => [textOf(boxes), textOf(negatives)]);

test("the usual graph has one prompt", () => {
  assert.deepEqual(said(usual().graph), [["a castle", "blurry"]]);
});

test("two samplers with one prompt are one, with another they are two", () => {
  const { graph, positive, negative } = usual();
  const again = graph.add("KSamplerAdvanced", { in: { positive: [positive, 0, "CONDITIONING"], negative: [negative, 0, "CONDITIONING"] }, out: ["LATENT"], noise_seed: 1 });
  assert.deepEqual(said(graph), [["a castle", "blurry"]]);
  const other = graph.add("CLIPTextEncode", { out: ["CONDITIONING"], text: "a face" });
  graph.connect(other, 0, again, 0);
  assert.deepEqual(said(graph).map(([text]) => text), ["a castle", "a face"]);
  other.widgets[0].value = " ";
  assert.deepEqual(said(graph).map(([text]) => text), ["a castle"], "one without text does not count beside one with text");
});

test("guiders, guidance, combinations and control nets are passed through", () => {
  const graph = new Graph();
  const one = graph.add("CLIPTextEncode", { out: ["CONDITIONING"], text: "one" });
  const two = graph.add("CLIPTextEncodeSDXL", { out: ["CONDITIONING"], text_g: "two", text_l: "three" });
  const both = graph.add("ConditioningCombine", { in: { conditioning_1: [one, 0, "CONDITIONING"], conditioning_2: [two, 0, "CONDITIONING"] }, out: ["CONDITIONING"] });
  const zero = graph.add("ConditioningZeroOut", { in: { conditioning: [one, 0, "CONDITIONING"] }, out: ["CONDITIONING"] });
  const control = graph.add("ControlNetApplyAdvanced", {
    in: { positive: [both, 0, "CONDITIONING"], negative: [zero, 0, "CONDITIONING"], image: "IMAGE" },
    out: ["positive:CONDITIONING", "negative:CONDITIONING"],
  });
  const guided = graph.add("FluxGuidance", { in: { conditioning: [control, 0, "CONDITIONING"] }, out: ["CONDITIONING"] });
  const guider = graph.add("CFGGuider", { in: { positive: [guided, 0, "CONDITIONING"], negative: [control, 1, "CONDITIONING"] }, out: ["GUIDER"] });
  graph.add("SamplerCustomAdvanced", { in: { noise: "NOISE", guider: [guider, 0, "GUIDER"], sigmas: "SIGMAS" }, out: ["output:LATENT", "denoised_output:LATENT"] });
  assert.deepEqual(said(graph), [["one\ntwo\nthree", ""]]);
});

test("a guider with one conditioning has no negative", () => {
  const graph = new Graph();
  const one = graph.add("CLIPTextEncode", { out: ["CONDITIONING"], text: "one" });
  const guider = graph.add("BasicGuider", { in: { model: "MODEL", conditioning: [one, 0, "CONDITIONING"] }, out: ["GUIDER"] });
  graph.add("SamplerCustomAdvanced", { in: { guider: [guider, 0, "GUIDER"] }, out: ["LATENT"] });
  assert.deepEqual(said(graph), [["one", ""]]);
});

test("texts are found behind links: primitives, strings put together, our own node", () => {
  const { graph, positive } = usual();
  const primitive = graph.add("PrimitiveStringMultiline", { out: ["STRING"], value: "linked" });
  graph.connect(primitive, 0, positive, 1);
  assert.equal(said(graph)[0][0], "linked");
  const joined = graph.add("StringConcatenate", { in: { string_a: [primitive, 0, "STRING"], string_b: "STRING" }, out: ["STRING"], string_a: "hidden", string_b: "own", delimiter: "no text" });
  graph.connect(joined, 0, positive, 1);
  assert.equal(said(graph)[0][0], "linked\nown");
  const ours = graph.add("LorarecRecommend", { out: ["LORA_STACK", "prompt:STRING"], prompt: "ours", selection: "" });
  graph.connect(ours, 1, positive, 1);
  assert.equal(said(graph)[0][0], "ours");
  assert.equal(findPrompts(graph)[0].recommend.node, ours);
});

test("our own node's prompt counts also where no sampler takes it", () => {
  const { graph } = usual();
  graph.add("LorarecRecommend", { out: ["LORA_STACK", "prompt:STRING"], prompt: "another", selection: "", negative: "bad" });
  assert.deepEqual(said(graph), [["a castle", "blurry"], ["another", "bad"]]);
  graph.nodes.at(-1).widgets[0].value = "a castle";
  assert.equal(said(graph).length, 1, "the same text written twice is one prompt");
});

test("reroutes, Set and Get nodes are passed through", () => {
  const { graph, positive, sampler } = usual();
  const reroute = graph.add("Reroute", { in: { "": [positive, 0, "*"] }, out: ["CONDITIONING"], virtual: true });
  graph.add("SetNode", { in: { "*": [reroute, 0, "*"] }, out: ["*"], virtual: true, Constant: "pos" });
  const getter = graph.add("GetNode", { out: ["*"], virtual: true, Constant: "pos" });
  graph.connect(getter, 0, sampler, 1);
  assert.deepEqual(said(graph), [["a castle", "blurry"]]);
  getter.widgets[0].value = "nothing is set to this name";
  assert.deepEqual(said(graph), []);
});

test("bypassed nodes pass on by type, muted ones end the walk", () => {
  const { graph, positive, sampler } = usual();
  const guided = graph.add("FluxGuidance", { in: { other: "MODEL", conditioning: [positive, 0, "CONDITIONING"] }, out: ["CONDITIONING"], state: 4 });
  graph.connect(guided, 0, sampler, 1);
  assert.deepEqual(said(graph), [["a castle", "blurry"]]);
  guided.mode = 2;
  assert.deepEqual(said(graph), []);
  guided.mode = 0;
  sampler.mode = 4;
  assert.deepEqual(said(graph), [], "a sampler that does not run has no prompt");
});

test("subgraphs are entered, left, and known by where they stand", () => {
  const graph = new Graph();
  const inner = new Graph();
  const shown = standIn(graph, inner, { inputs: { text: "STRING", clip: "CLIP" }, outputs: ["CONDITIONING"], text: "promoted" });
  const encoder = inner.add("CLIPTextEncode", { id: 7, in: { clip: "CLIP", text: "STRING" }, out: ["CONDITIONING"], text: "inside" });
  inner.connect(encoder, 0, -20, 0);
  const sampler = graph.add("KSampler", { in: { model: "MODEL", positive: [shown, 0, "CONDITIONING"] }, out: ["LATENT"], seed: 1 });
  assert.deepEqual(said(graph), [["inside", ""]]);
  assert.equal(findPrompts(graph)[0].key, "1:7/text");
  inner.connect(-10, 0, encoder, 1);
  assert.deepEqual(said(graph), [["promoted", ""]], "a widget of the subgraph's node stands for it");
  const primitive = graph.add("PrimitiveNode", { out: ["STRING"], value: "from outside", virtual: true });
  graph.connect(primitive, 0, shown, 0);
  assert.deepEqual(said(graph), [["from outside", ""]]);
  assert.equal(keyOf(spotOf(graph, "1:7")), "1:7");
  assert.equal(originOf({ node: sampler, owners: [] }, 1).spot.owners[0], shown);

  const twice = graph.add("3f0c-subgraph", { in: { text: "STRING", clip: "CLIP" }, out: ["CONDITIONING"], subgraph: inner, text: "second place" });
  graph.add("KSampler", { in: { positive: [twice, 0, "CONDITIONING"] }, out: ["LATENT"], seed: 1 });
  assert.deepEqual(said(graph).map(([text]) => text), ["from outside", "second place"]);
  twice.mode = 4;
  assert.deepEqual(said(graph).map(([text]) => text), ["from outside"]);
});

test("a sampler inside a subgraph finds its prompt outside", () => {
  const { graph, positive } = usual();
  const inner = new Graph();
  const shown = standIn(graph, inner, { inputs: { positive: "CONDITIONING" }, outputs: ["LATENT"] });
  graph.connect(positive, 0, shown, 0);
  const sampler = inner.add("KSampler", { in: { model: "MODEL", positive: "CONDITIONING" }, out: ["LATENT"], seed: 1 });
  inner.connect(-10, 0, sampler, 1);
  const found = findPrompts(graph);
  assert.deepEqual(found.map(({ samplers }) => samplers.map(keyOf)), [["4", "5:1"]]);
});

test("circles end", () => {
  const { graph, sampler } = usual();
  const one = graph.add("ConditioningCombine", { in: { conditioning_1: "CONDITIONING", conditioning_2: "CONDITIONING" }, out: ["CONDITIONING"] });
  const two = graph.add("Reroute", { in: { "": [one, 0, "*"] }, out: ["*"], virtual: true });
  graph.connect(two, 0, one, 0);
  graph.connect(one, 0, sampler, 1);
  assert.deepEqual(said(graph), []);
  const alone = graph.add("Reroute", { in: { "": "*" }, out: ["*"], virtual: true });
  graph.connect(alone, 0, alone, 0);
  graph.connect(alone, 0, sampler, 1);
  assert.deepEqual(said(graph), []);
});

test("the focused box wins, then the pinned one, then the only one; nothing is guessed", () => {
  const { graph, positive, negative } = usual();
  const other = graph.add("CLIPTextEncode", { title: "Other", out: ["CONDITIONING"], text: "a face" });
  assert.equal(read(graph, []).prompt, "a castle");
  graph.add("KSampler", { in: { positive: [other, 0, "CONDITIONING"] }, out: ["LATENT"], seed: 1 });
  assert.equal(read(graph, []).found, null);
  assert.deepEqual([read(graph, []).prompt, read(graph, []).prompts.length], ["", 2]);
  other.properties[PINNED] = "text";
  assert.deepEqual([read(graph, []).prompt, read(graph, []).pinned], ["a face", true]);
  assert.deepEqual([read(graph, ["2/text"]).prompt, read(graph, ["2/text"]).pinned], ["a castle", false]);
  assert.equal(read(graph, ["3/text"]).prompt, "a castle", "in the negative box the prompt is the one it belongs to");
  assert.equal(read(graph, ["3/text"]).negative, "blurry");
  assert.equal(read(graph, ["99/text"]).prompt, "a face", "a box that is gone has no focus");
  const loose = graph.add("CLIPTextEncode", { out: ["CONDITIONING"], text: "loose" });
  assert.equal(read(graph, [`${loose.id}/text`]).prompt, "loose");
  assert.equal(positive.graph, negative.graph);
});
