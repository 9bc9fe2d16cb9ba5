"""How explicit a LoRA's showcase is: levels written by Civitai, LoRA Manager and Stability Matrix -> `Safety`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..types import Safety

# Civitai's bit mask: 1 PG, 2 PG-13, 4 R, 8 X, 16 XXX, 32 blocked.
_BITS = (
    (1, Safety.SAFE),
    (2, Safety.SUGGESTIVE),
    (4, Safety.MATURE),
    (8, Safety.EXPLICIT),
    (16, Safety.EXPLICIT),
    (32, Safety.EXPLICIT),
)
_NAMES = {
    "none": Safety.SAFE,
    "pg": Safety.SAFE,
    "soft": Safety.SUGGESTIVE,
    "pg13": Safety.SUGGESTIVE,
    "pg-13": Safety.SUGGESTIVE,
    "mature": Safety.MATURE,
    "r": Safety.MATURE,
    "x": Safety.EXPLICIT,
    "xxx": Safety.EXPLICIT,
    "blocked": Safety.EXPLICIT,
}
_EXPLICIT_WORDS = re.compile(
    r"\b(?:porn\w*|hentai|sex(?:ual|y time)?|blow ?job|handjob|cum(?:shot|ming)?|penis|pussy|vagina\w*"
    r"|cunnilingus|fellatio|anal|orgasm\w*|bdsm"
    r"|ahegao|creampie|paizuri|nsfw|xxx|dildo|futanari|masturbat\w*)\b",
    re.I,
)
_MATURE_WORDS = re.compile(
    r"\b(?:nude|naked|nudity|topless|nipples?|lingerie|erotic\w*|breasts? out|uncensored|undress\w*)\b", re.I
)
_EXPLICIT = frozenset(
    """sex hetero penis pussy vaginal anal fellatio cum nude completely_nude nipples erection ejaculation paizuri
    masturbation uncensored handjob cunnilingus pubic_hair group_sex anus testicles""".split()
)
_EXPLICIT_TAGS = _EXPLICIT | {tag.replace("_", " ") for tag in _EXPLICIT}


def level(value: Any) -> Safety | None:
    """One written level: a bit mask, an older name ("Soft"), or true for "mature"; None if it says nothing."""
    if isinstance(value, bool):
        return Safety.MATURE if value else Safety.SAFE
    if isinstance(value, str):
        return _NAMES.get(value.strip().lower())
    if isinstance(value, (int, float)) and 0 < value < 64 and int(value) == value:
        found = [safety for bit, safety in _BITS if int(value) & bit]
        return found[(len(found) - 1) // 2]  # a mask of several levels: the middle one
    return None


def typical(levels: Iterable[Safety | None]) -> Safety | None:
    """The typical level of a showcase: more than half of its images are at most this explicit. One bold image is no
    verdict."""
    known = sorted(value for value in levels if value is not None)
    return known[int(0.6 * (len(known) - 1))] if known else None


def of_words(text: str) -> Safety | None:
    """EXPLICIT or MATURE if a title or tag says so; never SAFE, for silence proves nothing."""
    if _EXPLICIT_WORDS.search(text):
        return Safety.EXPLICIT
    return Safety.MATURE if _MATURE_WORDS.search(text) else None


def of_training_tags(tags: Sequence[tuple[str, int]]) -> Safety | None:
    """EXPLICIT if explicit tags are common among the captions (most frequent first), MATURE if regular; never SAFE."""
    if not tags:
        return None
    counts = dict(tags)
    top = tags[0][1]
    worst = max((counts[tag] for tag in _EXPLICIT_TAGS.intersection(counts)), default=0)
    if worst >= 0.3 * top:
        return Safety.EXPLICIT
    return Safety.MATURE if worst >= 0.1 * top and worst > 1 else None
