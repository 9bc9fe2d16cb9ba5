"""What goes into a prompt, and what a user writes of LoRAs in use. Tags are as the panel writes them (tags.mjs)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..api.suggestions import ActiveLora
from ..lora_tags import find_tags

_TAG = re.compile(r"<[a-z]+:[^<>]*>", re.I)


def tag_name(path: str) -> str:
    """The name that tags use of a LoRA file."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def tag(path: str, strength: float) -> str:
    """The tag of a LoRA, its strength with at most two decimals."""
    return f"<lora:{tag_name(path)}:{round(strength, 2):g}>"


def insertion(prompt: str, chosen: Iterable[tuple[str, float, Sequence[str]]]) -> str:
    """What to add to a prompt: for each LoRA (path, strength, trigger words) its tag and the words that are missing."""
    parts: list[str] = []
    text = _plain(_TAG.sub(",", prompt))
    for path, strength, words in chosen:
        parts.append(tag(path, strength))
        for word in words:
            if (wanted := _plain(word)) and not _holds(text, wanted):
                parts.append(word.strip())
                text += f", {wanted}"
    return ", ".join(parts)


def active(text: str) -> list[ActiveLora]:
    """LoRAs that a user names: as tags, or as ``name`` or ``name:0.8`` with commas or lines between."""
    found = [ActiveLora(one.name, 1.0 if one.strength is None else one.strength) for one in find_tags(text)]
    for part in re.split(r"[,\n]", _TAG.sub(",", text)):
        name, colon, number = part.strip().rpartition(":")
        try:
            found.append(ActiveLora(name.strip(), float(number)) if colon and name else ActiveLora(number.strip()))
        except ValueError:
            found.append(ActiveLora(part.strip()))
    return [one for one in found if one.name]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _holds(text: str, wanted: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text) is not None
