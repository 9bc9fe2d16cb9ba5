"""What ComfyUI reads beside the code: documentation pages, translations, example workflows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "javascript"
SCRIPT = "\n".join(
    (WEB / "comfyui" / name).read_text(encoding="utf-8") for name in ("lorarec.js", "boxes.mjs", "node.mjs", "fill.mjs")
)
IDS = ("LorarecRecommend", "LorarecApplyStack", "LorarecSimilar")


@pytest.fixture
def comfy(start, loras):
    return start(loras)


def inputs_of(node):
    inputs = node.INPUT_TYPES()
    return {**inputs.get("required", {}), **inputs.get("optional", {})}


def widgets_of(node):
    return [
        n for n, spec in inputs_of(node).items() if isinstance(spec[0], list) or spec[0] in ("STRING", "INT", "FLOAT")
    ]


def test_class_ids_titles_and_outputs_are_for_ever(comfy):
    assert comfy.pack.NODE_DISPLAY_NAME_MAPPINGS == {
        "LorarecRecommend": "Recommend LoRAs",
        "LorarecApplyStack": "Apply LoRA Stack",
        "LorarecSimilar": "Similar LoRAs",
    }
    nodes = comfy.pack.NODE_CLASS_MAPPINGS
    assert set(nodes) == set(IDS)
    outputs = "LORA_STACK prompt trigger_words lora_tags report LORA_STACK_LOW"
    assert list(nodes["LorarecRecommend"].RETURN_NAMES) == outputs.split()
    # Saved workflows hold widget values by position: this list may only grow at its end.
    assert widgets_of(nodes["LorarecRecommend"])[:12] == (
        "prompt mode selection negative base_model count min_score roles folders safety missing not_ready".split()
    )


def test_everything_a_user_sees_is_explained(comfy):
    for node in comfy.pack.NODE_CLASS_MAPPINGS.values():
        assert node.DESCRIPTION and node.SEARCH_ALIASES and node.CATEGORY == "loaders/lorarec"
        assert len(node.OUTPUT_TOOLTIPS) == len(node.RETURN_NAMES) == len(node.RETURN_TYPES)
        for name, spec in inputs_of(node).items():
            assert spec[1].get("tooltip"), name
        assert callable(getattr(node, node.FUNCTION))


def test_selection_is_never_treated_as_a_dynamic_prompt(comfy):
    """Its braces and slashes would be taken for alternatives and comments."""
    assert inputs_of(comfy.recommend)["selection"][1]["dynamicPrompts"] is False


def test_only_the_door_is_imported_by_comfyui():
    assert [path.relative_to(WEB).as_posix() for path in WEB.rglob("*.js")] == ["comfyui/lorarec.js"]


def test_script_speaks_of_the_same_ids_widgets_and_modes(comfy):
    names = set(re.findall(r'widgetOf\((?:spot\.)?node, "(\w+)"\)|\bvalue\("(\w+)"\)', SCRIPT))
    names = {name for pair in names for name in pair if name}
    assert {"selection", "mode", "prompt", "count"} <= names and names <= set(widgets_of(comfy.recommend))
    assert set(re.findall(r'"(Lorarec\w+)"', SCRIPT)) <= set(IDS)
    modes = re.findall(r'"mode"\)\?\.value [=!]== "([\w ]+)"', SCRIPT)
    assert set(modes) == {"always", "fill once"}
    for mode in modes:
        assert mode in inputs_of(comfy.recommend)["mode"][0]


@pytest.mark.parametrize("name", IDS)
def test_pages_name_every_input_and_output(comfy, name):
    page = (WEB / "docs" / f"{name}.md").read_text(encoding="utf-8")
    node = comfy.pack.NODE_CLASS_MAPPINGS[name]
    assert page.startswith(f"# {comfy.pack.NODE_DISPLAY_NAME_MAPPINGS[name]}\n")
    for word in [*inputs_of(node), *node.RETURN_NAMES]:
        assert f"`{word}`" in page, word
    for word, spec in inputs_of(node).items():
        if isinstance(spec[0], list) and word != "lora":  # the installed LoRAs
            assert all(f"*{choice}*" in page for choice in spec[0])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_translations_cover_the_nodes_and_nothing_else(comfy, language):
    path = ROOT / "locales" / language / "nodeDefs.json"
    texts = json.loads(path.read_text(encoding="utf-8"))
    assert set(texts) == set(IDS)
    for name, node in comfy.pack.NODE_CLASS_MAPPINGS.items():
        inputs = inputs_of(node)
        assert set(texts[name]["inputs"]) == set(inputs)
        assert list(texts[name]["outputs"]) == [str(number) for number in range(len(node.RETURN_NAMES))]
        if language == "en":
            assert texts[name]["display_name"] == comfy.pack.NODE_DISPLAY_NAME_MAPPINGS[name]
            assert texts[name]["description"] == node.DESCRIPTION
            assert {n: t["tooltip"] for n, t in texts[name]["inputs"].items()} == {
                n: spec[1]["tooltip"] for n, spec in inputs.items()
            }
            assert [t["tooltip"] for t in texts[name]["outputs"].values()] == list(node.OUTPUT_TOOLTIPS)


@pytest.mark.parametrize("path", sorted((ROOT / "example_workflows").glob("*.json")), ids=lambda path: path.stem)
def test_example_workflows_fit_the_nodes(comfy, path):
    workflow = json.loads(path.read_text(encoding="utf-8"))
    nodes = comfy.pack.NODE_CLASS_MAPPINGS
    ours = [node for node in workflow["nodes"] if node["type"] in nodes]
    assert {node["type"] for node in ours} >= {"LorarecRecommend", "LorarecApplyStack"}
    by_id = {node["id"]: node for node in workflow["nodes"]}
    for _, source, slot, target, target_slot, kind in workflow["links"]:
        assert by_id[source]["outputs"][slot]["type"] in (kind, "*")
        assert by_id[target]["inputs"][target_slot]["link"] is not None
    for node in ours:
        cls = nodes[node["type"]]
        assert [output["name"] for output in node["outputs"]] == list(cls.RETURN_NAMES)
        values = node["widgets_values"]
        names = widgets_of(cls)
        assert len(values) == len(names)
        for name, value in zip(names, values, strict=True):
            kind = inputs_of(cls)[name][0]
            assert value in kind if isinstance(kind, list) else isinstance(value, (str, int, float))
