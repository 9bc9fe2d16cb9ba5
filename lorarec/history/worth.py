"""Installed LoRAs that were never used and are near to what the user makes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from ..base_models import fit
from ..types import Lora, Role
from .activity import Activity
from .statements import Favourite, LoraName, Preference, WorthALook
from .themes import Themes

MOST = 10  # worth a look
FAVOURITES = 20  # that an unused LoRA may be like
PER_FAVOURITE = 2  # of what is like one favourite, so that the list does not repeat itself
LEAST_USES = 5  # generations with a favourite before anything is worth a look for being like it
LEAST_NEAR = 0.45  # cosine of centred vectors: about where LoRAs begin to show the same kind of thing
LEAST_TOUCHED = 0.1  # without vectors: share of the user's generations that its themes touch
LEAST_SHARE = 0.1  # of generations on a base model before it counts as one the user works with
LEAST_FIT = 0.4  # probability that a LoRA works with it

_SHOWS_NOTHING = frozenset({Role.DETAIL, Role.SLIDER, Role.ACCELERATOR})
Vectors = NDArray[np.float32]
NameOf = Callable[[str], LoraName]


def worth_a_look(
    activity: Activity,
    loras: Sequence[Lora],
    used: Collection[str],
    unwanted: Collection[str],
    favourites: Sequence[Favourite],
    preferred: Sequence[Preference],
    themes: Themes,
    groups: Sequence[int],
    vectors: Vectors | None,
    name_of: NameOf,
) -> tuple[WorthALook, ...]:
    """Installed LoRAs that were never used and are near to what the user makes, the nearest first.

    Args:
        activity: the generations.
        loras: the installed LoRAs.
        used: catalogue ids of LoRAs ever used.
        unwanted: catalogue ids that are hidden or disliked.
        favourites: the user's, most important first.
        preferred: styles and subjects.
        themes: what LoRAs are about.
        groups: number of the version group of each LoRA.
        vectors: unit vectors of the LoRAs, shape (len(loras), d), zeros where unknown; None: compare themes.
        name_of: catalogue id -> what to call it.
    """
    row_of = {lora.id: row for row, lora in enumerate(loras)}
    taken = {groups[row_of[lora]] for lora in used if lora in row_of}
    bases = _bases(activity, loras)
    candidates = [
        row
        for row, lora in enumerate(loras)
        if groups[row] not in taken
        and lora.id not in unwanted
        and lora.partner not in used
        and lora.role not in _SHOWS_NOTHING
        and not lora.excluded
        and _fits(lora, bases)
    ]
    liked = [
        one
        for one in favourites
        if one.n >= LEAST_USES
        and one.opinion >= 0
        and one.lora.id in row_of
        and loras[row_of[one.lora.id]].role not in _SHOWS_NOTHING
    ][:FAVOURITES]
    share_of = _shares(preferred, themes, len(loras))
    near = _nearness(vectors, candidates, [row_of[one.lora.id] for one in liked])
    found: list[WorthALook] = []
    for place, row in enumerate(candidates):
        shared = sorted(themes.of_lora[loras[row].id] & share_of.keys(), key=lambda name: (-share_of[name], name))
        like = liked[int(near[place].argmax())] if near is not None else None
        if near is not None:
            score, least = float(near[place].max()), LEAST_NEAR
        else:
            score, least = 1 - float(np.prod([1 - share_of[name] for name in shared])), LEAST_TOUCHED
        if score >= least:
            found.append(
                WorthALook(
                    lora=name_of(loras[row].id),
                    score=min(score, 1.0),
                    like=like.lora if like else None,
                    like_n=like.n if like else 0,
                    themes=tuple(shared[:4]),
                )
            )
    found.sort(key=lambda one: (-one.score, one.lora.id))
    return tuple(_varied(found, groups, row_of))[:MOST]


def _shares(preferred: Sequence[Preference], themes: Themes, installed: int) -> dict[str, float]:
    """How much each theme draws the user to a LoRA, 0..1: its share times how rare it is among the installed ones."""
    having = Counter(name for names in themes.of_lora.values() for name in names)
    rarest = log(max(installed, 2))
    return {one.name: one.share * log(installed / having[one.name]) / rarest for one in preferred if having[one.name]}


def _varied(found: list[WorthALook], groups: Sequence[int], row_of: Mapping[str, int]) -> Iterator[WorthALook]:
    """One version of each model, and few that are like the same favourite."""
    seen: set[int] = set()
    per_favourite: Counter[str] = Counter()
    for one in found:
        group, like = groups[row_of[one.lora.id]], one.like.id if one.like else ""
        if group not in seen and (not like or per_favourite[like] < PER_FAVOURITE):
            seen.add(group)
            per_favourite[like] += 1
            yield one


def _nearness(vectors: Vectors | None, candidates: Sequence[int], liked: Sequence[int]) -> Vectors | None:
    """Cosines of candidates to favourites, shape (candidates, favourites); None if there is nothing to compare.

    The mean is taken out first: what all descriptions of LoRAs have in common makes none of them alike.
    """
    if vectors is None or not liked or not len(vectors):
        return None
    known = np.linalg.norm(np.nan_to_num(vectors), axis=1) > 0.5
    if not known.any():
        return None
    centred = np.where(known[:, None], np.nan_to_num(vectors) - np.nan_to_num(vectors)[known].mean(0), 0.0)
    centred = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    cosines: Vectors = (centred[list(candidates)] @ centred[list(liked)].T).astype(np.float32)
    return cosines


def _bases(activity: Activity, loras: Sequence[Lora]) -> list[str]:
    """Base models the user works with: of the generations, else of the LoRAs they use."""
    base_of = {lora.id: lora.base_model.name for lora in loras if lora.base_model}
    shares: dict[str, float] = defaultdict(float)
    for one, mass in zip(activity.generations, activity.mass.tolist(), strict=True):
        names = {one.base_model} if one.base_model else {base_of[u.lora] for u in one.loras if u.lora in base_of}
        for name in names:
            shares[name] += mass
    whole = sum(shares.values())
    return [name for name, share in shares.items() if share >= LEAST_SHARE * whole]


def _fits(lora: Lora, bases: Sequence[str]) -> bool:
    """Whether it works with one of the base models, as far as is known."""
    fits = [value for name in bases if (value := fit(lora.base_models, name)) is not None]
    return not fits or max(fits) >= LEAST_FIT
