"""What the history says about its user: every part of the profile, counted from one pass over the past.

A pure function of plain data. Each statement carries the number it rests on; what that number does not allow to be said
is not said, and `Profile.not_yet` tells why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import tzinfo

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from ..history_types import PastGeneration
from ..paths import without_extension
from ..types import Lora
from . import couse, patterns
from . import favourites as favourites_
from . import strengths as strengths_
from .activity import OTHER_PROJECTS, Activity
from .drift import changes
from .duplicates import duplicates, with_copies
from .patterns import local_times, sessions_of, time_patterns
from .personas import personas
from .preferences import LEAST_EACH, LEAST_SESSIONS, preferences
from .reading import PastCount, counted_elsewhere
from .statements import LoraName, NotYet, Profile, Totals
from .themes import Words, themes_of
from .worth import worth_a_look

Vectors = NDArray[np.float32]


def profile(
    past: Sequence[PastGeneration],
    usage: Sequence[PastCount],
    opinions: Mapping[str, int],
    loras: Sequence[Lora],
    *,
    now: float,
    words: Words,
    ordinary: Mapping[str, float] | None = None,
    zone: tzinfo | None = None,
    project: str = "",
    since: float | None = None,
    hidden: Collection[str] = (),
    groups: Sequence[int] | NDArray[np.int64] | None = None,
    vectors: Vectors | None = None,
    lora_vectors: Vectors | None = None,
) -> Profile:
    """Describe the user. Nothing here fails on odd data; what it cannot use it leaves out.

    Args:
        past: every generation known, in any order. What was ever used is taken from all of it.
        usage: what other tools counted.
        opinions: catalogue id -> 1 liked, -1 disliked.
        loras: the installed LoRAs.
        now: seconds since the epoch.
        words: the content terms of a text in order, as `lorarec.prompt.terms` folds them.
        ordinary: term -> share of ordinary prompts that have it, 0..1; without it no word can be called habit.
        zone: the user's time zone; None: this machine's.
        project: name of a project; the rest of the past is then a weak prior. "" = all counts.
        since: seconds since the epoch; older generations are left out. None = all counts.
        hidden: catalogue ids that the user never wants to see.
        groups: number of the version group of each LoRA, shape (len(loras),); None: none are known.
        vectors: unit vectors of the prompts of ``past``, shape (len(past), d); rows of zeros or NaN are unknown.
            None: there is no encoder.
        lora_vectors: unit vectors of ``loras``, shape (len(loras), e), zeros where unknown; None: there is no encoder.
    """
    kept = [row for row, one in enumerate(past) if since is None or one.made >= since]
    activity = Activity.of([past[row] for row in kept], now, project)
    if vectors is not None:
        vectors = np.nan_to_num(vectors)[kept][activity.places]
    names = _Names(loras, past, usage)
    ever = Counter(use.lora for one in past for use in one.loras if use.lora)
    for lora, count in counted_elsewhere(usage).items():
        ever[lora] = max(ever[lora], count)
    themes = themes_of(activity, loras, words, ordinary or {})
    local = local_times(activity, zone)
    liking = favourites_.favourites(activity, {} if project else counted_elsewhere(usage, since), opinions, names, now)
    preferred = preferences(activity, loras, themes)
    times, no_times = time_patterns(activity, local)
    moved, no_moves = changes(activity, local, themes, lambda lora: names(lora).name)
    several, no_personas = personas(activity, vectors, themes, names)
    joined = with_copies(loras, list(range(len(loras))) if groups is None else [int(group) for group in groups])
    found = Profile(
        at=now,
        project=project,
        since=since,
        totals=_totals(activity, loras, ever),
        sessions=sessions_of(activity),
        favourites=liking,
        roles=preferred.roles,
        base_models=preferred.base_models,
        styles=preferred.styles,
        subjects=preferred.subjects,
        tones=preferred.tones,
        strengths=strengths_.strengths(activity, names),
        pairs=couse.pairs(activity, {lora.id: lora.partner for lora in loras if lora.partner}, names),
        times=times,
        changes=moved,
        personas=several,
        worth_a_look=worth_a_look(
            activity,
            loras,
            used=ever,
            unwanted={*hidden, *(lora for lora, opinion in opinions.items() if opinion < 0)},
            favourites=liking,
            preferred=(*preferred.styles, *preferred.subjects),
            themes=themes,
            groups=joined,
            vectors=lora_vectors,
            name_of=names,
        ),
        duplicates=duplicates(loras, joined, ever, names),
        notes=tuple(_notes(activity, project, since, past)),
    )
    if not found.totals.generations:
        why = "nothing is remembered; `lorarec harvest` reads the images you have"
        return replace(found, not_yet=(NotYet(about="profile", why=why),))
    needs = [NotYet(about=about, why=f"needs {what}") for about, what in _NEEDS.items() if not getattr(found, about)]
    return replace(found, not_yet=(*needs, *no_times, *no_moves, *no_personas))


class _Names:
    """Catalogue id -> what to call it. What is not installed goes by the name that images gave it last."""

    def __init__(self, loras: Sequence[Lora], past: Sequence[PastGeneration], usage: Sequence[PastCount]) -> None:
        self._known = {one.lora: LoraName(id=one.lora, lora="", name=_stem(one.name)) for one in usage}
        for one in sorted(past, key=lambda one: one.id):
            for use in one.loras:
                self._known[use.lora] = LoraName(id=use.lora, lora="", name=_stem(use.name))
        self._known.update({lora.id: LoraName(id=lora.id, lora=lora.path, name=lora.name) for lora in loras})

    def __call__(self, lora: str) -> LoraName:
        return self._known[lora]


def _stem(name: str) -> str:
    return without_extension(name.replace("\\", "/").rpartition("/")[2]) or name


def _totals(activity: Activity, loras: Sequence[Lora], ever: Collection[str]) -> Totals:
    inside = [one for one, wanted in zip(activity.generations, activity.in_project.tolist(), strict=True) if wanted]
    made = activity.made[activity.in_project & activity.dated]
    used = sum(lora.id in ever for lora in loras)
    return Totals(
        generations=len(inside),
        images=sum(one.images for one in inside),
        with_loras=sum(bool(one.loras) for one in inside),
        unlinked=sum(not use.lora for one in inside for use in one.loras),
        undated=len(inside) - len(made),
        other_generations=len(activity.generations) - len(inside),
        first=float(made.min()) if len(made) else None,
        last=float(made.max()) if len(made) else None,
        installed=len(loras),
        used=used,
        used_share=used / len(loras) if loras else None,
    )


def _notes(activity: Activity, project: str, since: float | None, past: Sequence[PastGeneration]) -> Iterator[str]:
    """How it was counted, where that is not plain."""
    count = int(activity.in_project.sum())
    if project and count:
        others = len(activity.generations) - count
        yield (
            f"{count:,} generations of this project count fully; {others:,} others shift the shares a little "
            f"(each counts {OTHER_PROJECTS:g}) but no number n"
        )
    elif project:
        named = sorted({one.project for one in past if one.project})
        yield f"no generation belongs to the project {project}; there are: {', '.join(named) or 'none'}"
    if since is not None and len(past) > len(activity.generations):
        yield f"{len(past) - len(activity.generations):,} older generations are left out"


_OFTEN = f"in {LEAST_EACH} of at least {LEAST_SESSIONS} sessions"
_NEEDS = {
    "sessions": f"{patterns.LEAST_SESSIONS} sessions of known time",
    "favourites": f"a LoRA used {favourites_.LEAST_USES} times",
    "roles": f"LoRAs of one known role {_OFTEN}",
    "base_models": f"one known base model {_OFTEN}",
    "styles": f"a style {_OFTEN}, more often than is ordinary",
    "subjects": f"a subject {_OFTEN}, more often than is ordinary",
    "tones": f"a tone {_OFTEN}",
    "strengths": f"a LoRA used {strengths_.LEAST} times on one base model, with its strength stated",
    "pairs": f"two LoRAs used together {couse.LEAST_GENERATIONS} times in {couse.LEAST_SESSIONS} sessions, "
    "more often than by chance",
}
