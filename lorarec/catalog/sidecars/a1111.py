"""``N.json``, the card that users of A1111 and Forge edit, and that download tools fill in for them."""

from __future__ import annotations

from ...types import Origin
from ..findings import Fields, Findings
from ..text import stated
from ..triggers import from_activation_text
from .civitai import base_claim
from .lora_manager import add_strength

_SOURCE = "json"
_FIELDS = ("description", "sd version", "activation text", "preferred weight", "negative text", "notes")


def read(data: Fields, findings: Findings) -> None:
    """Claims of an A1111 card; a .json without any of its fields belongs to somebody else and is left alone."""
    if not any(key in data for key in _FIELDS):
        return
    add = findings.add
    by_tool = "sd_civitai_helper" in data.object("extensions")
    add("notes", data.prose("notes"), f"{_SOURCE}:notes", Origin.USER)
    add("description", stated(data.prose("description")), f"{_SOURCE}:description", Origin.USER)
    if version := data.text("sd version"):
        # A drop-down with few choices, often set by a tool: right about the architecture, silent about finetunes.
        origin = Origin.GUESS if by_tool else Origin.USER
        add("base_models", base_claim(version, f"{_SOURCE}:sd version"), f"{_SOURCE}:sd version", origin)
    sets = from_activation_text(data.raw_text("activation text"))
    # A tool copies the author's words: that says nothing new. Words of the card that the author never named are the
    # user's own.
    known = {word.lower() for claim in findings.values("trigger_sets") for words in claim for word in words}
    if known:
        origin = Origin.GUESS if {word.lower() for words in sets for word in words} <= known else Origin.USER
    else:
        origin = Origin.AUTHOR if by_tool else Origin.USER
    add("trigger_sets", sets, f"{_SOURCE}:activation text", origin)
    if weight := data.number("preferred weight"):  # 0 means unset
        add_strength(findings, f"{_SOURCE}:preferred weight", Origin.USER, model=weight)
