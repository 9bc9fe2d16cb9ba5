"""Prompt text, tags and stacks made from chosen LoRAs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from .resolve import stem, with_slashes

# What efficiency nodes, Comfyroll, Easy-Use, LoRA Manager and others exchange under the type name LORA_STACK.
Stack = list[tuple[str, float, float]]

_TAG = re.compile(r"<[^<>]*:[^<>]*>")
_SPACES = re.compile(r"[\s_]+")


def read_stack(stack: Any) -> Stack:
    """Copy an incoming LORA_STACK, which may be None or hold placeholders named "None"."""
    return [(name, float(model), float(clip)) for name, model, clip in stack or () if name and name != "None"]


def trigger_text(words: Iterable[str]) -> list[str]:
    """Trigger words fit for a prompt: no `<lora:...>` tags (an encoder would read them as text), no repetitions."""
    kept: dict[str, str] = {}
    for word in words:
        cleaned = " ".join(_TAG.sub(" ", word).split()).strip(" ,")
        if cleaned:
            kept.setdefault(_plain(cleaned), cleaned)
    return list(kept.values())


def with_trigger_words(prompt: str, words: Sequence[str]) -> str:
    """Append the trigger words that a prompt does not contain yet; what the user wrote stays untouched."""
    present = _plain(prompt)
    new = [word for word in words if not _contains(present, _plain(word))]
    if not new:
        return prompt
    before = prompt.rstrip().rstrip(",").rstrip()
    return ", ".join([before, *new] if before else new)


def lora_tags(stack: Stack) -> str:
    """A stack in the notation of the WebUI family, e.g. ``<lora:ink:0.8>``; for metadata, not for a text encoder."""
    return " ".join(f"<lora:{stem(name)}:{round(model, 3):g}>" for name, model, _ in stack)


def describe(name: str, model: float, clip: float) -> str:
    """One LoRA as a line of the report."""
    strength = f"{model:g}" if model == clip else f"{model:g} / clip {clip:g}"
    return f"{with_slashes(name)}  at {strength}"


def _plain(text: str) -> str:
    return _SPACES.sub(" ", text.replace("\\", "")).strip().lower()


def _contains(text: str, word: str) -> bool:
    """Whether a phrase occurs as such. Scripts without spaces have no word boundaries to respect."""
    before = r"(?<!\w)" if word[:1].isascii() else ""
    after = r"(?!\w)" if word[-1:].isascii() else ""
    return re.search(before + re.escape(word) + after, text) is not None
