"""``N.metadata.json`` of ComfyUI-Lora-Manager: its own fields, the user's notes and a Civitai version object."""

from __future__ import annotations

import json
import re
from typing import Any

from ...types import Origin
from .. import safety
from ..findings import Fields, Findings
from ..strengths import hint
from ..text import encodable, stated
from ..triggers import from_entries
from . import civitai

_SOURCE = "metadata.json"
_NUMBER = r"\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*"
_RANGE = re.compile(f"{_NUMBER}[-–~]{_NUMBER}")
_OWN_FIELDS = (
    "file_name",
    "model_name",
    "sha256",
    "base_model",
    "civitai",
    "usage_tips",
    "modelDescription",
    "from_civitai",
)


def read(data: Fields, findings: Findings) -> None:
    """Claims of LoRA Manager. Files of other tools under the same name (none of its fields) are left alone."""
    if not any(key in data for key in _OWN_FIELDS):
        return
    add = findings.add
    add("notes", data.prose("notes"), f"{_SOURCE}:notes", Origin.USER)
    if data.flag("favorite"):
        add("favorite", True, f"{_SOURCE}:favorite", Origin.USER)
    if data.flag("exclude"):
        add("excluded", True, f"{_SOURCE}:exclude", Origin.USER)
    _usage_tips(data, findings)
    add("title", stated(data.text("model_name")), f"{_SOURCE}:model_name", Origin.AUTHOR)
    if base := data.text("base_model"):
        add("base_models", civitai.base_claim(base, f"{_SOURCE}:base_model"), f"{_SOURCE}:base_model", Origin.AUTHOR)
    add("hashes", civitai.clean_hashes([data.raw_text("sha256")]), f"{_SOURCE}:sha256", Origin.AUTHOR)
    add("tags", data.texts("tags"), f"{_SOURCE}:tags", Origin.AUTHOR)
    add("trigger_sets", from_entries(civitai.entries(data, "trainedWords")), f"{_SOURCE}:trainedWords", Origin.AUTHOR)
    add("description", data.prose("modelDescription"), f"{_SOURCE}:modelDescription", Origin.AUTHOR)
    civitai.read_version(data.object("civitai"), findings, f"{_SOURCE}:civitai")
    # One preview says less than a showcase, so that it counts only where nothing else is known.
    level = safety.level(data.data.get("preview_nsfw_level"))
    if level is not None:
        add("safety", int(level), f"{_SOURCE}:preview_nsfw_level", Origin.GUESS)


def _usage_tips(data: Fields, findings: Findings) -> None:
    """The user's own strengths: a JSON object inside a string (older versions: the object itself)."""
    value: Any = data.data.get("usage_tips")
    if isinstance(value, str):
        if not value.strip():
            return
        try:
            value = json.loads(encodable(value))
        except (ValueError, RecursionError):
            findings.problem(_path(findings), "field usage_tips is no valid JSON; it was ignored, the rest was read")
            return
    if not isinstance(value, dict):
        if value is not None:
            findings.problem(_path(findings), "field usage_tips is no JSON object; it was ignored, the rest was read")
        return
    tips = Fields(value, _path(findings), findings, "usage_tips.")
    low, high = tips.number("strength_min"), tips.number("strength_max")
    if (low is None or high is None) and (text := tips.text("strength_range")):
        stated = _RANGE.fullmatch(text.replace("−", "-"))
        if stated:
            low, high = float(stated[1]), float(stated[2])
        else:
            findings.problem(
                _path(findings), "field usage_tips.strength_range is no range; it was ignored, the rest was read"
            )
    add_strength(
        findings,
        f"{_SOURCE}:usage_tips",
        Origin.USER,
        model=tips.number("strength"),
        clip=tips.number("clip_strength"),
        low=low,
        high=high,
    )


def _path(findings: Findings) -> str:
    return findings.file.path.rsplit(".", 1)[0] + "." + _SOURCE


def add_strength(
    findings: Findings,
    source: str,
    origin: Origin,
    *,
    model: float | None = None,
    clip: float | None = None,
    low: float | None = None,
    high: float | None = None,
) -> None:
    """Claim one strength hint; impossible numbers are left out, bounds in the wrong order are swapped."""
    made = hint(source, origin, model=model, clip=clip, low=low, high=high)
    if made is not None:
        findings.add("strengths", [made], source, origin)
