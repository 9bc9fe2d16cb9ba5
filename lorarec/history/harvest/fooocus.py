"""Fooocus: a JSON object (its scheme "fooocus") or infotext (its scheme "a1111"); ``modules/meta_parser.py``."""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from ...history_types import Generation, Use
from . import a1111
from .values import digests, json_object, number, plain_text, whole

_RESOLUTION = re.compile(r"\(?\s*(\d{1,6})\s*,\s*(\d{1,6})\s*\)?")
_COMBINED = re.compile(r"(?:(True|False) : )?(.+) : ([^:]+)")


def read(text: str) -> Generation | None:
    """The generation that Fooocus states in either scheme, None if it is not Fooocus's."""
    if '"metadata_scheme"' not in text and "Fooocus v" not in text:
        return None
    data = json_object(text)
    if data:
        ours = data.get("metadata_scheme") == "fooocus" or "fooocus" in str(data.get("version")).lower()
        return _from_json(data) if ours else None
    infotext = a1111.parse(text)
    if not infotext or a1111.host_of(infotext.parameters) != "fooocus":
        return None
    # Its prompt line holds styles and expansion on one line; beside it stands what the user wrote.
    written = infotext.parameters
    return replace(
        a1111.generation(infotext),
        prompt=written.get("raw prompt", infotext.prompt),
        negative=written.get("raw negative prompt", infotext.negative),
    )


def _from_json(data: dict[str, Any]) -> Generation:
    resolution = _RESOLUTION.fullmatch(str(data.get("resolution", "")).strip())
    return Generation(
        prompt=plain_text(data.get("prompt")),
        negative=plain_text(data.get("negative_prompt")),
        loras=_loras(data),
        checkpoint=plain_text(data.get("base_model")) or "",
        seed=whole(data.get("seed")),
        steps=whole(data.get("steps")),
        sampler=plain_text(data.get("sampler")) or "",
        cfg=number(data.get("guidance_scale")),
        width=int(resolution[1]) if resolution else None,
        height=int(resolution[2]) if resolution else None,
        host="fooocus",
    )


def _loras(data: dict[str, Any]) -> tuple[Use, ...]:
    """``loras: [[name, weight, hash]]``, else ``lora_combined_N: "name : weight"``, in forks "True : name : weight"."""
    uses = []
    listed = data.get("loras")
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, list) and len(entry) >= 2 and isinstance(entry[0], str):
            uses.append(Use(name=entry[0], strength=number(entry[1]), hashes=digests((entry[2:] or [None])[0])))
    if not uses:
        for key, value in data.items():
            combined = (
                _COMBINED.fullmatch(value) if key.startswith("lora_combined_") and isinstance(value, str) else None
            )
            if combined and combined[1] != "False":
                uses.append(Use(name=combined[2].strip(), strength=number(combined[3])))
    return tuple(use for use in uses if use.strength != 0 and use.name not in ("", "None"))
