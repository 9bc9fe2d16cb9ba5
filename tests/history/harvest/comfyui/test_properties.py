"""Graphs of any shape are read or refused, and a workflow reads like the graph it runs as."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lorarec.errors import BadFile
from lorarec.history.harvest.comfyui.loader_table import NO_LOADERS, SHAPES, TAGGED
from lorarec.history.harvest.comfyui.prompt_graph import read_prompt
from lorarec.history.harvest.comfyui.strings import READERS
from lorarec.history.harvest.comfyui.widgets import WIDGETS
from lorarec.history.harvest.comfyui.workflow import read_workflow
from lorarec.history_types import Generation

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["ink.safetensors", "On"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from(
    sorted(
        {*SHAPES, *TAGGED, *NO_LOADERS, *READERS, *WIDGETS}
        | {"KSampler", "SamplerCustomAdvanced", "WanVideoSampler", "FaceDetailer", "SaveImage", "ImpactSwitch"}
        | {"ComfySwitchNode", "Any Switch (rgthree)", "ConditioningCombine", "Reroute", "Note", "GetNode", "SetNode"}
        | {"PrimitiveNode", "RegexReplace", "StringReplace", "ControlNetApplyAdvanced", "ToBasicPipe", "Unknown"}
    )
)
NAMES = st.sampled_from(
    "model clip positive negative latent_image seed steps cfg sampler_name text prompt string string_a string_b "
    "conditioning conditioning_1 lora_name lora_1 lora_2 strength strength_model strength_1 switch_1 lora_stack pipe "
    "basic_pipe guider sigmas noise select input1 input2 on_true on_false switch width height images selection loras "
    "populated_text trigger_words toggle_trigger_words text_embeds value delimiter find replace ckpt_name # #0 #1 "
    "#a".split()
)
IDS = st.sampled_from(["1", "2", "3", "4", "12:7"])
LINK = st.tuples(IDS, st.integers(-2, 4)).map(list)
API = st.dictionaries(
    IDS,
    st.fixed_dictionaries({"class_type": KINDS, "inputs": st.dictionaries(NAMES, LINK | JSON, max_size=8)}) | JSON,
    min_size=1,
)
SLOT = st.fixed_dictionaries(
    {"name": NAMES, "type": st.sampled_from(["MODEL", "CLIP", "*", 3])},
    optional={"link": st.integers(1, 9) | JSON, "widget": st.fixed_dictionaries({"name": NAMES}) | JSON},
)
LAYER = {
    "nodes": st.lists(
        st.fixed_dictionaries(
            {"id": st.integers(1, 5), "type": KINDS | st.sampled_from(["sub a", "sub b"])},
            optional={
                "mode": st.sampled_from([0, 2, 4]) | JSON,
                "inputs": st.lists(SLOT, max_size=5) | JSON,
                "outputs": st.lists(SLOT, max_size=3) | JSON,
                "widgets_values": st.lists(SCALARS, max_size=8) | JSON,
                "properties": JSON,
            },
        )
        | JSON,
        max_size=6,
    ),
    "links": st.lists(
        st.tuples(
            st.integers(1, 9),
            st.sampled_from([1, 2, 3, 4, 5, -10]),
            st.integers(-1, 3),
            st.sampled_from([1, 2, 3, 4, 5, -20]),
            st.integers(-1, 3),
            st.sampled_from(["MODEL", "CLIP", "*"]),
        ).map(list)
        | JSON,
        max_size=9,
    ),
}
SUBGRAPH = st.fixed_dictionaries(
    {"id": st.sampled_from(["sub a", "sub b"]), "inputs": st.lists(SLOT, max_size=3), **LAYER}
)
SAVED = st.fixed_dictionaries(
    LAYER, optional={"definitions": st.fixed_dictionaries({"subgraphs": st.lists(SUBGRAPH, max_size=2)}), "extra": JSON}
)


def known(name: str) -> bool:
    return name.startswith("ink")


@settings(max_examples=300, deadline=2000)
@given(API | JSON)
def test_any_api_graph_is_read_or_refused(graph: Any) -> None:
    try:
        made = read_prompt(graph, known)
    except BadFile:
        return
    check(made)


@settings(max_examples=300, deadline=5000)
@given(SAVED | JSON)
def test_any_workflow_is_read_or_refused(workflow: Any) -> None:
    try:
        made = read_workflow(workflow, known)
    except BadFile:
        return
    check(made)


def check(made: Generation) -> None:
    """What the store relies on."""
    assert made.host == "comfyui"
    assert len({use.name for use in made.loras}) == len(made.loras)
    for use in made.loras:
        assert use.name
        assert use.strength != 0 or use.clip not in (0, None)
    for text in (made.prompt, made.negative):
        assert text is None or isinstance(text, str)
    for number in (made.seed, made.steps, made.width, made.height):
        assert number is None or (isinstance(number, int) and not isinstance(number, bool) and number >= 0)


WORDS = st.text("abc ,()<>:-", max_size=20)
WAYS = st.sampled_from(["plain", "reroute", "wire", "bypassed"])
LORA = st.tuples(st.sampled_from(["LoraLoader", "LoraLoaderModelOnly"]), st.integers(0, 20).map(lambda n: n / 10), WAYS)


class Both:
    """One small graph, written down as it runs and as an editor saves it."""

    def __init__(self, declared: bool) -> None:
        self.declared = declared  # whether saved nodes list a slot for each widget, as newer editors do
        self.ran: dict[str, Any] = {}
        self.nodes: list[dict[str, Any]] = []
        self.links: list[list[Any]] = []

    def node(self, kind: str, values: dict[str, Any], links: dict[str, tuple[int, int, str]]) -> int:
        number = self.saved(kind, list(values.values()), links, list(values) if self.declared else [])
        inputs = {name: [str(origin), slot] for name, (origin, slot, _) in links.items()}
        named = {name: value for name, value in values.items() if name != "control"}
        self.ran[str(number)] = {"class_type": kind, "inputs": {**named, **inputs}}
        return number

    def saved(self, kind: str, values: list[Any], links: dict[str, Any], names: list[str], mode: int = 0) -> int:
        number = 1 + len(self.nodes)
        slots: list[dict[str, Any]] = []
        for name, (origin, slot, of) in links.items():
            self.links.append([len(self.links) + 1, origin, slot, number, len(slots), of])
            slots.append({"name": name, "type": of, "link": len(self.links)})
        for name in names:
            if name != "control":
                slots.append({"name": name, "type": "X", "link": None, "widget": {"name": name}})
        outputs = [{"name": of, "type": of} for of in ("MODEL", "CLIP")] if "Lora" in kind else []
        self.nodes.append(
            {"id": number, "type": kind, "mode": mode, "inputs": slots, "outputs": outputs, "widgets_values": values}
        )
        return number

    def by_way(self, way: str, link: tuple[int, int, str]) -> tuple[int, int, str]:
        """A link through what only the editor knows. Running it goes past."""
        kind = link[2]
        if way == "reroute":
            return self.through(self.saved("Reroute", [], {"": link}, []), link)
        if way == "wire":
            name = f"wire {len(self.nodes)}"
            self.saved("SetNode", [name], {kind: link}, [])
            return self.through(self.saved("GetNode", [name], {}, []), link)
        if way == "bypassed" and kind in ("MODEL", "CLIP"):
            off = self.saved("LoraLoader", ["off.safetensors", 1, 1], {kind.lower(): link}, [], mode=4)
            return self.through(off, link, ("MODEL", "CLIP").index(kind))
        return link

    def through(self, number: int, link: tuple[int, int, str], slot: int = 0) -> tuple[int, int, str]:
        self.past = {**getattr(self, "past", {}), (number, slot): link}
        return number, slot, link[2]

    def graph(self) -> dict[str, Any]:
        """The API graph, with links to nodes that ran."""
        for entry in self.ran.values():
            for name, value in entry["inputs"].items():
                if isinstance(value, list):
                    origin = (int(value[0]), value[1])
                    while origin in getattr(self, "past", {}):
                        origin = self.past[origin][:2]
                    entry["inputs"][name] = [str(origin[0]), origin[1]]
        return self.ran


@settings(max_examples=200, deadline=2000)
@given(st.booleans(), st.lists(LORA, max_size=4), WORDS, WORDS, st.integers(0, 2**63), WAYS)
def test_a_workflow_reads_like_the_graph_it_runs_as(
    declared: bool, loras: list[tuple[str, float, str]], wanted: str, unwanted: str, seed: int, way: str
) -> None:
    both = Both(declared)
    base = both.node("CheckpointLoaderSimple", {"ckpt_name": "base.safetensors"}, {})
    model, clip = (base, 0, "MODEL"), (base, 1, "CLIP")
    for place, (kind, strength, around) in enumerate(loras):
        values = {"lora_name": f"{place}.safetensors", "strength_model": strength}
        links = {"model": both.by_way(around, model)}
        if kind == "LoraLoader":
            values["strength_clip"] = strength / 2
            links["clip"] = both.by_way(around, clip)
        number = both.node(kind, values, links)
        model = (number, 0, "MODEL")
        clip = (number, 1, "CLIP") if kind == "LoraLoader" else clip
    texts = [both.node("CLIPTextEncode", {"text": text}, {"clip": clip}) for text in (wanted, unwanted)]
    size = both.node("EmptyLatentImage", {"width": 512, "height": 768, "batch_size": 1}, {})
    settings_ = {"seed": seed, "control": "randomize", "steps": 9, "cfg": 2.5, "sampler_name": "lcm"}
    sampler = both.node(
        "KSampler",
        {**settings_, "scheduler": "normal", "denoise": 1.0},
        {
            "model": both.by_way(way, model),
            "positive": both.by_way(way, (texts[0], 0, "CONDITIONING")),
            "negative": (texts[1], 0, "CONDITIONING"),
            "latent_image": both.by_way(way, (size, 0, "LATENT")),
        },
    )
    both.node("SaveImage", {"filename_prefix": "x"}, {"images": (sampler, 0, "LATENT")})
    ran = read_prompt(both.graph(), known)
    saved = read_workflow({"nodes": both.nodes, "links": both.links}, known)
    assert saved == replace(ran, reader="comfyui:workflow")
    assert (ran.prompt, ran.negative, ran.seed) == (wanted, unwanted, seed)
    assert [use.strength for use in ran.loras] == [strength for _, strength, _ in loras if strength]


@pytest.mark.parametrize("piece", ["text", "pipe", "lora_name_1", "{a|", "<lora:a:", "__", "("])
def test_endless_names_and_texts_take_no_time(piece: str) -> None:
    endless = piece * 200_000
    graph = {
        "1": {"class_type": endless, "inputs": {endless: endless, "text": endless, "model": ["2", 0], "seed": 1}},
        "2": {"class_type": "LoraTagLoader", "inputs": {"text": endless[:90_000], "model": ["1", 0]}},
        "3": {"class_type": "easy wildcards", "inputs": {"text": endless[:90_000]}},
        "4": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["2", 0], "positive": ["3", 0]}},
    }
    made = read_prompt(graph, known)
    assert made.seed == 1
