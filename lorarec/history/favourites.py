"""Which LoRAs are used most and lately, whether they rise or fade, and whether their images are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from .activity import OTHER_PROJECTS, Activity, Floats
from .evidence import SURE, at_least, discoveries, shrunk
from .statements import Favourite, LoraName

HALF_LIFE = 45 * 86400.0  # seconds: six weeks, about as long as people stay with a theme
LEAST_USES = 3  # once is a try, twice a second look
MOST = 50  # favourites listed
LEAST_SESSIONS = 5  # on either side of a comparison of now with before
LEAST_IMAGES = 10  # for a kept share
PRIOR_IMAGES = 20.0  # that the user's mean kept share counts as much as
SPANS, SPAN = 12, 30 * 86400.0  # of the small chart, seconds


def favourites(
    activity: Activity,
    elsewhere: Mapping[str, int],
    opinions: Mapping[str, int],
    name_of: Callable[[str], LoraName],
    now: float,
) -> tuple[Favourite, ...]:
    """The favourites, the most used lately first.

    Args:
        activity: the generations.
        elsewhere: catalogue id -> uses that other tools counted.
        opinions: catalogue id -> 1 liked, -1 disliked.
        name_of: catalogue id -> what to call it.
        now: seconds since the epoch.
    """
    items, in_project = activity.loras, activity.in_project
    age = np.maximum(now - activity.made, 0.0)
    uses = items.sums(in_project.astype(np.float64))
    mass = np.where(in_project, 1.0, OTHER_PROJECTS)
    recent = items.sums(mass * np.where(activity.dated, 0.5 ** (age / HALF_LIFE), 0.0))
    sessions = items.sessions(activity.session, in_project)
    spans = _spans(activity, now)
    last = np.full(len(items.names), -np.inf)
    np.maximum.at(last, items.item, np.where(in_project & activity.dated, activity.made, -np.inf)[items.row])
    trends = _trends(activity, now)
    kept, images, liked = _outcomes(activity)
    found = [
        Favourite(
            lora=name_of(lora),
            n=int(uses[at]),
            sessions=int(sessions[at]),
            elsewhere=elsewhere.get(lora, 0),
            recent=float(recent[at]),
            last=float(last[at]) if np.isfinite(last[at]) else None,
            spans=tuple(int(value) for value in spans[at]),
            trend=trends[at],
            kept=kept[at],
            images=int(images[at]),
            liked=int(liked[at]),
            opinion=opinions.get(lora, 0),
        )
        for at, lora in enumerate(items.names)
        if uses[at] >= LEAST_USES
    ]
    listed = {one.lora.id for one in found}
    for lora, count in elsewhere.items():
        if count >= LEAST_USES and lora not in listed:
            found.append(Favourite(lora=name_of(lora), elsewhere=count, opinion=opinions.get(lora, 0)))
    found.sort(key=lambda one: (-one.recent, -one.n, -one.elsewhere, one.lora.id))
    return tuple(found[:MOST])


def _spans(activity: Activity, now: float) -> NDArray[np.int64]:
    """Generations with each LoRA in the last `SPANS` spans, oldest first, shape (loras, SPANS)."""
    items = activity.loras
    with np.errstate(invalid="ignore"):
        number = SPANS - 1 - np.floor(np.maximum(now - activity.made, 0.0) / SPAN)
    inside = (activity.in_project & activity.dated & (number >= 0))[items.row]
    cells = items.item[inside] * SPANS + number[items.row][inside].astype(np.int64)
    return np.bincount(cells, minlength=len(items.names) * SPANS).reshape(-1, SPANS)


def _trends(activity: Activity, now: float) -> list[str]:
    """For each LoRA whether its share of sessions changed between the time before and the last half-life."""
    items, dated = activity.loras, activity.in_project & activity.dated
    with np.errstate(invalid="ignore"):
        lately = dated & (activity.made > now - HALF_LIFE)
    before = dated & ~lately
    n_lately, n_before = activity.count_sessions(lately), activity.count_sessions(before)
    trends = [""] * len(items.names)
    if min(n_lately, n_before) < LEAST_SESSIONS:
        return trends
    with_lately = items.sessions(activity.session, lately)
    with_before = items.sessions(activity.session, before)
    n = n_lately + n_before
    tested = np.flatnonzero(with_lately + with_before >= LEAST_USES)
    more = [at_least(with_lately[at], n_lately, with_lately[at] + with_before[at], n) for at in tested]
    less = [at_least(with_before[at], n_before, with_lately[at] + with_before[at], n) for at in tested]
    believed = discoveries([min(1.0, 2 * min(pair)) for pair in zip(more, less, strict=True)])
    for at, up, down, believe in zip(tested, more, less, believed, strict=True):
        if not with_before[at]:
            trends[at] = "new"
        elif believe and min(up, down) < SURE:
            trends[at] = "rising" if up < down else "fading"
    return trends


def _outcomes(activity: Activity) -> tuple[list[float | None], Floats, Floats]:
    """Kept share, images it is counted from and liked images of each LoRA."""
    in_project, items = activity.in_project, activity.loras

    def column(values: list[int]) -> Floats:
        return np.where(in_project, np.asarray(values, np.float64), 0.0)

    images = column([max(one.images, 0) for one in activity.generations])
    deleted = column([min(max(one.deleted, 0), max(one.images, 0)) for one in activity.generations])
    liked = items.sums(column([max(one.liked, 0) for one in activity.generations]))
    per_lora, gone = items.sums(images), items.sums(deleted)
    kept: list[float | None] = [None] * len(items.names)
    if deleted.sum():  # else nobody has looked twice, and "all kept" would be made up
        mean = 1 - deleted.sum() / images.sum()
        for at in np.flatnonzero(per_lora >= LEAST_IMAGES):
            kept[at] = shrunk(per_lora[at] - gone[at], per_lora[at], mean, PRIOR_IMAGES)
    return kept, per_lora, liked
