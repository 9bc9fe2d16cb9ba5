"""Which LoRAs a node loads: by the table for the loaders of common packs, by the names of its inputs for others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from ....history_types import Use
from ....paths import EXTENSIONS
from ..values import json_value, number
from .graph import Graph, Node, truth
from .loader_table import NO_LOADERS, SHAPES, TAGGED, Shape

Known = Callable[[str], bool]  # whether a string names a catalogued LoRA
ReadText = Callable[[Node, str], str | None]  # the text of a node's input, None = unknown

FILES = (*EXTENSIONS, ".pth", ".gguf")  # what ComfyUI and its packs load models of any kind from
_LONGEST = 400  # characters of a path
_NO_LORA = frozenset({"", "none", "[none]", "null", "undefined", "choose", "disabled"})
_AMOUNT = re.compile(r"weight|strength|(?:^|_)(?:wt|str|scale|multiplier)(?:_|\d|$)")
_OF_CLIP = re.compile(r"clip|(?:^|_)te(?:_|\d|$)|text_enc|strengthtwo")
_SWITCH = re.compile(
    r"(?:switch|toggle|on|enabled?|active)(?:_?\d+)?|enabled?_lora\w*|lora_?\d*_(?:on|enabled?|active)"
)
_OTHER_FILE = re.compile(r"ckpt|checkpoint|unet|vae|clip|control_?net|upscale|embedding|diffusion|gguf|style_model")
_ANY_TEXT = re.compile(r"text|prompt|positive|negative|string|note|title|prefix")
_TAG = re.compile(r"<lora:([^<>]*)>", re.I)


def uses(graph: Graph, node: Node, read_text: ReadText, known: Known, slots: set[int]) -> list[Use]:
    """The LoRAs that a node applies or stacks, in its order.

    Args:
        graph: whose node it is.
        node: any node.
        read_text: resolves texts, for loaders that read tags.
        known: whether a string names a catalogued LoRA.
        slots: of the node's outputs, those that are used.
    """
    kind = node.kind
    if kind in NO_LOADERS or "XY" in kind:  # plots load one after the other
        return []
    found: Iterable[Use | None]
    if kind == "LorarecRecommend":
        found = _selected(node.values.get("selection"), slots)
    elif (shape := SHAPES.get(kind)) is not None:
        found = _by_shape(graph, node, shape)
    elif kind in TAGGED:
        found = ()
    else:
        found = (*_entries(node), *_by_names(graph, node, known))
    made = [use for use in found if use is not None]
    if node.values.get("insert_lora") == "DISABLE LORAS":  # rgthree's power prompts then ignore their tags
        return made
    for name in TAGGED.get(kind, ()):
        made += _tagged(read_text(node, name) or "")
    return made


def _use(name: Any, strength: Any, clip: Any) -> Use | None:
    """One LoRA; None where it is not used."""
    if isinstance(name, dict):  # Custom-Scripts: {"content": name, "image": its preview}
        name = name.get("content")
    if not isinstance(name, str) or len(name) > _LONGEST or (name := name.strip()).lower() in _NO_LORA:
        return None
    model, text_encoder = _strength(strength), _strength(clip)
    if model == 0 and not text_encoder:
        return None
    return Use(name=name, strength=model, clip=text_encoder)


def _strength(value: Any) -> float | None:
    found = number(value)
    return None if found is None else round(found, 6)  # sliders leave 1.0000000000000002


def _by_shape(graph: Graph, node: Node, shape: Shape) -> Iterator[Use | None]:
    simple = shape.mode and graph.value(node, shape.mode) == "simple"
    count = graph.number(node, shape.count) if shape.count else None
    chosen = graph.number(node, shape.chosen) if shape.chosen else None
    for row in _rows(node, shape.name):
        if row and ((count is not None and int(row) > count) or (chosen is not None and int(row) != chosen)):
            continue
        if shape.switch and not truth(graph.value(node, shape.switch.format(row))):
            continue
        model, clip = (shape.both, shape.both) if simple else (shape.strength, shape.clip)
        yield _use(
            graph.value(node, shape.name.format(row)),
            graph.value(node, model.format(row)),
            graph.value(node, clip.format(row)) if clip else None,
        )


def _rows(node: Node, template: str) -> list[str]:
    """The numbers of a series' rows as written, in order; [""] where there is no series."""
    before, series, after = template.partition("{}")
    if not series:
        return [""]
    end = -len(after) or None
    names = (name[len(before) : end] for name in (*node.values, *node.links) if name.startswith(before))
    return sorted((row for row in names if row.isascii() and row.isdigit() and len(row) < 4), key=int)


def _entries(node: Node) -> Iterator[Use | None]:
    """LoRAs kept as objects: ``lora_1: {"on", "lora", "strength", "strengthTwo"}`` of rgthree's Power Lora Loader and
    ``loras: [{"name", "strength", "clipStrength", "active"}]`` of LoRA Manager."""
    for value in node.values.values():
        if type(value) is dict and "lora" in value:
            if truth(value.get("on", True)):
                yield _use(value["lora"], value.get("strength"), value.get("strengthTwo"))
        elif type(value) is list:
            for entry in value:
                if type(entry) is dict and "name" in entry and "strength" in entry and truth(entry.get("active", True)):
                    yield _use(entry["name"], entry["strength"], entry.get("clipStrength"))


def _selected(selection: Any, slots: set[int]) -> Iterator[Use | None]:
    """The rows of our own node's choice; output 5 is the stack of the pairs' low-noise halves."""
    rows = json_value(selection) if isinstance(selection, str) else selection
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and truth(row.get("on", True)):
            strengths = row.get("model"), row.get("clip", row.get("model"))
            if slots != {5}:
                yield _use(row.get("name"), *strengths)
            if 5 in slots:
                yield _use(row.get("partner"), *strengths)


def _tagged(text: str) -> Iterator[Use]:
    """LoRA tags as ComfyUI's packs read them: the diffusion model's strength first, then the text encoder's."""
    for written in _TAG.findall(text):
        name, *rest = written.split(":")
        strengths = [found for part in rest if (found := _strength(part)) is not None]
        model = strengths[0] if strengths else 1.0
        if use := _use(name, model, strengths[1] if len(strengths) > 1 else model):
            yield use


def _by_names(graph: Graph, node: Node, known: Known) -> Iterator[Use | None]:
    """Any other node: inputs that hold a LoRA's name, each with the numbers beside it."""
    linked = [(name, graph.value(node, name)) for name in node.links if name.startswith("lora_name")]
    for name, value in (*node.values.items(), *linked):
        if type(value) is str and _names_lora(node.kind, name, value, known):
            beside = {role: _beside(node, name, role) for role in ("switch", "model", "clip")}
            if (place := _place(name)) is not None:  # a value without a name: its strengths follow it
                beside = {"model": f"#{place + 1}", "clip": f"#{place + 2}"}
            found = {role: graph.value(node, other) for role, other in beside.items() if other}
            if truth(found.get("switch", True)):
                yield _use(value, found.get("model"), found.get("clip"))


def _names_lora(kind: str, name: str, value: str, known: Known) -> bool:
    """Whether a string input names a LoRA. A bare word of another node, like a sampler's name, is none, though a file
    may be called so."""
    role = _role(name)
    if role not in ("name", ""):
        return False
    if value.lower().endswith(FILES):
        return role == "name" or (_place(name) is not None and "lora" in kind.lower()) or known(value)
    return (role == "name" or "lora" in kind.lower()) and known(value)


def _place(name: str) -> int | None:
    """The position of a saved workflow's value that has no other name."""
    digits = name[1:] if name.startswith("#") else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else None


@lru_cache(maxsize=4096)
def _role(name: str) -> str:
    """What an input's name says of it: "name" of a LoRA, "model" or "clip" strength, "switch", "text", "other" file."""
    words = name.lower()
    if _AMOUNT.search(words):
        return "clip" if _OF_CLIP.search(words) else "model"
    if _SWITCH.fullmatch(words):
        return "switch"
    if _OTHER_FILE.search(words):
        return "other"
    if "lora" in words:
        return "name"
    return "text" if _ANY_TEXT.search(words) else ""


def _beside(node: Node, name: str, role: str) -> str | None:
    """The input of a role that belongs to a name: with the same numbers in it, and the most alike at its end."""
    digits = re.findall(r"\d+", name)
    names = [other for other in (*node.values, *node.links) if _role(other) == role]
    alike = [other for other in names if re.findall(r"\d+", other) == digits]
    if not alike:
        return None
    return max(alike, key=lambda other: _common_end(other, name))


def _common_end(one: str, other: str) -> int:
    """How many characters two names have in common at their ends."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((length for length, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
