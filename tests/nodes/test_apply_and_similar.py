"""Nodes "Apply LoRA Stack" and "Similar LoRAs" inside a fake ComfyUI."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def comfy(start, loras):
    return start(loras)


@pytest.fixture
def apply(comfy):
    return comfy.pack.NODE_CLASS_MAPPINGS["LorarecApplyStack"]()


def test_applies_in_order_to_both(apply):
    stack = [("styles/ink.safetensors", 0.8, 0.4), ("characters/miku.safetensors", 1.0, 0.0)]
    model, clip = apply.run(("base",), ("text",), stack)
    assert model == ("base", (b"ink.safetensors", 0.8), (b"miku.safetensors", 1.0))
    assert clip == ("text", (b"ink.safetensors", 0.4), (b"miku.safetensors", 0.0))


def test_works_without_clip_and_passes_through_on_nothing(apply, comfy):
    assert apply.run(("base",), None, [("styles/ink.safetensors", 1.0, 1.0)])[1] is None
    for nothing in (None, [], [("None", 1.0, 1.0)], [("styles/ink.safetensors", 0.0, 0.0)]):
        model, clip = ("base",), ("text",)
        assert apply.run(model, clip, nothing) == (model, clip)
    assert comfy.utils.loads == ["ink.safetensors"]


def test_files_of_the_last_run_stay_loaded_and_no_others(apply, comfy, loras):
    both = [("styles/ink.safetensors", 1.0, 1.0), ("styles/pixel.safetensors", 1.0, 1.0)]
    apply.run(("base",), None, both)
    apply.run(("base",), None, [("styles/ink.safetensors", 0.2, 1.0)] * 2)
    assert comfy.utils.loads == ["ink.safetensors", "pixel.safetensors"]
    apply.run(("base",), None, both)
    assert comfy.utils.loads[2:] == ["pixel.safetensors"]
    replaced = loras / "styles/ink.safetensors"
    replaced.write_bytes(b"INK.safetensors")
    os.utime(replaced, ns=(1, 1))
    assert apply.run(("base",), None, both)[0][1] == (b"INK.safetensors", 1.0)


def test_foreign_separators_and_missing_files(apply):
    assert apply.run((), None, [("styles\\ink.safetensors", 1.0, 1.0)])[0] == ((b"ink.safetensors", 1.0),)
    gone = [("gone.safetensors", 1.0, 1.0), ("styles/ink.safetensors", 1.0, 1.0)]
    with pytest.raises(Exception, match=r"gone\.safetensors.*not installed"):
        apply.run((), None, gone)
    assert apply.run((), None, gone, missing="skip and warn")[0] == ((b"ink.safetensors", 1.0),)


def test_similar_lists_names_and_reasons(comfy):
    node = comfy.pack.NODE_CLASS_MAPPINGS["LorarecSimilar"]
    answer = node().run("styles/ink.safetensors", 5, unique_id="9")
    names, report = answer["result"]
    assert names == "styles/ink.safetensors" and 'matches "ink"' in report  # the fake knows no better
    assert answer["ui"]["text"] == [report]
    assert node.VALIDATE_INPUTS(lora="styles\\ink.safetensors") is True
    assert node.VALIDATE_INPUTS(lora=None) is True
    assert "gone.safetensors" in node.VALIDATE_INPUTS(lora="gone.safetensors")
    first = node.IS_CHANGED(lora="a", count=5)
    comfy.core.version = "v2"
    assert node.IS_CHANGED(lora="a", count=5) != first
    comfy.core.stage = "empty"
    with pytest.raises(Exception, match="not indexed yet"):
        node().run("styles/ink.safetensors")
