"""Claims of all sources -> one `Lora`: the user's word first, then the author's, the trainer's, and guesses last.

Single values are taken from the best origin, between equals from the source read first. Collections are united in that
order. The base model is a distribution that all sources shape together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import msgspec

from ..types import Claim, Example, Lora, Origin, RoleGuess, Safety, Stats, StrengthHint
from .base_distribution import combine
from .files import LoraFile
from .sidecars.images import MAX_EXAMPLES
from .text import MAX_DESCRIPTION

_MAX_TAGS = 100
_MAX_HASHES = 16


def merge(file: LoraFile, claims: Sequence[Claim]) -> Lora:
    """One LoRA from everything said about it. ``id`` and ``fingerprint`` are left empty for the catalogue to fill."""
    by_field: dict[str, list[Claim]] = {}
    for claim in claims:
        by_field.setdefault(claim.field, []).append(claim)
    values: dict[str, Any] = {}
    for field, said in by_field.items():
        said.sort(key=_origin)  # stable: sources keep their order
        united = _UNITED.get(field)
        value = united(said) if united else said[0].value
        if value is not None:
            values[field] = value
    return Lora(id="", root=file.root, path=file.path, size=file.size, modified=file.modified_ns / 1e9, **values)


def _origin(claim: Claim) -> int:
    return claim.origin


def _texts(limit: int) -> Callable[[list[Claim]], tuple[str, ...]]:
    def unite(said: list[Claim]) -> tuple[str, ...]:
        seen: dict[str, str] = {}
        for claim in said:
            for text in claim.value:
                seen.setdefault(text.casefold(), text)
        return tuple(seen.values())[:limit]

    return unite


def _prose(said: list[Claim]) -> str:
    """Texts one after the other; what is contained in a text already there is left out."""
    parts: list[str] = []
    for claim in said:
        text = claim.value
        if not any(text in part for part in parts):
            parts = [part for part in parts if part not in text] + [text]
    return "\n".join(parts)[:MAX_DESCRIPTION]


def _notes(said: list[Claim]) -> str:
    return _prose([claim for claim in said if claim.origin == said[0].origin])


def _trigger_sets(said: list[Claim]) -> tuple[tuple[str, ...], ...]:
    """Sets of the best origin only: a user's words replace the author's, and guesses never stand beside known words."""
    seen: dict[tuple[str, ...], tuple[str, ...]] = {}
    for claim in said:
        if claim.origin == said[0].origin:
            for words in claim.value:
                seen.setdefault(tuple(sorted(word.lower() for word in words)), tuple(words))
    return tuple(seen.values())


def _examples(said: list[Claim]) -> tuple[Example, ...]:
    seen: dict[str, Example] = {}
    for claim in said:
        for entry in claim.value:
            if entry["prompt"] not in seen:
                seen[entry["prompt"]] = Example(**entry)
    return tuple(seen.values())[:MAX_EXAMPLES]


def _strengths(said: list[Claim]) -> tuple[StrengthHint, ...]:
    hints: dict[tuple[Any, ...], StrengthHint] = {}
    for claim in said:
        for entry in claim.value:
            hint = StrengthHint(**{**entry, "origin": Origin(entry["origin"])})
            hints.setdefault((hint.origin, hint.model, hint.clip, hint.low, hint.high), hint)
    return tuple(hints.values())


def _stats(said: list[Claim]) -> Stats:
    figures: dict[str, Any] = {}
    for claim in said:
        for name, value in claim.value.items():
            figures.setdefault(name, value)
    return Stats(**figures)


def _safety(said: list[Claim]) -> Safety:
    """The most explicit of the author's and trainer's words; guesses count only without them, or when they warn."""
    firm = [claim.value for claim in said if claim.origin <= Origin.TRAINER]
    guessed = [claim.value for claim in said if claim.origin == Origin.GUESS]
    warned = [value for value in guessed if value >= Safety.MATURE]
    return Safety(max(firm + warned) if firm else max(guessed))


def _roles(said: list[Claim]) -> tuple[RoleGuess, ...]:
    return tuple(msgspec.convert(said[0].value, tuple[RoleGuess, ...]))


def _pairs(said: list[Claim]) -> tuple[tuple[str, int], ...]:
    return cast("tuple[tuple[str, int], ...]", tuple(map(tuple, said[0].value)))


_UNITED: dict[str, Callable[[list[Claim]], Any]] = {
    "tags": _texts(_MAX_TAGS),
    "user_tags": _texts(_MAX_TAGS),
    "hashes": _texts(_MAX_HASHES),
    "description": _prose,
    "notes": _notes,
    "trigger_sets": _trigger_sets,
    "examples": _examples,
    "strengths": _strengths,
    "stats": _stats,
    "safety": _safety,
    "roles": _roles,
    "training_tags": _pairs,
    "base_models": combine,
}


def texts(claims: Iterable[Claim], field: str) -> list[str]:
    """All strings claimed for a field, lists flattened."""
    found: list[str] = []
    for claim in claims:
        if claim.field == field:
            found.extend(claim.value if isinstance(claim.value, list) else [claim.value])
    return found
