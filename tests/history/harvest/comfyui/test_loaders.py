"""Every loader of the table and the rule for all others, on inputs as the packs name them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lorarec.history_types import Use

INK, FOG = "style/ink.safetensors", "fog.safetensors"
LINKS = {"model": ["checkpoint", 0], "clip": ["checkpoint", 1]}


def lora(name: str, strength: float | None = None, clip: float | None = None) -> Use:
    return Use(name=name, strength=strength, clip=clip)


# kind, inputs, what is used
LOADERS: list[tuple[str, dict[str, Any], tuple[Use, ...]]] = [
    ("LoraLoader", {"lora_name": INK, "strength_model": 0.8, "strength_clip": 0.6}, (lora(INK, 0.8, 0.6),)),
    ("LoraLoader", {"lora_name": INK, "strength_model": -0.5, "strength_clip": 1}, (lora(INK, -0.5, 1.0),)),
    ("LoraLoader", {"lora_name": INK, "strength_model": 0, "strength_clip": 0.5}, (lora(INK, 0.0, 0.5),)),
    ("LoraLoader", {"lora_name": INK, "strength_model": 0, "strength_clip": 0}, ()),
    ("LoraLoader", {"lora_name": "None", "strength_model": 1, "strength_clip": 1}, ()),
    ("LoraLoaderModelOnly", {"lora_name": INK, "strength_model": 1.0000000000000002}, (lora(INK, 1.0),)),
    ("LoraLoaderModelOnly", {"lora_name": INK, "strength_model": 0.0}, ()),
    ("LoraLoaderModelOnly", {"lora_name": INK, "strength_model": float("nan")}, (lora(INK),)),
    ("LoraLoaderModelOnly", {"lora_name": r"style\ink.pt", "strength_model": "0.60"}, (lora(r"style\ink.pt", 0.6),)),
    (
        "LoraLoader|pysssss",
        {"lora_name": {"content": INK, "image": "loras/ink.png"}, "strength_model": 1, "strength_clip": 1},
        (lora(INK, 1.0, 1.0),),
    ),
    (
        "LoraLoaderBlockWeight //Inspire",
        {"lora_name": INK, "strength_model": 1, "strength_clip": 1, "seed": 3},
        (lora(INK, 1.0, 1.0),),
    ),
    (
        "Power Lora Loader (rgthree)",
        {
            "PowerLoraLoaderHeaderWidget": {"type": "PowerLoraLoaderHeaderWidget"},
            "lora_1": {"on": True, "lora": INK, "strength": 0.7},
            "lora_2": {"on": False, "lora": "off.safetensors", "strength": 1},
            "lora_3": {"on": True, "lora": FOG, "strength": 0.5, "strengthTwo": 0.25},
            "lora_4": {"on": True, "lora": "None", "strength": 1},
            "lora_5": {"on": True, "lora": "still.safetensors", "strength": 0},
            "➕ Add Lora": "",
        },
        (lora(INK, 0.7), lora(FOG, 0.5, 0.25)),
    ),
    (
        "Lora Loader Stack (rgthree)",
        {"lora_01": INK, "strength_01": 0.5, "lora_02": "None", "strength_02": 1, "lora_03": FOG, "strength_03": 0},
        (lora(INK, 0.5),),
    ),
    (
        "LoRA Stacker",
        {
            **{"input_mode": "simple", "lora_count": 2},
            **{"lora_name_1": INK, "lora_wt_1": 0.5, "model_str_1": 1, "clip_str_1": 1},
            **{"lora_name_2": FOG, "lora_wt_2": 0.25, "model_str_2": 1, "clip_str_2": 1},
            **{"lora_name_3": "hidden.safetensors", "lora_wt_3": 1, "model_str_3": 1, "clip_str_3": 1},
        },
        (lora(INK, 0.5, 0.5), lora(FOG, 0.25, 0.25)),
    ),
    (
        "LoRA Stacker",
        {
            **{"input_mode": "advanced", "lora_count": 1},
            **{"lora_name_1": INK, "lora_wt_1": 1, "model_str_1": 0.6, "clip_str_1": 0.3},
        },
        (lora(INK, 0.6, 0.3),),
    ),
    (
        "CR LoRA Stack",
        {
            **{"switch_1": "On", "lora_name_1": INK, "model_weight_1": 0.6, "clip_weight_1": 0.5},
            **{"switch_2": "Off", "lora_name_2": FOG, "model_weight_2": 1.0, "clip_weight_2": 1.0},
            **{"switch_3": "On", "lora_name_3": "None", "model_weight_3": 1.0, "clip_weight_3": 1.0},
        },
        (lora(INK, 0.6, 0.5),),
    ),
    ("CR Load LoRA", {"switch": "Off", "lora_name": INK, "strength_model": 1, "strength_clip": 1}, ()),
    ("CR Random LoRA Stack", {"switch_1": "On", "lora_name_1": INK, "chance_1": 0.5, "model_weight_1": 1}, ()),
    (
        "easy loraStack",
        {
            **{"toggle": True, "mode": "simple", "num_loras": 1},
            **{"lora_1_name": INK, "lora_1_strength": 0.4, "lora_1_model_strength": 1, "lora_1_clip_strength": 1},
            **{"lora_2_name": FOG, "lora_2_strength": 1, "lora_2_model_strength": 1, "lora_2_clip_strength": 1},
        },
        (lora(INK, 0.4, 0.4),),
    ),
    (
        "easy loraStack",
        {
            **{"toggle": "True", "mode": "advanced", "num_loras": 9},
            **{"lora_1_name": INK, "lora_1_strength": 1, "lora_1_model_strength": 0.7, "lora_1_clip_strength": 0.2},
        },
        (lora(INK, 0.7, 0.2),),
    ),
    ("easy loraStack", {"toggle": False, "mode": "simple", "num_loras": 1, "lora_1_name": INK}, ()),
    (
        "easy loraSwitcher",
        {"toggle": True, "select": 2, "num_loras": 2, "lora_strength": 0.8, "lora_1_name": INK, "lora_2_name": FOG},
        (lora(FOG, 0.8, 0.8),),
    ),
    (
        "Lora Loader (LoraManager)",
        {
            "text": "<lora:ink:0.1>",  # the list is what it loads
            "loras": {
                "__value__": [
                    {"name": "ink", "strength": "0.60", "active": True, "clipStrength": "0.50", "expanded": False},
                    {"name": "fog", "strength": 1, "active": False},
                ]
            },
        },
        (lora("ink", 0.6, 0.5),),
    ),
    ("Lora Stacker (LoraManager)", {"loras": [{"name": "ink", "strength": 1, "active": True}]}, (lora("ink", 1.0),)),
    (
        "WanVideo Lora Select (LoraManager)",
        {"loras": [{"name": "ink", "strength": 0.5, "active": True}]},
        (lora("ink", 0.5),),
    ),
    (
        "LoRA Text Loader (LoraManager)",
        {"lora_syntax": "<lora:ink:0.8:0.4> <lora:fog>"},
        (lora("ink", 0.8, 0.4), lora("fog", 1.0, 1.0)),
    ),
    ("WanVideoLoraSelect", {"lora": INK, "strength": 0.9, "low_mem_load": False}, (lora(INK, 0.9),)),
    ("WanVideoLoraSelect", {"lora": "none", "strength": 0.9}, ()),
    (
        "WanVideoLoraSelectMulti",
        {"lora_0": INK, "strength_0": 0.9, "lora_1": "none", "strength_1": 1, "lora_2": FOG, "strength_2": 0.3},
        (lora(INK, 0.9), lora(FOG, 0.3)),
    ),
    ("HyVideoLoraSelect", {"lora": INK, "strength": 0.9}, (lora(INK, 0.9),)),
    ("NunchakuFluxLoraLoader", {"lora_name": INK, "lora_strength": 0.7}, (lora(INK, 0.7),)),
    (
        "NunchakuFluxLoraStack",
        {"lora_name_1": INK, "lora_strength_1": 0.7, "lora_name_2": "None", "lora_strength_2": 1},
        (lora(INK, 0.7),),
    ),
    ("LoraTagLoader", {"text": "a <lora:ink:0.5> <LORA:fog:-1>"}, (lora("ink", 0.5, 0.5), lora("fog", -1.0, -1.0))),
    (
        "ImpactWildcardEncode",
        {"wildcard_text": "<lora:__any__>", "populated_text": "x <lora:ink:0.8:LBW=a,b;A=1:0.4>", "seed": 4},
        (lora("ink", 0.8, 0.4),),
    ),
    ("Power Prompt (rgthree)", {"prompt": "x <lora:ink:0.5>", "insert_lora": "CHOOSE"}, (lora("ink", 0.5, 0.5),)),
    ("Power Prompt (rgthree)", {"prompt": "x <lora:ink:0.5>", "insert_lora": "DISABLE LORAS"}, ()),
    # no row of the table
    ("LTXICLoRALoaderModelOnly", {"lora_name": INK, "strength_model": 0.7}, (lora(INK, 0.7),)),
    ("SomeLoader", {"lora_name": INK, "strength": 0.7, "seed": 1}, (lora(INK, 0.7),)),
    ("SomeStack", {"lora_a": INK, "weight_a": 0.2, "lora_b": FOG, "weight_b": 0.3}, (lora(INK, 0.2), lora(FOG, 0.3))),
    (
        "SomeStack",
        {
            **{"enabled_1": True, "lora_name_1": INK, "strength_1": 0.2},
            **{"enabled_2": False, "lora_name_2": FOG, "strength_2": 1},
        },
        (lora(INK, 0.2),),
    ),
    (
        "SomePair",
        {"lora_name_high": INK, "lora_strength_high": 0.9, "lora_name_low": FOG, "lora_strength_low": 0.4},
        (lora(INK, 0.9), lora(FOG, 0.4)),
    ),
    ("SomeLoader", {"lora": INK, "model_weight": 0.7, "clip_weight": 0.2}, (lora(INK, 0.7, 0.2),)),
    ("SomeLoader", {"lora_name": INK}, (lora(INK),)),
    ("SomeLoader", {"lora_mode": "fast", "control_net_name": "canny_lora.safetensors", "vae_name": "lora.pt"}, ()),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "inputs", "used"), LOADERS)
def test_loader(ran: Any, kind: str, inputs: dict[str, Any], used: tuple[Use, ...]) -> None:
    made = ran({"lora": {"class_type": kind, "inputs": {**inputs, **LINKS}}}, model=["lora", 0])
    assert made.loras == used


@pytest.mark.parametrize(
    ("inputs", "used"),
    [
        ({"style": INK, "amount": 2, "strength": 0.5}, (lora(INK, 0.5),)),  # a file of the catalogue
        ({"style": "elsewhere.safetensors", "strength": 0.5}, ()),  # a file of no catalogue
        ({"sampler_name": "lcm"}, ()),  # a word, though a LoRA has that name
        ({"ckpt_name": FOG}, ()),  # a checkpoint, though a LoRA has that name
        ({"text": "lcm"}, ()),
    ],
)
def test_catalogued_names_count_in_any_node_that_could_mean_them(
    ran: Any, inputs: dict[str, Any], used: tuple[Use, ...]
) -> None:
    other = {"class_type": "StyleApplier", "inputs": {**inputs, **LINKS}}
    assert ran({"other": other}, known=(INK, FOG, "lcm"), model=["other", 0]).loras == used


def test_a_bare_catalogued_name_counts_where_a_lora_is_meant(ran: Any) -> None:
    loader = {"class_type": "SomeLoader", "inputs": {"lora_name": "ink", "strength": 0.5, **LINKS}}
    assert ran({"lora": loader}, known=("ink",), model=["lora", 0]).loras == (lora("ink", 0.5),)
    assert ran({"lora": loader}, model=["lora", 0]).loras == ()


@pytest.mark.parametrize(
    "kind", ["Efficient Loader", "easy fullLoader", "easy a1111Loader", "easy comfyLoader", "easy fluxLoader"]
)
def test_loaders_of_everything_load_a_lora_and_a_stack(ran: Any, kind: str) -> None:
    stack = {
        "class_type": "CR LoRA Stack",
        "inputs": {"switch_1": "On", "lora_name_1": FOG, "model_weight_1": 0.5, "clip_weight_1": 0.5},
    }
    everything = {
        "class_type": kind,
        "inputs": {
            "ckpt_name": "base.safetensors",
            "lora_name": INK,
            "lora_model_strength": 0.8,
            "lora_clip_strength": 0.7,
            "positive": "harbour",
            "negative": "fog",
            "optional_lora_stack": ["stack", 0],
        },
    }
    made = ran({"stack": stack, "all": everything}, model=["all", 0], positive=["all", 1], negative=["all", 2])
    assert made.loras == (lora(FOG, 0.5, 0.5), lora(INK, 0.8, 0.7))
    assert (made.prompt, made.negative, made.checkpoint) == ("harbour", "fog", "base.safetensors")


def test_easy_loaders_take_tags_out_of_their_prompt(ran: Any) -> None:
    nodes = {
        "words": {"class_type": "easy positive", "inputs": {"positive": "harbour <lora:ink:0.6>"}},
        "all": {
            "class_type": "easy a1111Loader",
            "inputs": {"ckpt_name": "a.safetensors", "lora_name": "None", "positive": ["words", 0], "negative": ""},
        },
        "pre": {"class_type": "easy preSampling", "inputs": {"pipe": ["all", 0], "seed": 3, "steps": 9}},
        "sampler": {"class_type": "easy kSampler", "inputs": {"pipe": ["pre", 0], "image_output": "Save"}},
    }
    made = ran(nodes, **dict.fromkeys(["model", "positive", "negative", "latent_image", "seed", "steps", "cfg"]))
    assert made.loras == (lora("ink", 0.6, 0.6),)
    assert (made.prompt, made.seed, made.steps) == ("harbour <lora:ink:0.6>", 3, 9)


def test_the_order_is_that_of_application_and_a_lora_counts_once(ran: Any) -> None:
    def loader(name: str, strength: float, source: str) -> dict[str, Any]:
        return {
            "class_type": "LoraLoaderModelOnly",
            "inputs": {"lora_name": name, "strength_model": strength, "model": [source, 0]},
        }

    nodes = {
        "third": loader(INK, 0.3, "second"),
        "second": loader(FOG, 0.2, "first"),
        "first": loader(INK, 0.1, "checkpoint"),
    }
    assert ran(nodes, model=["third", 0]).loras == (lora(INK, 0.1), lora(FOG, 0.2))


def test_loaders_that_nothing_uses_do_not_count(ran: Any) -> None:
    idle = {"class_type": "LoraLoader", "inputs": {"lora_name": INK, "strength_model": 1, "strength_clip": 1, **LINKS}}
    assert ran({"idle": idle}).loras == ()
    assert ran({"idle": idle}, model=["idle", 0]).loras == (lora(INK, 1.0, 1.0),)
    clip_only = {"class_type": "CLIPTextEncode", "inputs": {"text": "a", "clip": ["idle", 1]}}
    assert ran({"idle": idle, "wanted": clip_only}).loras == (lora(INK, 1.0, 1.0),)


def test_a_loader_whose_words_alone_are_used_does_not_count(ran: Any) -> None:
    nodes = {
        "lora": {
            "class_type": "SomeLoraWithWords",
            "inputs": {"lora_name": INK, "strength_model": 1, **LINKS},
        },
        "wanted": {"class_type": "CLIPTextEncode", "inputs": {"text": ["lora", 2], "clip": ["checkpoint", 1]}},
    }
    made = ran(nodes)
    assert made.loras == ()
    assert made.prompt is None


def test_a_count_that_is_made_at_run_time_hides_nothing(ran: Any) -> None:
    inputs = {"input_mode": "simple", "lora_count": ["gone", 0], "lora_name_1": INK, "lora_wt_1": 0.5}
    stack = {"class_type": "LoRA Stacker", "inputs": inputs}
    apply = {"class_type": "CR Apply LoRA Stack", "inputs": {"lora_stack": ["stack", 0], **LINKS}}
    assert ran({"stack": stack, "apply": apply}, model=["apply", 0]).loras == (lora(INK, 0.5, 0.5),)
    counted = {"class_type": "MathExpression|pysssss", "inputs": {"expression": "1 + 1"}}
    inputs["lora_count"] = ["counted", 0]
    made = ran({"counted": counted, "stack": stack, "apply": apply}, model=["apply", 0])
    assert made.loras == (lora(INK, 0.5, 0.5),)


def test_names_and_strengths_are_followed_to_primitives(ran: Any) -> None:
    nodes = {
        "name": {"class_type": "PrimitiveString", "inputs": {"value": INK}},
        "amount": {"class_type": "FloatConstant", "inputs": {"value": 0.35}},
        "again": {"class_type": "Reroute", "inputs": {"": ["amount", 0]}},
        "lora": {
            "class_type": "LoraLoader",
            "inputs": {
                "lora_name": ["name", 0],
                "strength_model": ["again", 0],
                "strength_clip": ["gone", 0],
                **LINKS,
            },
        },
    }
    assert ran(nodes, model=["lora", 0]).loras == (lora(INK, 0.35),)


@pytest.mark.parametrize(
    ("outputs", "used"),
    [
        ((0,), (lora("ink.safetensors", 0.8, 0.5),)),
        ((5,), (lora("ink_low.safetensors", 0.8, 0.5),)),
        ((0, 5), (lora("ink.safetensors", 0.8, 0.5), lora("ink_low.safetensors", 0.8, 0.5))),
    ],
)
def test_our_own_choice_counts_by_the_stack_that_is_used(
    ran: Any, outputs: tuple[int, ...], used: tuple[Use, ...]
) -> None:
    rows = [
        {"name": "ink.safetensors", "model": 0.8, "clip": 0.5, "partner": "ink_low.safetensors"},
        {"name": "fog.safetensors", "model": 0.8, "on": False},
    ]
    nodes: dict[str, Any] = {
        "choice": {"class_type": "LorarecRecommend", "inputs": {"prompt": "ink", "selection": json.dumps(rows)}}
    }
    source = "checkpoint"
    for output in outputs:
        nodes[f"apply {output}"] = {
            "class_type": "LorarecApplyStack",
            "inputs": {"model": [source, 0], "lora_stack": ["choice", output]},
        }
        source = f"apply {output}"
    assert ran(nodes, model=[source, 0]).loras == used


def test_both_halves_of_a_pair_count_in_the_order_of_their_passes(ran: Any) -> None:
    def half(name: str) -> dict[str, Any]:
        return {
            "class_type": "LoraLoaderModelOnly",
            "inputs": {"lora_name": name, "strength_model": 1, "model": ["checkpoint", 0]},
        }

    nodes = {"high": half("high.safetensors"), "low": half("low.safetensors")}
    nodes["second"] = {
        "class_type": "KSamplerAdvanced",
        "inputs": {
            "model": ["low", 0],
            "noise_seed": 0,
            "steps": 8,
            "positive": ["wanted", 0],
            "negative": ["unwanted", 0],
            "latent_image": ["sampler", 0],
        },
    }
    nodes["decoded"] = {"class_type": "VAEDecode", "inputs": {"samples": ["second", 0], "vae": ["checkpoint", 2]}}
    made = ran(nodes, model=["high", 0])
    assert [use.name for use in made.loras] == ["high.safetensors", "low.safetensors"]
    assert (made.seed, made.steps) == (7, 20)
