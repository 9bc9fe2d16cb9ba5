import assert from "node:assert/strict";
import { test } from "node:test";

import { placeFor } from "../../javascript/comfyui/pairs.mjs";
import { read } from "../../javascript/comfyui/reading.mjs";
import { readSelection, rowOf, writeSelection } from "../../javascript/comfyui/selection.mjs";
import { setStrength } from "../../javascript/comfyui/uses.mjs";
import { wordsOf } from "../../javascript/comfyui/words.mjs";
import { askOf, isEmpty } from "../../javascript/comfyui/fill.mjs";
import { Graph, standIn, usual } from "./comfy_graph.mjs";
import { choice, insert, NAMES, remove, tools, uses } from "./comfy_user.mjs";

test("every kind of loader is read; what is off does not count", () => {
  const { graph, loader, sampler, positive } = usual("a castle, <lora:tagged:0.4>");
  const one = graph.add("LoraLoader", { in: { model: [loader, 0, "MODEL"], clip: [loader, 1, "CLIP"] }, out: ["MODEL", "CLIP"], lora_name: "a.safetensors", strength_model: 0.5, strength_clip: 0.2 });
  const two = graph.add("LoraLoaderModelOnly", { in: { model: [one, 0, "MODEL"] }, out: ["MODEL"], lora_name: "b.safetensors", strength_model: -1 });
  const power = graph.add("Power Lora Loader (rgthree)", {
    ...{ in: { model: [two, 0, "MODEL"], clip: [one, 1, "CLIP"] }, out: ["MODEL", "CLIP"] },
    lora_1: { on: true, lora: "c.safetensors", strength: 0.3, strengthTwo: null },
    lora_2: { on: false, lora: "off.safetensors", strength: 1 },
    header: { type: "PowerLoraLoaderHeaderWidget" },
  });
  const manager = graph.add("Lora Loader (LoraManager)", { in: { model: [power, 0, "MODEL"], lora_stack: "LORA_STACK" }, out: ["MODEL", "CLIP"], text: "<lora:d:0.6> <lora:off:1>", loras: 0 });
  manager.widgets[1].value = [{ name: "d", strength: 0.6, active: true }, { name: "off", strength: 1, active: false }];
  const stack = graph.add("CR LoRA Stack", {
    ...{ out: ["LORA_STACK"], switch_1: "On", lora_name_1: "e.safetensors", model_weight_1: 0.9, clip_weight_1: 0.1 },
    ...{ switch_2: "Off", lora_name_2: "off2.safetensors", model_weight_2: 1, clip_weight_2: 1 },
  });
  const easy = graph.add("easy loraStack", {
    ...{ in: { optional_lora_stack: [stack, 0, "LORA_STACK"] }, out: ["LORA_STACK"], toggle: true, mode: "simple", num_loras: 1 },
    ...{ lora_1_name: "f.safetensors", lora_1_strength: 0.8, lora_1_model_strength: 1, lora_1_clip_strength: 1 },
    ...{ lora_2_name: "hidden.safetensors", lora_2_strength: 1, lora_2_model_strength: 1, lora_2_clip_strength: 1 },
  });
  graph.connect(easy, 0, manager, 1);
  graph.connect(manager, 0, sampler, 0);
  graph.connect(manager, 1, positive, 0);
  assert.deepEqual(Object.fromEntries(uses(graph)), {
    ...{ tagged: 0.4, "a.safetensors": 0.5, "b.safetensors": -1, "c.safetensors": 0.3, d: 0.6, "e.safetensors": 0.9, "f.safetensors": 0.8 },
  });
  assert.equal(read(graph, []).baseModel, "sdxl/juggernaut.safetensors");
  two.mode = 4;
  easy.widgets[0].value = false;
  assert.deepEqual(uses(graph).map(([name]) => name).filter((name) => /^[bef]/.test(name)), ["e.safetensors"]);
});

test("only what has a say in the prompt is in use", () => {
  const { graph } = usual();
  graph.add("LoraLoader", { in: { model: "MODEL" }, out: ["MODEL"], lora_name: "elsewhere.safetensors", strength_model: 1 });
  assert.deepEqual(uses(graph), []);
});

test("a new loader stands between the model and all that takes it", () => {
  const { graph, loader } = usual();
  const before = graph.wires();
  const reroute = { id: 31 };
  graph.links.get(3).parentId = reroute.id;
  assert.equal(insert(graph, choice("styles/old.safetensors", ["old style", "castle"])), "");
  const node = graph.nodes.at(-1);
  assert.deepEqual(node.widgets.map(({ value }) => value), ["styles\\old.safetensors", 0.7, 0.7]);
  assert.deepEqual(graph.wires(), [
    ...["CheckpointLoaderSimple.0>LoraLoader.model", "CheckpointLoaderSimple.1>LoraLoader.clip", "LoraLoader.0>KSampler.model"],
    ...["LoraLoader.1>Negative.clip", "LoraLoader.1>Positive.clip", "Negative.0>KSampler.negative", "Positive.0>KSampler.positive"],
  ]);
  assert.ok([...graph.links.values()].some((link) => link.parentId === reroute.id && link.origin_id === node.id), "reroutes on the way stay");
  const [box] = read(graph, []).found.boxes;
  assert.equal(box.widget.value, "a castle, old style", "a word that is there is not added");
  assert.deepEqual(wordsOf(box.spot.node), { old: ["old style"] });
  insert(graph, choice("cat.safetensors"));
  assert.ok(graph.wires().includes("LoraLoader.0>LoraLoader.model"), "the next one goes behind it");
  assert.deepEqual(uses(graph).map(([name]) => name), ["cat.safetensors", "styles\\old.safetensors"]);
  remove(graph, "styles\\old.safetensors");
  remove(graph, "cat.safetensors");
  assert.deepEqual(graph.wires(), before);
  assert.equal(box.widget.value, "a castle");
  assert.deepEqual(box.spot.node.properties, {});
  assert.equal(loader.outputs[0].links.length, 1);
});

test("where the loader gives no text encoder the new one takes the model only", () => {
  const graph = new Graph();
  const unet = graph.add("UNETLoader", { out: ["MODEL"], unet_name: "flux1-dev.safetensors" });
  const text = graph.add("CLIPTextEncode", { out: ["CONDITIONING"], text: "a cat" });
  const patched = graph.add("ModelSamplingFlux", { in: { model: [unet, 0, "MODEL"] }, out: ["MODEL"] });
  const guider = graph.add("BasicGuider", { in: { model: [patched, 0, "MODEL"], conditioning: [text, 0, "CONDITIONING"] }, out: ["GUIDER"] });
  graph.add("SamplerCustomAdvanced", { in: { guider: [guider, 0, "GUIDER"] }, out: ["LATENT"] });
  insert(graph, choice("cat.safetensors"));
  assert.ok(graph.wires().includes("UNETLoader.0>LoraLoaderModelOnly.model"));
  assert.ok(graph.wires().includes("LoraLoaderModelOnly.0>ModelSamplingFlux.model"));
  assert.equal(read(graph, []).baseModel, "flux1-dev.safetensors");
});

test("inside a subgraph the new loader stands before its outputs", () => {
  const graph = new Graph();
  const inner = new Graph();
  const shown = standIn(graph, inner, { outputs: ["MODEL", "CLIP"] });
  const loader = inner.add("CheckpointLoaderSimple", { out: ["MODEL", "CLIP"], ckpt_name: "a.safetensors" });
  inner.connect(loader, 0, -20, 0);
  inner.connect(loader, 1, -20, 1);
  loader.outputs[0].links = [1];
  const text = graph.add("CLIPTextEncode", { in: { clip: [shown, 1, "CLIP"] }, out: ["CONDITIONING"], text: "a cat" });
  graph.add("KSampler", { in: { model: [shown, 0, "MODEL"], positive: [text, 0, "CONDITIONING"] }, out: ["LATENT"], seed: 1 });
  tools(inner);
  placeFor(read(graph, []), tools(inner), "auto", choice("cat.safetensors")).put();
  assert.deepEqual(uses(graph), [["cat.safetensors", 0.7]]);
  assert.equal(read(graph, []).baseModel, "a.safetensors");
});

test("rows go where the workflow has rows", () => {
  const { graph, loader, sampler } = usual();
  const power = graph.add("Power Lora Loader (rgthree)", { in: { model: [loader, 0, "MODEL"] }, out: ["MODEL", "CLIP"] });
  power.addNewLoraWidget = (lora) => {
    power.addWidget(`lora_${power.widgets.length + 1}`, { on: true, lora, strength: 1, strengthTwo: null });
    return power.widgets.at(-1);
  };
  graph.connect(power, 0, sampler, 0);
  insert(graph, choice("styles/ink.safetensors", ["ink"]));
  assert.deepEqual(power.widgets.map(({ value }) => value), [{ on: true, lora: "styles/ink.safetensors", strength: 0.7, strengthTwo: null }]);
  assert.equal(read(graph, []).prompt, "a castle, ink");
  read(graph, []).uses.forEach((use) => setStrength(use, 0.2));
  assert.deepEqual(uses(graph), [["styles/ink.safetensors", 0.2]]);
  remove(graph, "styles/ink.safetensors");
  assert.deepEqual([power.widgets.length, read(graph, []).prompt], [0, "a castle"]);
  assert.equal(insert(graph, choice("styles/ink.safetensors"), "loader"), "");
  assert.equal(graph.nodes.at(-1).type, "LoraLoader", "a wish counts more");
});

test("LoRA Manager's loader keeps text and list alike", () => {
  const { graph, loader, sampler } = usual();
  const manager = graph.add("Lora Loader (LoraManager)", { in: { model: [loader, 0, "MODEL"] }, out: ["MODEL", "CLIP"], text: "<lora:first:1>", loras: 0 });
  const [text, list] = manager.widgets;
  list.value = [{ name: "first", strength: 1, active: true }];
  graph.connect(manager, 0, sampler, 0);
  insert(graph, choice("styles/ink.safetensors"));
  assert.equal(text.value, "<lora:first:1> <lora:ink:0.7>");
  assert.deepEqual(uses(graph), [["first", 1], ["ink", 0.7]]);
  read(graph, []).uses.filter((use) => use.name === "ink").forEach((use) => setStrength(use, 0.5));
  assert.deepEqual([text.value, list.value[1].strength, list.value[1].clipStrength], ["<lora:first:1> <lora:ink:0.5>", 0.5, 0.5]);
  remove(graph, "first");
  assert.deepEqual([text.value, uses(graph)], ["<lora:ink:0.5>", [["ink", 0.5]]]);
});

test("a stack's first free row is taken, and freed again", () => {
  const { graph, loader, sampler } = usual();
  const stack = graph.add("CR LoRA Stack", { out: ["LORA_STACK"], switch_1: "Off", lora_name_1: NAMES, model_weight_1: 1, clip_weight_1: 1 });
  const apply = graph.add("CR Apply LoRA Stack", { in: { model: [loader, 0, "MODEL"], lora_stack: [stack, 0, "LORA_STACK"] }, out: ["MODEL"] });
  graph.connect(apply, 0, sampler, 0);
  insert(graph, choice("cat.safetensors"));
  assert.deepEqual(stack.widgets.map(({ value }) => value), ["On", "cat.safetensors", 0.7, 0.7]);
  remove(graph, "cat.safetensors");
  assert.deepEqual(uses(graph), []);
});

test("who works with tags gets tags", () => {
  const { graph } = usual("a castle, <lora:x:1>");
  insert(graph, choice("styles/ink.safetensors", ["ink"]));
  assert.equal(read(graph, []).prompt, "a castle, <lora:x:1>, <lora:ink:0.7>, ink");
  read(graph, []).uses.filter((use) => use.name === "ink").forEach((use) => setStrength(use, 0.4));
  assert.deepEqual(uses(graph), [["x", 1], ["ink", 0.4]]);
  remove(graph, "ink");
  assert.equal(read(graph, []).prompt, "a castle, <lora:x:1>");
});

test("our own node takes rows, and says their words itself", () => {
  const { graph, positive } = usual();
  const ours = graph.add("LorarecRecommend", { out: ["LORA_STACK", "prompt:STRING", "trigger_words:STRING"], prompt: "a lake", mode: "fill once", selection: "" });
  graph.connect(ours, 1, positive, 1);
  insert(graph, choice("styles/ink.safetensors", ["ink <lora:ink:1>", "Ink"]));
  const selection = ours.widgets[2];
  assert.deepEqual(JSON.parse(selection.value), [{ name: "styles/ink.safetensors", model: 0.7, clip: 0.7, on: true, trigger_words: ["ink"], partner: "", fingerprint: "f" }]);
  assert.equal(read(graph, []).prompt, "a lake");
  read(graph, []).uses.forEach((use) => setStrength(use, 1));
  assert.deepEqual(uses(graph), [["styles/ink.safetensors", 1]]);
  remove(graph, "styles/ink.safetensors");
  assert.equal(selection.value, "[]");
  selection.value = "[broken";
  assert.equal(insert(graph, choice("styles/ink.safetensors")), "");
  assert.equal(selection.value, "[broken", "what cannot be read is not overwritten");
  ours.widgets[1].value = "always";
  selection.value = "";
  insert(graph, choice("cat.safetensors"));
  assert.equal(selection.value, "", "a node that chooses anew each time keeps no rows");
});

test("there may be no place at all", () => {
  const graph = new Graph();
  const text = graph.add("CLIPTextEncode", { out: ["CONDITIONING"], text: "a cat" });
  graph.add("KSampler", { in: { model: "MODEL", positive: [text, 0, "CONDITIONING"] }, out: ["LATENT"], seed: 1 });
  assert.equal(insert(graph, choice("cat.safetensors")), null);
  assert.equal(text.widgets[0].value, "a cat");
});

test("selections are written as Python writes them", () => {
  const row = { name: "a.safetensors", model: 1, clip: 0.5, on: true, trigger_words: ["é", 'b"'], partner: "", fingerprint: "f" };
  const text = '[\n{"name": "a.safetensors", "model": 1.0, "clip": 0.5, "on": true, "trigger_words": ["é", "b\\""], "partner": "", "fingerprint": "f"}\n]';
  assert.equal(writeSelection([row]), text);
  assert.deepEqual(readSelection(text), [row]);
  assert.deepEqual([writeSelection([]), readSelection(" "), readSelection("{}"), readSelection('[{"name": 1}]')], ["[]", [], null, null]);
  const one = { lora: "a.safetensors", strength: { model: 0.12345, clip: 2 }, trigger_words: ["w", "W "], fingerprint: "f", partner: "p" };
  assert.deepEqual(rowOf(one), { name: "a.safetensors", model: 0.123, clip: 2, on: true, trigger_words: ["w"], partner: "p", fingerprint: "f" });
});

test("a selection is filled before the run only where the node's own widgets tell what to ask", () => {
  const { graph, loader } = usual();
  const stack = graph.add("CR LoRA Stack", { out: ["LORA_STACK"], lora_name_1: "e.safetensors", model_weight_1: 0.9 });
  const ours = graph.add("LorarecRecommend", {
    ...{ in: { prompt: "STRING", lora_stack: [stack, 0, "LORA_STACK"], model: [loader, 0, "MODEL"] }, out: ["LORA_STACK"], prompt: "a lake", mode: "fill once" },
    ...{ selection: "", negative: "bad", base_model: "auto", count: 3, min_score: 0.2, roles: "style, -Character", folders: "a\\b, -c", safety: "auto" },
  });
  const spot = { node: ours, owners: [] };
  assert.ok(isEmpty(spot));
  assert.deepEqual(askOf(graph, spot), {
    ...{ prompt: "a lake", negative: "bad", active: [{ name: "e.safetensors", strength: 0.9 }], base_model: "sdxl/juggernaut.safetensors" },
    ...{ top: 3, min_score: 0.2, roles: ["style"], exclude_roles: ["character"], folders: ["a/b"], exclude_folders: ["c"], safety: null },
  });
  for (const [name, value] of [["prompt", "a {lake|sea}"], ["mode", "fixed"], ["mode", "always"], ["selection", "[]"]]) {
    const widget = ours.widgets.find((one) => one.name === name);
    const before = widget.value;
    widget.value = value;
    assert.ok(!isEmpty(spot), `${name} ${value}`);
    widget.value = before;
  }
  const made = graph.add("SomeLanguageModel", { out: ["STRING"] });
  graph.connect(made, 0, ours, 0);
  assert.ok(!isEmpty(spot), "a text that is made when it runs");
});
