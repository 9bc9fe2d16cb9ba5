"""How the LoRAs that images name were linked, counted for a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from ..history_types import Linked, Linker, Use

SHOWN = 20  # names a report lists


class Names(Struct, frozen=True):
    """Uses of LoRAs that could not be linked."""

    uses: int = 0
    names: int = 0  # different ones
    most: dict[str, int] = {}  # the most frequent, uses by name as written


class Tally:
    """A linker that looks up each LoRA once, whatever its strengths, and counts what it is told to."""

    def __init__(self, link: Linker) -> None:
        """Count the answers of ``link``."""
        self._link = link
        self._cache: dict[tuple[str, tuple[str, ...], str], Linked] = {}
        self._linked: Counter[str] = Counter()
        self._ambiguous: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()

    def __call__(self, use: Use) -> Linked:
        """Link, without counting."""
        key = (use.name, use.hashes, use.version_id)
        linked = self._cache.get(key)
        if linked is None:
            linked = self._cache[key] = self._link(use)
        return linked

    def count(self, uses: Iterable[Use]) -> None:
        """Count how these are linked."""
        for use in uses:
            linked = self(use)
            if linked.lora:
                self._linked[linked.how] += 1
            else:
                (self._ambiguous if linked.how else self._unknown)[_shown(use)] += 1

    @property
    def linked(self) -> dict[str, int]:
        """Uses by the evidence that linked them, most frequent first."""
        return dict(self._linked.most_common())

    @property
    def ambiguous(self) -> Names:
        """What several installed LoRAs could be."""
        return _names(self._ambiguous)

    @property
    def unknown(self) -> Names:
        """What no installed LoRA is."""
        return _names(self._unknown)


def _names(counted: Counter[str]) -> Names:
    return Names(counted.total(), len(counted), dict(counted.most_common(SHOWN)))


def _shown(use: Use) -> str:
    return use.name or (use.hashes[0] if use.hashes else f"Civitai version {use.version_id}")
