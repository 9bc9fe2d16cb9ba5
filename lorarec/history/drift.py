"""How the taste moved: quarters of a year compared by Jensen-Shannon distance.

The distance of two samples of one taste is never 0 and grows as they shrink. So it is compared with the distances that
the same sessions have when they are dealt out to the two quarters at random (a permutation test over sessions, which
is one matrix product), and what moved is what moved further than it then does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from math import erfc, sqrt

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from .activity import Activity, Floats, Incidence
from .evidence import discoveries
from .statements import Change, Mover, NotYet
from .themes import Themes

LEAST_SESSIONS = 10  # per quarter
LEAST_ITEMS = 2  # a distribution over one thing cannot move
LEAST_EXCESS = 0.05  # of distance over chance: less is real but nothing anyone would notice
ITEMS = 200  # most frequent ones compared; the rest is rare and only adds noise
SHUFFLES = 2000
SEED = 20240501
MOVERS = 3


def changes(
    activity: Activity, local: Sequence[datetime | None], themes: Themes, name_of: Callable[[str], str]
) -> tuple[tuple[Change, ...], list[NotYet]]:
    """The changes there is evidence for, oldest first.

    Args:
        activity: the generations; only the project's own count.
        local: when each was made on the user's clock.
        themes: what they are about.
        name_of: catalogue id -> what to call it.
    """
    quarter = np.asarray([time.year * 4 + (time.month - 1) // 3 if time else -1 for time in local], np.int64)
    quarter[~activity.in_project] = -1
    # A session over midnight of New Year belongs to where it began.
    of_session = np.full(activity.sessions, -1, np.int64)
    for row in np.flatnonzero(quarter >= 0)[::-1]:
        of_session[activity.session[row]] = quarter[row]
    known, counts = np.unique(of_session[of_session >= 0], return_counts=True)
    compared = known[counts >= LEAST_SESSIONS]
    if len(compared) < 2:
        why = f"needs two quarters of a year with {LEAST_SESSIONS} sessions each; there are {len(compared)}"
        return (), [NotYet(about="changes", why=why)]
    mass = np.where(activity.in_project, activity.mass, 0.0)
    found: list[tuple[float, Change]] = []
    for kind, items, call in (
        ("LoRAs", activity.loras, name_of),
        ("styles", themes.styles, str),
        ("subjects", themes.subjects, str),
    ):
        names, table = _table(items, activity, mass)
        spans = [*pairwise(compared), *([(compared[0], compared[-1])] if len(compared) > 2 else [])]
        for before, after in spans:  # the last one finds what moved too slowly for its neighbours to differ
            rows = [table[(of_session == quarter) & (table.sum(1) > 0)] for quarter in (before, after)]
            if min(map(len, rows)) >= LEAST_SESSIONS and len(names) >= LEAST_ITEMS:
                found.append(_change(kind, rows[0], rows[1], names, call, (_quarter(before), _quarter(after))))
    believed = discoveries([chance for chance, _ in found])
    said = [
        change
        for (_, change), believe in zip(found, believed, strict=True)
        if believe and change.distance - change.by_chance >= LEAST_EXCESS and (change.more or change.less)
    ]
    return tuple(sorted(said, key=lambda one: (one.before, one.after, one.kind))), []


def _quarter(number: int) -> str:
    return f"{number // 4} Q{number % 4 + 1}"


def _table(items: Incidence, activity: Activity, mass: Floats) -> tuple[list[str], Floats]:
    """Names of the most frequent items and their mass in each session, shape (sessions, items)."""
    total = items.sums(mass)
    order = sorted(range(len(total)), key=lambda at: (-total[at], items.names[at]))[:ITEMS]
    place = np.full(len(total), -1, np.int64)
    place[order] = np.arange(len(order))
    kept = place[items.item] >= 0
    row, item = items.row[kept], place[items.item[kept]]
    cells = np.bincount(activity.session[row] * len(order) + item, mass[row], activity.sessions * len(order))
    table: Floats = cells.astype(np.float64).reshape(activity.sessions, len(order))
    return [items.names[at] for at in order], table


def _change(
    kind: str, before: Floats, after: Floats, names: list[str], call: Callable[[str], str], periods: tuple[str, str]
) -> tuple[float, Change]:
    """The change between two quarters, each of shape (sessions, items), and how likely as much is by chance."""
    both = np.concatenate([before, after])
    dealt = np.random.default_rng(SEED).permuted(np.tile(np.arange(len(both)) < len(before), (SHUFFLES, 1)), axis=1)
    p, q = _distribution(before.sum(0)), _distribution(after.sum(0))
    shuffled_p, shuffled_q = _distribution(dealt @ both), _distribution(~dealt @ both)
    distance, shuffled = _distance(p, q), _distance(shuffled_p, shuffled_q)
    change = Change(
        kind=kind,
        before=periods[0],
        after=periods[1],
        n_before=len(before),
        n_after=len(after),
        distance=float(distance),
        by_chance=float(shuffled.mean()),
    )
    spread = np.maximum((shuffled_q - shuffled_p).std(0), 1e-9)
    moved = discoveries([erfc(z / sqrt(2)) for z in np.abs(q - p) / spread])
    movers = [
        Mover(name=call(name), before=float(p[at]), after=float(q[at]))
        for at, (name, far) in enumerate(zip(names, moved, strict=True))
        if far
    ]
    movers.sort(key=lambda one: (-abs(one.after - one.before), one.name))
    more = tuple(one for one in movers if one.after > one.before)[:MOVERS]
    less = tuple(one for one in movers if one.after < one.before)[:MOVERS]
    chance = (1 + int((shuffled >= distance).sum())) / (SHUFFLES + 1)
    return chance, replace(change, more=more, less=less)


def _distribution(mass: Floats) -> Floats:
    """Normalised over the last axis."""
    shares: Floats = mass / np.maximum(mass.sum(-1, keepdims=True), 1e-300)
    return shares


def _distance(p: Floats, q: Floats) -> NDArray[np.float64]:
    """Jensen-Shannon distance over the last axis: the root of the divergence in bits (Lin, 1991)."""
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(p > 0, p * np.log2(p / middle), 0.0) + np.where(q > 0, q * np.log2(q / middle), 0.0)
    distance: NDArray[np.float64] = np.sqrt(np.clip(parts.sum(-1) / 2, 0.0, 1.0))
    return distance
