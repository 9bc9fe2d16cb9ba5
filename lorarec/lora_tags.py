"""LoRA tags of the WebUI family's prompts: ``<lora:name:te[:unet[:dyn]]>``, also with ``te=``, ``unet=``, ``dyn=``.

Read as the hosts read them (A1111's ``extra_networks_lora.py``, SD.Next's, Forge's): the name ends at the first colon,
the first number is the text encoder's strength and, unless another follows, the diffusion model's too.
"""

from __future__ import annotations

import re

from msgspec import Struct

KINDS = frozenset({"lora", "lyco", "locon", "loha"})
_TAG = re.compile(rf"<(?:{'|'.join(sorted(KINDS))}):([^<>]*)>", re.I)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_LONGEST_NUMBER = 16  # characters


class LoraTag(Struct, frozen=True):
    """One tag. Strengths are None where one is written that is no number: a schedule, a decimal comma."""

    name: str  # as written, never ""
    strength: float | None  # of the diffusion model
    clip: float | None  # of the text encoder


def find_tags(text: str) -> list[LoraTag]:
    """The LoRA tags of a prompt, in order. Takes time linear in the length of the text."""
    return [tag for arguments in _TAG.findall(text) if (tag := read_tag(arguments))]


def read_tag(arguments: str) -> LoraTag | None:
    """What stands between ``<lora:`` and ``>``; None without a name.

    No strength at all means 1. Arguments of extensions (block weights, steps) are passed over.
    """
    name, *rest = arguments.split(":")
    if not (name := name.strip()):
        return None
    placed: list[str] = []
    named: dict[str, str] = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if equals:
            named[key.strip().lower()] = value
        else:
            placed.append(part)
    clip = _number(named.get("te", placed[0] if placed else "1"))
    if "unet" in named:
        strength = _number(named["unet"])
    else:
        second = _number(placed[1]) if len(placed) > 1 else None
        strength = clip if second is None else second
    return LoraTag(name, strength, clip)


def _number(text: str) -> float | None:
    text = text.strip()
    return float(text) if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text) else None
