"""Pair LoRA files that are two halves of one: Wan 2.2 takes one for its high-noise and one for its low-noise model.

Nothing inside the files tells the halves apart, so names do: "high_noise", "HighNoise", "HN", "high", "-H" and their
counterparts, in the file name or else in a folder's name. Two files are a pair if nothing else differs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from ..types import Lora
from .ledger import Partner

# Strongest first, and whether it says noise in so many words. What is matched is cut out of the name; the rest must be
# equal. Group 1 is the half.
_PATTERNS = (
    (re.compile(r"(high|low)[ _.-]*noise", re.I), True),
    (re.compile(r"(?<![a-z0-9])(h|l)n(?![a-z0-9])", re.I), True),
    (re.compile(r"(?<![a-z0-9])(high|low)(?![a-z0-9])", re.I), False),
    (re.compile(r"(?<=[a-z0-9])(High|Low)(?![a-z])"), False),
    (re.compile(r"(?<=[ _.-])(h|l)(?=[ _.-]|$)", re.I), False),
)
_SEPARATORS = re.compile(r"[ _.\-]+")


class _Half(Struct, frozen=True):
    lora: Lora
    noise: str  # "high" | "low"
    evidence: str
    folder: str
    name: str  # of the file without what tells the half
    place: str  # the same with its folders


def suspected(path: str) -> bool:
    """Whether a root-relative path may name one half; cheap."""
    return _find(path.rpartition(".")[0]) is not None


def pair(loras: Sequence[Lora]) -> dict[str, Partner]:
    """Find the pairs among LoRAs: ``{id: Partner}``, both ways. Where more than two could belong together, none is."""
    halves = [half for half in map(_half, loras) if half]
    found: dict[str, Partner] = {}
    # Same folder first, then the same tree with other folder names, then anywhere below the same root.
    for step in (_same_folder, _same_place, _same_name):
        groups: dict[tuple[str, ...], list[_Half]] = {}
        for half in halves:
            if half.lora.id not in found:
                groups.setdefault((half.lora.root, *step(half)), []).append(half)
        for group in groups.values():
            if len(group) == 2 and {half.noise for half in group} == {"high", "low"}:
                one, other = group
                found[one.lora.id] = Partner(other.lora.id, one.noise, one.evidence)
                found[other.lora.id] = Partner(one.lora.id, other.noise, other.evidence)
    return found


def _same_folder(half: _Half) -> tuple[str, ...]:
    return half.folder, half.name


def _same_place(half: _Half) -> tuple[str, ...]:
    return (half.place,)


def _same_name(half: _Half) -> tuple[str, ...]:
    return (half.name,)


def _find(text: str) -> tuple[re.Match[str], bool] | None:
    """The last mention of a half by the strongest pattern that occurs, and whether it says "noise"."""
    for pattern, explicit in _PATTERNS:
        matches = list(pattern.finditer(text))
        if matches:
            return matches[-1], explicit
    return None


def _half(lora: Lora) -> _Half | None:
    wans = [guess.name for guess in lora.base_models if "wan" in guess.name.lower()]
    if lora.base_models and not wans:
        return None
    found = _find(lora.stem)
    folder = lora.folder
    if found:
        match, explicit = found
        name = lora.stem[: match.start()] + " " + lora.stem[match.end() :]
        place = f"{folder}/{name}"
        evidence = f'file name "{match[0]}"'
    else:
        found = _find(folder)
        if not found:
            return None
        match, explicit = found
        name = lora.stem
        folder = folder[: match.start()] + " " + folder[match.end() :]
        place = f"{folder}/{name}"
        evidence = f'folder "{match[0]}"'
    # "high" and "low" alone are words of many trades: they count beside Wan 2.2, or where the path at least says Wan.
    if not explicit and (all("2.1" in name for name in wans) if wans else "wan" not in lora.path.lower()):
        return None
    noise = "high" if match[1].lower().startswith("h") else "low"
    return _Half(lora, noise, evidence, folder, _plain(name), _plain(place))


def _plain(text: str) -> str:
    parts = text.lower().split("/")
    return "/".join(_SEPARATORS.sub(" ", part).strip() for part in parts)
