"""SwarmUI, Fooocus, InvokeAI and NovelAI."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorarec.history.harvest import fooocus, invoke, novelai, swarm
from lorarec.history.harvest.readers import read_generation
from lorarec.history_types import Generation, Use

SWARM: dict[str, Any] = {
    "sui_image_params": {
        "prompt": "a cat <video//cid=2> running",
        "negativeprompt": "",
        "model": "chroma/Chroma1-HD",
        "seed": 708049200,
        "steps": 8,
        "cfgscale": "1.0",
        "width": 832,
        "height": 1216,
        "sampler": "dpmpp_2m_sde",
        "loras": ["chroma/flash heun", "ink, wash", "off"],
        "loraweights": ["1", "-0.5", "0"],
        "swarm_version": "0.9.7.0",
    },
    "sui_extra_data": {"date": "2025-10-02", "original_prompt": "a <random:cat|dog> <lora:flash heun>"},
    "sui_models": [
        {"name": "chroma/flash heun.safetensors", "param": "loras", "hash": "0x" + "AB" * 32},
        {"name": "chroma/Chroma1-HD.safetensors", "param": "model", "hash": "0x" + "cd" * 32},
    ],
}


def test_swarm() -> None:
    assert swarm.read(json.dumps(SWARM)) == Generation(
        prompt="a cat <video> running",
        negative="",
        loras=(
            Use(name="chroma/flash heun", strength=1.0, hashes=("ab" * 32,)),
            Use(name="ink, wash", strength=-0.5),
        ),
        checkpoint="chroma/Chroma1-HD",
        seed=708049200,
        steps=8,
        sampler="dpmpp_2m_sde",
        cfg=1.0,
        width=832,
        height=1216,
        made=datetime(2025, 10, 2, 12).timestamp(),
        host="swarmui",
    )


@pytest.mark.parametrize(
    ("loras", "weights", "clip", "expected"),
    [
        ("a,b", "0.5,0.7", "0.1,0.2", [("a", 0.5, 0.1), ("b", 0.7, 0.2)]),
        (["a", "b"], [0.5], None, [("a", 0.5, None), ("b", None, None)]),
        ("a", "1", None, [("a", 1.0, None)]),
        ("", "", "", []),
        ([1, None, "a"], {"x": 1}, 3, [("a", None, None)]),
    ],
)
def test_swarm_lists(loras: object, weights: object, clip: object, expected: list[tuple[str, float, float]]) -> None:
    params = {"prompt": "x", "loras": loras, "loraweights": weights, "loratencweights": clip}
    found = swarm.read(json.dumps({"sui_image_params": params}))
    assert found is not None
    assert [(use.name, use.strength, use.clip) for use in found.loras] == expected


def test_swarm_of_older_versions() -> None:
    params = {"prompt": "x", "comfyuisampler": "euler", "date": "2023-08-01"}
    found = read_generation({"Model": json.dumps({"sui_image_params": params})})
    assert found is not None
    assert (found.sampler, found.made) == ("euler", datetime(2023, 8, 1, 12).timestamp())
    assert found.reader == "swarmui:Model"


FOOOCUS: dict[str, Any] = {
    "base_model": "juggernautXL_v8",
    "full_prompt": ["cinematic still a goldfish"],
    "guidance_scale": 4,
    "loras": [["offset_1.0", 0.1, "4852686128"], ["none", 0.5, None], ["off", 0, "0123456789"]],
    "lora_combined_1": "offset_1.0 : 0.1",
    "metadata_scheme": "fooocus",
    "negative_prompt": "",
    "prompt": "a goldfish",
    "resolution": "(768, 1280)",
    "sampler": "dpmpp_2m_sde_gpu",
    "seed": "6952411511246973023",
    "steps": 30,
    "version": "Fooocus v2.4.3",
}


def test_fooocus() -> None:
    assert fooocus.read(json.dumps(FOOOCUS)) == Generation(
        prompt="a goldfish",
        negative="",
        loras=(Use(name="offset_1.0", strength=0.1, hashes=("4852686128",)), Use(name="none", strength=0.5)),
        checkpoint="juggernautXL_v8",
        seed=6952411511246973023,
        steps=30,
        sampler="dpmpp_2m_sde_gpu",
        cfg=4.0,
        width=768,
        height=1280,
        host="fooocus",
    )


def test_fooocus_combined_loras() -> None:
    data = {key: value for key, value in FOOOCUS.items() if key != "loras"}
    data |= {"lora_combined_2": "True : my : ink.safetensors : -0.5", "lora_combined_3": "False : off : 1"}
    found = fooocus.read(json.dumps(data))
    assert found is not None
    assert found.loras == (Use(name="offset_1.0", strength=0.1), Use(name="my : ink.safetensors", strength=-0.5))


def test_fooocus_in_its_a1111_scheme() -> None:
    found = fooocus.read(
        "cinematic still a goldfish, deep focus\nNegative prompt: anime\n"
        "Steps: 30, Sampler: DPM++ 2M SDE Karras, Seed: 5, Size: 768x1280, CFG scale: 4, Model: juggernautXL_v8, "
        'Raw prompt: "a goldfish,\\nsmiling", Raw negative prompt: , '
        'Lora hashes: "offset_1.0: 4852686128, ink: None", Lora weights: "offset_1.0: 0.1, ink: 0.6", '
        "Version: Fooocus v2.4.3"
    )
    assert found is not None
    assert (found.prompt, found.negative, found.host) == ("a goldfish,\nsmiling", "", "fooocus")
    assert found.loras == (
        Use(name="offset_1.0", strength=0.1, hashes=("4852686128",)),
        Use(name="ink", strength=0.6),
    )


def test_infotext_of_others_is_not_fooocus() -> None:
    assert fooocus.read("made with Fooocus v2\nSteps: 30, Sampler: Euler, Seed: 1, Version: v1.9.0") is None
    assert fooocus.read('{"metadata_scheme": "other"}') is None


def test_invoke_of_today_and_of_3() -> None:
    today = {
        "generation_mode": "sdxl_txt2img",
        "positive_prompt": "a cat",
        "negative_prompt": "dog",
        "width": 1024,
        "height": 768,
        "seed": 3,
        "cfg_scale": 8.0,
        "steps": 35,
        "scheduler": "euler",
        "model": {"key": "k", "hash": "blake3:00", "name": "Juggernaut XL", "base": "sdxl", "type": "main"},
        "loras": [
            {"model": {"key": "k", "hash": "blake3:" + "1f" * 32, "name": "Ink", "base": "sdxl"}, "weight": 0.75},
            {"model": {"name": "off", "hash": "random:6f4d"}, "weight": 0},
        ],
    }
    expected = Generation(
        prompt="a cat",
        negative="dog",
        loras=(Use(name="Ink", strength=0.75, hashes=("1f" * 32,)),),
        checkpoint="Juggernaut XL",
        base_model="SDXL",
        seed=3,
        steps=35,
        sampler="euler",
        cfg=8.0,
        width=1024,
        height=768,
        host="invokeai",
    )
    assert invoke.read_metadata(json.dumps(today)) == expected
    third = today | {
        "model": {"model_name": "Juggernaut XL", "base_model": "sdxl", "model_type": "main"},
        "loras": [{"lora": {"model_name": "Ink", "base_model": "sdxl"}, "weight": 0.75}],
    }
    found = invoke.read_metadata(json.dumps(third))
    assert found is not None
    assert found.loras == (Use(name="Ink", strength=0.75),)
    assert (found.checkpoint, found.base_model) == ("Juggernaut XL", "SDXL")


def test_invoke_names_the_images_that_went_in() -> None:
    metadata = {
        "generation_mode": "sdxl_img2img",
        "positive_prompt": "a cat",
        "init_image": "first.png",
        "controlnets": [{"image": {"image_name": "pose.png"}, "control_weight": 1.0}],
        "ref_images": [{"config": {"image": {"original": {"image": {"image_name": "look.png"}}}}}],
        "canvas_v2_metadata": {
            "rasterLayers": [{"objects": [{"image": {"image_name": "first.png"}}, {"image": None}]}]
        },
        "upscale_initial_image": {"image_name": 7, "width": 512},
    }
    found = invoke.read_metadata(json.dumps(metadata))
    assert found is not None
    assert (set(found.sources), len(found.sources), found.upscaled) == ({"first.png", "pose.png", "look.png"}, 3, 0)
    metadata |= {"upscale_initial_image": {"image_name": "small.png"}, "upscale_scale": 2}
    found = invoke.read_metadata(json.dumps(metadata))
    assert found is not None and "small.png" in found.sources and found.upscaled == 1


@pytest.mark.parametrize(("scale", "times"), [("1.5", 1), (2, 1), ("1", 0), (None, 0), ("x", 0)])
def test_swarms_refiner_may_enlarge(scale: object, times: int) -> None:
    found = swarm.read(json.dumps({"sui_image_params": {"prompt": "a cat", "refinerupscale": scale}}))
    assert found is not None and found.upscaled == times


def test_invoke_of_2() -> None:
    image = {
        "prompt": [{"prompt": "a cat withLora(ink, 0.6) [dog] on a mat [blurry, bad]", "weight": 1.0}],
        "steps": 50,
        "cfg_scale": 5,
        "height": 768,
        "width": 512,
        "seed": 2,
        "sampler": "k_lms",
    }
    found = invoke.read_sd_metadata(json.dumps({"model_weights": "deliberate", "image": image}))
    assert found == Generation(
        prompt="a cat withLora(ink, 0.6) on a mat",
        negative="dog blurry, bad",
        loras=(Use(name="ink", strength=0.6),),
        checkpoint="deliberate",
        seed=2,
        steps=50,
        sampler="k_lms",
        cfg=5.0,
        width=512,
        height=768,
        host="invokeai",
    )


@pytest.mark.parametrize(
    "command",
    [
        '"a "big" cat [dog]" -s 50 -S 42 -W 512 -H 768 -C 7.5 -A k_lms -G 0.9 -U 4 0.95',
        'a "big" cat [dog] -s50 -S42 -W512 -H768 -C7.5 -Ak_lms',
    ],
)
def test_dream_commands(command: str) -> None:
    assert invoke.read_dream(command) == Generation(
        prompt='a "big" cat',
        negative="dog",
        seed=42,
        steps=50,
        sampler="k_lms",
        cfg=7.5,
        width=512,
        height=768,
        host="invokeai",
    )


def test_novelai_with_characters() -> None:
    comment = {
        "prompt": "2girls, park",
        "steps": 28,
        "width": 832,
        "height": 1216,
        "scale": 5.0,
        "seed": 7,
        "sampler": "k_euler_ancestral",
        "uc": "lowres",
        "v4_prompt": {
            "caption": {"base_caption": "2girls, park", "char_captions": [{"char_caption": "girl, red hair"}, {}]}
        },
        "v4_negative_prompt": {"caption": {"base_caption": "lowres", "char_captions": [{"char_caption": ""}]}},
    }
    metadata = {"Software": "NovelAI", "Source": "NovelAI Diffusion V4.5 4BDE2A90", "Comment": json.dumps(comment)}
    assert novelai.read(metadata["Comment"], metadata) == Generation(
        prompt="2girls, park\ngirl, red hair",
        negative="lowres",
        checkpoint="NovelAI Diffusion V4.5 4BDE2A90",
        seed=7,
        steps=28,
        sampler="k_euler_ancestral",
        cfg=5.0,
        width=832,
        height=1216,
        host="novelai",
    )
    assert novelai.read(metadata["Comment"], {}) is None


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


def spoilt(whole: Any) -> st.SearchStrategy[Any]:
    """A JSON value with any of its parts replaced by anything."""
    if isinstance(whole, dict):
        parts = st.fixed_dictionaries({key: spoilt(value) for key, value in whole.items()})
    elif isinstance(whole, list):
        parts = st.tuples(*map(spoilt, whole)).map(list)
    else:
        return st.one_of(st.just(whole), st.just(whole), st.just(whole), JSON)
    return st.one_of(parts, parts, parts, JSON)


INVOKE = {
    "positive_prompt": "a cat",
    "model": {"name": "x", "base": "sdxl"},
    "loras": [{"model": {"name": "Ink", "hash": "blake3:00112233"}, "weight": 0.75}, {"lora": {"model_name": "b"}}],
    "seed": 1,
}
SD_METADATA = {"image": {"prompt": [{"prompt": "a cat [dog] withLora(x, 1)"}], "seed": 1}, "model_weights": "x"}
NOVELAI = {"prompt": "a", "uc": "b", "v4_prompt": {"caption": {"base_caption": "c", "char_captions": [{}]}}, "seed": 1}


@settings(max_examples=150)
@given(data=st.data())
@pytest.mark.parametrize(
    ("key", "whole"),
    [
        ("parameters", SWARM),
        ("parameters", FOOOCUS),
        ("invokeai_metadata", INVOKE),
        ("sd-metadata", SD_METADATA),
        ("Comment", NOVELAI),
    ],
)
def test_any_json_is_read_or_is_none(key: str, whole: Any, data: st.DataObject) -> None:
    text = json.dumps(data.draw(spoilt(whole)))  # with NaN and Infinity, as ComfyUI writes them
    found = read_generation({key: text, "Software": "NovelAI"})
    if found:
        assert all(isinstance(use.name, str) and use.strength != 0 for use in found.loras)
        for written in (found.prompt or "", found.negative or "", found.checkpoint, *(u.name for u in found.loras)):
            written.encode("utf-8")  # can be stored


@given(
    text=st.lists(st.sampled_from(['"', " ", "-s", "50", "-", "A", "[", "]", "withLora(", ",", ")", "x"])).map("".join)
)
def test_any_command(text: str) -> None:
    invoke.read_dream(text)
