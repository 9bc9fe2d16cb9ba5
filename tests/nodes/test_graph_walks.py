"""Reading ComfyUI's graphs: the checkpoint behind a link, and the place of our selection in a saved workflow."""

from __future__ import annotations

import pytest


@pytest.fixture
def graph(start):
    return start(core=False).part("nodes.graph")


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def test_walks_through_loras_and_merges_to_the_checkpoint(graph):
    prompt = {
        "9": node("LorarecRecommend", prompt="x", model=["8", 0]),
        "8": node("ModelSamplingFlux", model=["7", 0], max_shift=1.15),
        "7": node("LoraLoader", model=["5", 0], clip=["5", 1], lora_name="illustrious_style.safetensors"),
        "5": node("CheckpointLoaderSimple", ckpt_name="pony\\ponyDiffusionV6XL.safetensors"),
    }
    assert graph.checkpoint_name(prompt, "9") == "pony\\ponyDiffusionV6XL.safetensors"
    prompt["8"] = node("ModelMergeSimple", model1=["5", 0], model2=["6", 0], ratio=0.5)
    prompt["6"] = node("UNETLoader", unet_name="other.safetensors", weight_dtype="default")
    assert graph.checkpoint_name(prompt, "9") == "pony\\ponyDiffusionV6XL.safetensors"


def test_other_loaders_and_linked_names(graph):
    prompt = {"1": node("LorarecRecommend", model=["2", 0]), "2": node("UnetLoaderGGUF", unet_name="flux1-dev-Q4.gguf")}
    assert graph.checkpoint_name(prompt, "1") == "flux1-dev-Q4.gguf"
    prompt["2"] = node("CheckpointLoaderSimple", ckpt_name=["3", 0])
    prompt["3"] = node("PrimitiveString", value="illustriousXL.safetensors")
    assert graph.checkpoint_name(prompt, "1") == "illustriousXL.safetensors"
    prompt["2"] = node(
        "SomePackLoader", vae_name="nice_vae.safetensors", weights="sd15.ckpt", clip_name="t5.safetensors"
    )
    assert graph.checkpoint_name(prompt, "1") == "sd15.ckpt"
    prompt["2"] = node("PipeOut", pipe=["4", 0])
    prompt["4"] = node("PipeLoader", ckpt_name="sdxl.safetensors", lora_name="None")
    assert graph.checkpoint_name(prompt, "1") == "sdxl.safetensors"


@pytest.mark.parametrize(
    "prompt", [None, {}, {"1": None}, {"1": {"inputs": []}}, {"1": {"inputs": {"model": ["1", 0]}}}]
)
def test_graphs_that_tell_nothing(graph, prompt):
    assert graph.checkpoint_name(prompt, "1") is None


def test_a_saved_workflow_is_filled_in_the_right_node_only(graph):
    def fill(workflow, node_id):
        return graph.fill_workflow(workflow, node_id, "LorarecRecommend", "selection", 2, "[]")

    def widgets(kind="LorarecRecommend", number=7):
        return {"id": number, "type": kind, "widgets_values": ["a prompt", "fill once", "", "negative"]}

    flat = {"nodes": [widgets(number=6), widgets()]}
    assert fill(flat, "7")
    assert flat["nodes"][1]["widgets_values"] == ["a prompt", "fill once", "[]", "negative"]
    assert flat["nodes"][0]["widgets_values"][2] == ""

    assert not fill({"nodes": [widgets("KSampler")]}, "7")
    assert not fill({"nodes": [{"id": 7, "type": "LorarecRecommend", "widgets_values": ["only one"]}]}, "7")
    assert not fill({"nodes": None}, "7") and not fill(None, "7") and not fill({}, "7:1")

    named = {"nodes": [{"id": "7", "type": "LorarecRecommend", "widgets_values": {"selection": ""}}]}
    assert fill(named, "7") and named["nodes"][0]["widgets_values"] == {"selection": "[]"}

    nested = {
        "nodes": [{"id": 12, "type": "uuid-of-subgraph"}, widgets()],
        "definitions": {"subgraphs": [{"id": "uuid-of-subgraph", "nodes": [widgets()]}]},
    }
    assert fill(nested, "12:7")
    assert nested["definitions"]["subgraphs"][0]["nodes"][0]["widgets_values"][2] == "[]"
    assert nested["nodes"][1]["widgets_values"][2] == ""


def test_a_linked_selection_is_not_overwritten(graph):
    prompt = {"1": node("LorarecRecommend", selection=["2", 0]), "3": node("LorarecRecommend")}
    assert not graph.fill_prompt(prompt, "1", "selection", "[]") and prompt["1"]["inputs"]["selection"] == ["2", 0]
    assert graph.fill_prompt(prompt, "3", "selection", "[]") and prompt["3"]["inputs"]["selection"] == "[]"
    assert not graph.fill_prompt(prompt, "4", "selection", "[]") and not graph.fill_prompt(None, "1", "selection", "[]")
