"""Reasons from the user's own history, written from the columns that moved the score and the counts behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

MINE = "own"  # what speaks of the LoRA's own past: one sentence says it all
TASTE = "own_taste"
OPINION = "own_opinion"
TOGETHER = "together"
_MINE_FAMILIES = frozenset({"own_prompts", "own_use", "own_images", "own_base"})


class Told(Protocol):
    """What the user did with one LoRA, see `learn.story.Story`."""

    @property
    def times(self) -> int:
        """Generations with it."""
        ...

    @property
    def alike(self) -> int:
        """Of these, with prompts like the one in hand."""
        ...

    @property
    def usual(self) -> float | None:
        """Median strength."""
        ...

    @property
    def images(self) -> int:
        """Images known of them."""
        ...

    @property
    def kept(self) -> int:
        """Of these."""
        ...

    @property
    def beside(self) -> Sequence[tuple[int, int]]:
        """(active library row, generations with both)."""
        ...

    @property
    def opinion(self) -> int:
        """1 liked, -1 disliked."""
        ...

    @property
    def counted(self) -> int:
        """Uses that another tool counted."""
        ...


def joined(moved: Mapping[str, float]) -> dict[str, float]:
    """Contributions by family -> by sentence."""
    out: dict[str, float] = {}
    for family, amount in moved.items():
        name = MINE if family in _MINE_FAMILIES else family
        out[name] = out.get(name, 0.0) + amount
    return out


def text(family: str, told: Told, name_of: Mapping[int, str]) -> str:
    """One sentence, "" if there is nothing to tell.

    Args:
        family: `MINE`, `TASTE`, `OPINION` or `TOGETHER`.
        told: what the user did with the LoRA.
        name_of: names of the active LoRAs by library row.
    """
    if family == MINE and told.times:
        parts = [f"used {told.alike}× with prompts like this" if told.alike else f"you used it {told.times}×"]
        if told.usual is not None:
            parts.append(f"usually at {told.usual:.2g}")
        if told.images and told.kept < told.images:
            parts.append(f"kept {told.kept} of {told.images}")
        elif told.images:
            parts.append(f"kept {told.kept}")
        return ", ".join(parts)
    if family == MINE and told.counted:
        return f"another tool counted {told.counted} uses"
    if family == TASTE:
        return "like the LoRAs you use for such prompts"
    if family == OPINION and told.opinion > 0:
        return "you liked it"
    if family == TOGETHER and told.beside:
        row, times = told.beside[0]
        return f"used {times}× together with {name_of.get(row, 'an active LoRA')}"
    return ""
