"""Reasons: sentences written from the signals that moved a score, so that they cannot say anything else.

The contribution of a family of signals is what the logit loses when they are set to what is usual for a LoRA that has
nothing to do with the prompt (occlusion, Zeiler and Fergus 2014).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..types import Lora, Reason, SignalTable
from . import personal_reasons
from .blend import Blend
from .personal_reasons import Told

Floats = NDArray[np.float32]
MOST = 3
_LEAST = 0.08  # of a logit; less did not move anything
_NEAR_CHUNK, _NEAR_PROMPT = 0.45, 0.1  # cosines from which a person would agree
_SHOWN = 6  # matching words named in one reason


class Matches(Protocol):
    """What of a prompt was found in one LoRA, by field; words as the user wrote them.

    Looked up only when a reason needs it.
    """

    @property
    def triggers(self) -> Sequence[str]:
        """Trigger words that the prompt contains."""
        ...

    @property
    def name(self) -> Sequence[str]:
        """Words of its name."""
        ...

    @property
    def tags(self) -> Sequence[str]:
        """Its tags that the prompt contains."""
        ...

    @property
    def description(self) -> Sequence[str]:
        """Words of its description."""
        ...

    @property
    def training(self) -> Sequence[str]:
        """Words that its training images have more often than those of others."""
        ...

    @property
    def examples(self) -> Sequence[str]:
        """Words of its nearest example prompt."""
        ...

    @property
    def chunk(self) -> str:
        """The comma chunk of the prompt nearest to it in meaning, "" if unknown."""
        ...


def contributions(blend: Blend, inputs: Floats) -> dict[str, Floats]:
    """Logit that each family adds over an average candidate, shape (c,) per family.

    ``inputs`` are standardised features of the LoRAs to explain, shape (c, f); zero is the average.
    """
    families = blend.families
    stacked = np.repeat(inputs[None, :, :], len(families) + 1, axis=0)
    for at, columns in enumerate(families.values(), 1):
        stacked[at, :, columns] = 0
    logits = blend.logits(stacked.reshape(-1, inputs.shape[1])).reshape(len(families) + 1, len(inputs))
    return {family: logits[0] - logits[at] for at, family in enumerate(families, 1)}


class Personally(Struct, frozen=True):
    """What the user's history says about one LoRA."""

    told: Told
    active: Mapping[int, str]  # names of the active LoRAs by library row


def reasons(
    table: SignalTable,
    row: int,
    lora: Lora,
    matches: Matches,
    moved: Mapping[str, float],
    host: Sequence[Reason] = (),
    past: Personally | None = None,
    likeness: bool = False,
) -> tuple[Reason, ...]:
    """At most three reasons, the strongest first.

    Args:
        table: the signal table.
        row: position of the LoRA in it.
        lora: the LoRA.
        matches: what of the prompt it contains.
        moved: contribution of each family to its logit.
        host: reasons that stand outside the blend, such as the base model; they come last.
        past: the user's history with the LoRA; None: there is none.
        likeness: it was another LoRA that was asked about, not a prompt.
    """
    found: list[Reason] = []
    room = MOST - min(len(host), 1)
    for family, amount in sorted(personal_reasons.joined(moved).items(), key=lambda item: (-item[1], item[0])):
        if amount < _LEAST or len(found) == room:
            break
        text = _text(family, table, row, lora, matches, likeness)
        if not text and past is not None:
            text = personal_reasons.text(family, past.told, past.active)
        if text:
            found.append(Reason(family, text, round(float(amount), 3)))
    return (*found, *host)[:MOST]


def _text(family: str, table: SignalTable, row: int, lora: Lora, matches: Matches, likeness: bool) -> str:
    """One sentence for one family, "" if it has nothing to show for itself."""
    if family == "triggers" and (words := matches.triggers):
        return f"{'shares' if likeness else 'your prompt has its'} trigger words: {_words(words)}"
    if family == "name" and (words := matches.name):
        return f"its name says {_words(words)}"
    if family == "tags" and (words := matches.tags):
        return f"tagged {_words(words)}"
    if family == "description" and (words := matches.description):
        return f"its description mentions {_words(words)}"
    if family == "training" and (words := matches.training):
        return f"trained on images of {_words(words)}"
    if family == "examples":
        return _example_text(table, row, matches)
    if family == "meaning":
        return _meaning_text(table, row, matches, likeness)
    if family == "style" and np.isfinite(table.column("artistic")[row]):
        return "alike in style" if likeness else "its style fits the look you describe"
    if family == "popularity" and np.isfinite(table.column("popularity")[row]):
        share = 1 - float(table.column("popularity")[row])
        return f"among the {max(5, round(share * 100 / 5) * 5)}% most downloaded of your LoRAs" if share < 0.5 else ""
    if family == "role" and lora.roles:
        return f"a {lora.role.value} LoRA{'' if likeness else ', which suits prompts like this'}"
    return ""


def _meaning_text(table: SignalTable, row: int, matches: Matches, likeness: bool) -> str:
    """A sentence on meaning, only where it is near enough to say so."""
    if matches.chunk and float(table.column("chunk")[row]) >= _NEAR_CHUNK:
        return f'means much the same as "{_short(matches.chunk)}"'
    near = float(table.column("semantic_centred")[row]) >= _NEAR_PROMPT
    return ("close in meaning" if likeness else "close in meaning to your prompt") if near else ""


def _example_text(table: SignalTable, row: int, matches: Matches) -> str:
    """A sentence on the nearest showcase prompt."""
    if not np.isfinite(table.column("example_words")[row]):
        return ""
    if words := matches.examples:
        return f"one of its example prompts shares {_words(words)}"
    if np.isfinite(table.column("example_meaning")[row]):
        return "its example images show something similar"
    return ""


def _words(words: Sequence[str]) -> str:
    """A short list for a sentence."""
    shown = ", ".join(f'"{_short(word)}"' for word in words[:_SHOWN])
    return f"{shown} …" if len(words) > _SHOWN else shown


def _short(text: str, most: int = 60) -> str:
    """A text cut at a word to fit on a line."""
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"
