"""Infotext of A1111 and its relatives."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lorarec.history.harvest import a1111
from lorarec.history_types import Generation, Use

PARAMETERS = (
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 512x768, Model hash: 45dee52b, Model: ink"
)


def read(text: str) -> Generation:
    found = a1111.read(text)
    assert found is not None
    return found


def loras(prompt: str, parameters: str = "") -> tuple[Use, ...]:
    return read(f"{prompt}\n{PARAMETERS}{parameters and ', ' + parameters}").loras


def test_all_parts() -> None:
    found = read(
        "a cat, <lora:ink wash:0.8>\nsitting: on a mat, Steps to heaven\nNegative prompt: dog,\nblurry <lora:no:1>\n"
        f'{PARAMETERS}, Lora hashes: "ink wash: 0123456789AB", Version: v1.10.1'
    )
    assert found == Generation(
        prompt="a cat, <lora:ink wash:0.8>\nsitting: on a mat, Steps to heaven",
        negative="dog,\nblurry <lora:no:1>",
        loras=(Use(name="ink wash", strength=0.8, clip=0.8, hashes=("0123456789ab",)),),
        checkpoint="ink",
        seed=965400086,
        steps=20,
        sampler="Euler a",
        cfg=7.0,
        width=512,
        height=768,
        host="a1111",
    )


@pytest.mark.parametrize(
    ("tag", "name", "strength", "clip"),
    [
        ("<lora:ink>", "ink", 1.0, 1.0),
        ("<lora:ink:0.5>", "ink", 0.5, 0.5),
        ("<lora:ink:0.5:0.7>", "ink", 0.7, 0.5),
        ("<lora:ink:0.5:0.7:64>", "ink", 0.7, 0.5),
        ("<lora:ink:te=0.5:unet=0.7:dyn=64>", "ink", 0.7, 0.5),
        ("<lora:ink:unet=0.7>", "ink", 0.7, 1.0),
        ("<lora:ink:0.5:unet=0.7>", "ink", 0.7, 0.5),
        ("<lora:ink:te=0.5>", "ink", 0.5, 0.5),
        ("<LORA: 墨 Malerei (v2) : -1.25 >", "墨 Malerei (v2)", -1.25, -1.25),
        ("<lora:styles/old/ink-v1.5:.3>", "styles/old/ink-v1.5", 0.3, 0.3),
        ("<lyco:ink:1>", "ink", 1.0, 1.0),
        ("<lora:ink:0.8:OUTALL>", "ink", 0.8, 0.8),  # block weights
        ("<lora:ink:0.8:lbw=1,0,0:start=5>", "ink", 0.8, 0.8),
        ("<lora:ink:0@0,1@1>", "ink", None, None),  # a schedule
        ("<lora:ink:1,2>", "ink", None, None),  # no number to the hosts
        ("<lora:ink:0:0.5>", "ink", 0.5, 0.0),
    ],
)
def test_tags(tag: str, name: str, strength: float | None, clip: float | None) -> None:
    assert loras(f"a cat, {tag}") == (Use(name=name, strength=strength, clip=clip),)


@pytest.mark.parametrize(
    "prompt", ["<lora:>", "<lora::1>", "<hypernet:ink:1>", "<lora:ink:0>", "lora:ink:1", "<lora:a"]
)
def test_what_uses_no_lora(prompt: str) -> None:
    assert loras(prompt) == ()


def test_the_last_of_equal_tags_stands() -> None:
    assert loras("<lora:a:1> <lora:b:1> <lora:a:0.5>") == (
        Use(name="a", strength=0.5, clip=0.5),
        Use(name="b", strength=1.0, clip=1.0),
    )


def test_tags_of_the_hires_prompt_count() -> None:
    found = loras("<lora:a:1>", 'Hires prompt: "sharp, <lora:b:0.4> <lora:a:0.2>", Hires upscale: 2')
    assert [(use.name, use.strength) for use in found] == [("a", 1.0), ("b", 0.4)]


def test_hashes_join_by_name_without_folder_and_case() -> None:
    found = loras(
        "<lora:Styles/Ink Wash.v2:0.8> <lora:b:1>",
        'Lora hashes: "ink wash.v2: F4C3C4A69A0E, unlisted: 0123456789", '
        'Hashes: {"model": "45dee52b", "lora:b": "abcdef01", "LORA:ink wash.v2.safetensors": "0011223344"}',
    )
    assert found == (
        Use(name="Styles/Ink Wash.v2", strength=0.8, clip=0.8, hashes=("f4c3c4a69a0e", "0011223344")),
        Use(name="b", strength=1.0, clip=1.0, hashes=("abcdef01",)),
        Use(name="unlisted", hashes=("0123456789",)),
    )


def test_the_hash_of_a_lora_at_strength_0_does_not_bring_it_back() -> None:
    assert loras("<lora:a:0>", 'Lora hashes: "a: 0123456789"') == ()


def test_names_with_commas_and_colons_in_hashes() -> None:
    # A1111 drops both from the names it writes there.
    assert loras("<lora:one, two:1>", 'Lora hashes: "one two: 0123456789"') == (
        Use(name="one, two", strength=1.0, clip=1.0, hashes=("0123456789",)),
    )


def test_sd_next() -> None:
    found = read(
        "a cat\nNegative prompt: dog\nTemplate: a {cat|dog}\nNegative template: dog\n"
        "Steps: 20, Size: 832x1216, Sampler: UniPC, Seed: 1, CFG scale: 6, App: SD.Next, Version: 5f6ab10, "
        'Pipeline: StableDiffusionXLPipeline, Model: ink, LoRA networks: "one, two", LoRA hashes: "01234567, 89abcdef"'
    )
    assert (found.prompt, found.negative, found.host) == ("a cat", "dog", "sdnext")
    assert found.loras == (Use(name="one", hashes=("01234567",)), Use(name="two", hashes=("89abcdef",)))


def test_sd_next_without_all_hashes_gives_names_only() -> None:
    assert loras("a", 'LoRA networks: "one, two", LoRA hashes: 01234567') == (Use(name="one"), Use(name="two"))


def test_templates_behind_the_parameters_are_no_prompt() -> None:
    found = read(
        f"a red cat\nNegative prompt: dog\n{PARAMETERS}\n"
        "Template: a {red|blue} cat,\n<lora:x:1>\nNegative Template: dog"
    )
    assert (found.prompt, found.negative, found.steps, found.loras) == ("a red cat", "dog", 20, ())


def test_forge() -> None:
    found = read(
        "a cat\nSteps: 20, Sampler: Euler, Schedule type: Simple, Distilled CFG Scale: 3.5, Seed: 3, Size: 1360x792, "
        "Model: flux-hyp16, Version: f2.0.1v1.10.1-previous-530-g8bd7e056, Module 1: ae, Module 2: clip_l"
    )
    assert (found.cfg, found.sampler, found.host, found.checkpoint) == (3.5, "Euler", "forge", "flux-hyp16")


@pytest.mark.parametrize(
    ("version", "host"),
    [
        ("v1.4.0", "a1111"),
        ("f0.0.17v1.8.0rc", "forge"),
        ("neo", "forge-neo"),
        ("classic", "forge-classic"),
        ("ComfyUI", "comfyui"),
        ("", "a1111"),
    ],
)
def test_hosts(version: str, host: str) -> None:
    assert read(f"a\n{PARAMETERS}, Version: {version}").host == host


CIVITAI = (
    "a cat <lora:pasted:1>\nNegative prompt: dog\nSteps: 8, Sampler: Euler, CFG scale: 1, Seed: 12, Size: 832x1216, "
    "Clip skip: 2, Created Date: 2024-12-22T01:01:01.0222111Z, Civitai resources: "
    '[{"type":"checkpoint","modelVersionId":5,"modelName":"Big [XL], \\"new\\"","modelVersionName":"v2"},'
    '{"type":"lycoris","weight":0.7,"modelVersionId":6,"modelName":"some, style"},'
    '{"type":"embed","weight":1,"modelVersionId":7,"modelName":"neg"},'
    '{"type":"lora","modelVersionId":8,"modelName":"other"},'
    '{"weight":0.5,"air":"urn:air:sdxl:lora:civitai:9@10"}], Civitai metadata: {"remixOfId":1}'
)


def test_civitai_resources_stand_for_its_loras_and_its_tags_load_nothing() -> None:
    found = read(CIVITAI)
    assert found.loras == (
        Use(name="some, style", strength=0.7, version_id="6"),
        Use(name="other", version_id="8"),
        Use(name="", strength=0.5, version_id="10"),
    )
    assert (found.host, found.checkpoint, found.made) == ("civitai", 'Big [XL], "new"', 1734829261.0)


def resources(*loras: tuple[str, float]) -> str:
    listed = [{"type": "lora", "weight": w, "modelVersionId": n, "modelName": m} for n, (m, w) in enumerate(loras, 1)]
    return f"Version: v1.9.0, Civitai resources: {json.dumps([{'type': 'checkpoint', 'modelName': 'x'}, *listed])}"


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([("Detail Tweaker", 0.6), ("Ink", 0.8)], ["1", "2"]),  # as many, in order, weights agree
        ([("Detail Tweaker", 0.8), ("Ink", 0.6)], ["", ""]),  # weights contradict
        ([("Detail Tweaker", 0.6)], ["", ""]),  # which one is missing cannot be told
        ([("INK_wash", 0.8)], ["", "1"]),  # the same name
        ([("ink_wash", 0.8), ("Detail Tweaker", 0.6)], ["2", "1"]),
    ],
)
def test_resources_beside_tags_give_version_ids(listed: Sequence[tuple[str, float]], expected: list[str]) -> None:
    found = loras("<lora:add_detail:0.6> <lora:ink_wash:0.8>", resources(*listed))
    assert [use.name for use in found] == ["add_detail", "ink_wash"]
    assert [use.version_id for use in found] == expected


def test_resources_complement_hashes_of_a_save_node() -> None:
    # It writes a resource for what the site knows and a hash for the rest.
    found = loras(
        "<lora:mine:0.6> <lora:ink:0.8>", resources(("Ink Wash", 0.8)) + ', Hashes: {"LORA:mine": "0123456789"}'
    )
    assert [(use.name, use.hashes, use.version_id) for use in found] == [
        ("mine", ("0123456789",), ""),
        ("ink", (), "1"),
    ]


def test_resources_without_tags_stand_alone() -> None:
    found = loras("a cat", resources(("Ink Wash", 0.8)) + ', Hashes: {"LORA:mine": "0123456789"}')
    assert found == (Use(name="mine", hashes=("0123456789",)), Use(name="Ink Wash", strength=0.8, version_id="1"))


def test_slots_of_the_additional_networks_extension() -> None:
    slots = (
        "AddNet Enabled: True, AddNet Module 1: LoRA, AddNet Model 1: Elysia-000002(6d3eb064dcc1), "
        "AddNet Weight A 1: 0.9, AddNet Weight B 1: 0.7, AddNet Module 2: LoRA, AddNet Model 2: None, "
        "AddNet Module 3: ControlNet, AddNet Model 3: x"
    )
    assert loras("a", slots) == (Use(name="Elysia-000002", strength=0.9, clip=0.7, hashes=("6d3eb064dcc1",)),)
    assert loras("a", slots.replace("True", "False")) == ()


def test_parameters_keep_quotes_commas_and_json() -> None:
    line = 'Steps: 20, A: "one, \\"two\\": three\\n", B: {"x": "a, b: c"}, C: [1, 2, D: plain: text, E:, Steps: 21'
    assert a1111.parse_parameters(line) == {
        "steps": "21",
        "a": 'one, "two": three\n',
        "b": '{"x": "a, b: c"}',
        "c": "[1",
        "d": "plain: text",
        "e": "",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a cat",
        "Created with GIMP",
        '{"a": 1, "b": 2, "c": 3, "d": 4}',
        "Steps: first mix the flour, then: bake",
        "\n\n",
    ],
)
def test_what_is_no_infotext(text: str) -> None:
    assert a1111.read(text) is None


def test_infotext_without_prompt_or_without_steps() -> None:
    assert read(PARAMETERS).prompt == ""
    found = read("a cat\nSampler: Euler, Seed: 1, CFG scale: 3, width: 832, height: 1216")
    assert (found.prompt, found.seed, found.steps, found.width, found.height) == ("a cat", 1, None, 832, 1216)
    assert read("a cat\nNegative prompt: dog").negative == "dog"


def test_windows_line_ends() -> None:
    assert read(f"a\r\nb\r\nNegative prompt: c\r\n{PARAMETERS}").prompt == "a\nb"


def test_values_that_cannot_be_meant_are_unknown() -> None:
    found = read("a\nSteps: 20, Sampler: Euler, CFG scale: inf, Seed: -1, Size: hugexbig, Model: x")
    assert (found.cfg, found.seed, found.width, found.height) == (None, None, None, None)
    assert read(f"a\nSteps: {'9' * 30}, Seed: 18446744073709551615, Size: 1x1, Model: x").seed == 2**64 - 1


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Cs")), max_size=60)
NAME = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters='<>:,="\\/'), min_size=1, max_size=20
)
WEIGHT = st.decimals(-4, 4, places=2).map(float).filter(bool)
LORAS = st.dictionaries(
    NAME, st.tuples(WEIGHT, WEIGHT, st.text("0123456789abcdef", min_size=10, max_size=12)), max_size=5
)


@given(
    before=PLAIN,
    negative=PLAIN,
    loras=LORAS,
    seed=st.integers(0, 2**64 - 1),
    steps=st.integers(1, 150),
    joined=st.booleans(),
)
def test_what_is_written_is_read(
    before: str, negative: str, loras: dict[str, tuple[float, float, str]], seed: int, steps: int, joined: bool
) -> None:
    assume("<" not in before and ":" not in before + negative)
    folded = {name.casefold().rpartition(".")[0] or name.casefold() for name in loras}
    assume(len(folded) == len(loras))
    tags = "".join(f" <lora:{name}:{te:g}:{unet:g}>" for name, (te, unet, _) in loras.items())
    hashes = ", ".join(f"{name}: {digest}" for name, (_, _, digest) in loras.items())
    shown = (
        f"Lora hashes: {json.dumps(hashes, ensure_ascii=False)}"
        if joined
        else f"Hashes: {json.dumps({f'lora:{n}': d for n, (_, _, d) in loras.items()})}"
    )
    found = read(
        f"{before}{tags}\nNegative prompt: {negative}\nSteps: {steps}, Seed: {seed}, {shown}, Version: v1.10.1"
    )
    assert found.prompt == f"{before}{tags}".strip()
    assert found.negative == negative.strip()
    assert (found.seed, found.steps) == (seed, steps)
    assert found.loras == tuple(
        Use(name=name, strength=unet, clip=te, hashes=(digest,)) for name, (te, unet, digest) in loras.items()
    )


PIECES = [
    "Steps: 20, ",
    "Negative prompt:",
    "Template: ",
    "<lora:a:",
    ">",
    '"',
    "{",
    "[",
    "Seed: ",
    ",",
    "\n",
    ": ",
    "\\",
    "Lora hashes: ",
    "Civitai resources: [{",
    "Hashes: {",
]


@settings(max_examples=300)
@given(text=st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=30).map("".join))
def test_any_text_is_read_or_is_none(text: str) -> None:
    found = a1111.read(text)
    assert found is None or isinstance(found, Generation)


@pytest.mark.parametrize(
    "piece", [*PIECES, "a", " ", "a:", 'a:"b,', "a: [", "<lora:a:1>", "a: b, ", "Lora hashes: x: 0123456789,"]
)
def test_time_is_linear_in_the_length(piece: str) -> None:
    text = f"Steps: 1, {piece * (400_000 // len(piece))}"
    start = time.perf_counter()
    a1111.read(text)
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize(
    ("more", "times"),
    [
        ("", 0),
        ("Hires upscale: 1.5, Hires steps: 12, Hires upscaler: Latent", 1),
        ("Hires resize: 1024x1536, Hires upscaler: 4x-UltraSharp", 1),
        ("HiRes mode: 1, Hires upscaler: Latent, Hires scale: 2", 1),  # SD.Next
        ("Hires steps: 12, Hires CFG scale: 6", 0),  # SD.Next's refiner
        ("Postprocess upscale by: 2, Postprocess upscaler: Lanczos", 1),
        ("Postprocess upscale to: 2048x2048, Hires upscale: 2", 2),
    ],
)
def test_how_often_it_was_enlarged(more: str, times: int) -> None:
    found = read(f"a cat\n{PARAMETERS}, {more}")
    assert found.upscaled == times
    assert (found.width, found.height) == (512, 768), "the size of the first pass"
