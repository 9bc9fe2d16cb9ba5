"""Which reader understands an image whose texts several could read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lorarec.history.harvest.metadata import read_metadata
from lorarec.history.harvest.readers import READERS, read_generation
from lorarec.history_types import Generation, Use

INFOTEXT = (
    "a cat drawn at run time\nNegative prompt: dog\n"
    "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512, Model: other, Version: ComfyUI"
)
SWARM = json.dumps({"sui_image_params": {"prompt": "a swarm cat", "loras": ["ink"], "loraweights": ["0.5"]}})


def graph(text: Any = "a graph cat") -> dict[str, Any]:
    """A graph as ComfyUI saves it, whose prompt is a text or a link."""
    return {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "base.safetensors"}},
        "2": {
            "class_type": "LoraLoader",
            "inputs": {
                "lora_name": "ink.safetensors",
                "strength_model": 0.8,
                "strength_clip": 0.6,
                "model": ["1", 0],
                "clip": ["1", 1],
            },
        },
        "3": {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["2", 1]}},
        "4": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dog", "clip": ["2", 1]}},
        "5": {
            "class_type": "KSampler",
            "inputs": {
                "model": ["2", 0],
                "positive": ["3", 0],
                "negative": ["4", 0],
                "seed": 7,
                "steps": 12,
                "cfg": 5.5,
                "sampler_name": "euler",
            },
        },
        "9": {"class_type": "ImpactWildcardProcessor", "inputs": {"wildcard_text": "a {cat|dog}", "mode": "populate"}},
    }


def read(**texts: str) -> Generation:
    found = read_generation(texts)
    assert found is not None
    return found


def test_a_graph() -> None:
    found = read(prompt=json.dumps(graph()), workflow='{"nodes": [], "links": []}')
    assert (found.prompt, found.negative, found.checkpoint) == ("a graph cat", "a dog", "base.safetensors")
    assert found.loras == (Use(name="ink.safetensors", strength=0.8, clip=0.6),)
    assert (found.host, found.reader) == ("comfyui", "comfyui:prompt")


def test_what_ran_is_a_better_witness_than_the_infotext_beside_it() -> None:
    found = read(prompt=json.dumps(graph()), parameters=INFOTEXT)
    assert (found.prompt, found.seed, found.reader) == ("a graph cat", 7, "comfyui:prompt")
    assert len(found.loras) == 1


def test_text_made_at_run_time_comes_from_the_infotext_beside_the_graph() -> None:
    drawn = json.dumps(graph(["9", 0]))
    assert read(prompt=drawn).prompt is None
    found = read(prompt=drawn, parameters=INFOTEXT)
    assert (found.prompt, found.negative, found.seed) == ("a cat drawn at run time", "a dog", 7)
    assert found.loras == (Use(name="ink.safetensors", strength=0.8, clip=0.6),)


def test_literals_that_are_no_json() -> None:
    assert (
        read(prompt=json.dumps(graph() | {"8": {"class_type": "X", "inputs": {}, "is_changed": [float("nan")]}})).seed
        == 7
    )


def test_swarm_wins_over_the_graph_it_had_made() -> None:
    found = read(prompt=json.dumps(graph()), parameters=SWARM)
    assert (found.prompt, found.reader) == ("a swarm cat", "swarmui:parameters")


def test_infotext_wins_over_a_workflow() -> None:
    found = read(parameters=INFOTEXT, workflow='{"nodes": [], "links": []}')
    assert (found.host, found.reader) == ("comfyui", "a1111:parameters")


@pytest.mark.parametrize(
    "texts",
    [
        {"Model": "prompt:" + json.dumps(graph()), "Make": "workflow:{}"},  # SaveAnimatedWEBP
        {"Make": "Prompt: " + json.dumps(graph()), "ImageDescription": "Workflow: {}"},  # save nodes
        {"UserComment": json.dumps({"prompt": graph(), "workflow": {}})},
        {"UserComment": json.dumps({"prompt": json.dumps(graph())})},
    ],
)
def test_graphs_in_exif(texts: dict[str, str]) -> None:
    found = read(**texts)
    assert found.prompt == "a graph cat"
    assert found.reader == f"comfyui:{next(iter(texts))}"


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"Comment": "Created with GIMP"},
        {"Make": "NIKON CORPORATION", "Model": "NIKON D90", "UserComment": "holiday: day 1, beach: yes, sun: yes"},
        {"parameters": "", "prompt": "null", "workflow": "[]"},
        {"prompt": '{"a": "cat"}'},
        {"prompt": "a cat"},  # Easy Diffusion
        {"Software": "NovelAI", "Comment": "none"},
        {"parameters": "[" * 100_000, "prompt": "{" * 100_000},
    ],
)
def test_what_states_no_generation(texts: dict[str, str]) -> None:
    assert read_generation(texts) is None


ENLARGING = json.dumps(
    {
        "1": {"class_type": "LoadImage", "inputs": {"image": "cat.png"}},
        "2": {"class_type": "ImageUpscaleWithModel", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
    }
)


def test_a_graph_that_only_enlarges_is_the_last_resort() -> None:
    found = read(prompt=ENLARGING, workflow='{"nodes": []}')
    assert (found.teaches, found.sources, found.upscaled, found.reader) == (False, ("cat.png",), 1, "comfyui:prompt")
    beside = read(parameters=INFOTEXT)
    found = read(prompt=ENLARGING, parameters=INFOTEXT)
    assert found == replace(beside, reader="comfyui:prompt", sources=("cat.png",), upscaled=1)
    assert read_generation({"prompt": ENLARGING.replace("cat.png", "clipspace/cat.png")}) is None


@pytest.mark.parametrize("key", ["extras", "postprocessing"])
def test_the_extras_of_a1111_keep_how_the_image_was_made(key: str) -> None:
    extras = {key: "Postprocess upscale by: 4, Postprocess upscaler: R-ESRGAN 4x+"}
    for texts in ({"parameters": INFOTEXT}, {"prompt": json.dumps(graph())}):
        before = read(**texts)
        assert read(**texts, **extras) == replace(before, upscaled=1)
        assert read(**texts, **{key: "GFPGAN visibility: 1"}) == before


def test_from_file_to_generation(tmp_path: Path, write_png: Callable[..., Path]) -> None:
    path = write_png(tmp_path / "a.png", {"prompt": json.dumps(graph())}, after_idat=True, pixels=10)
    assert read_generation(read_metadata(path)) == read(prompt=json.dumps(graph()))


KEYS = sorted({key for reader in READERS for key in reader.keys})
TEXTS = st.one_of(
    st.sampled_from(
        [INFOTEXT, SWARM, json.dumps(graph()), '{"nodes": [], "links": []}', "prompt:{}", "workflow:{", ""]
    ),
    st.text(max_size=30),
)


@settings(max_examples=200)
@given(texts=st.dictionaries(st.sampled_from([*KEYS, "Software"]), TEXTS))
def test_any_texts_are_read_or_give_none(texts: dict[str, str]) -> None:
    found = read_generation(texts, known=lambda name: name.startswith("a"))
    assert found is None or found.reader.partition(":")[2] in texts
