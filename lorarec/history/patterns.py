"""When the user makes images: sessions, and hours, weekdays and months where there is evidence.

Each session counts as one observation, spread over its generations. Spreading makes a sum of observations vary less
than whole ones would, so the chi-square test errs on the side of saying nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from .activity import Activity, Floats, Numbers
from .evidence import SURE, chi_square_tail
from .statements import NotYet, Peak, Sessions, TimePattern

LEAST_SESSIONS = 5  # to speak of a usual session
LEAST_PER_BIN = 5  # sessions expected in each bin: below, the chi-square approximation is poor (Cochran)
LEAST_EFFECT = 0.3  # Cohen's w: a medium effect; less is evident only because there is so much data
HOURS_PER_BIN = 3
LEAST_DAYS = 10  # different days for a pattern over the day
LEAST_SPAN = 28  # days from first to last for a pattern over the week
YEAR = 365  # the same for one over the year
_STANDS_OUT = 2.0  # standard errors above what is expected

# kind -> names of its cells, cells per bin of the test, cell of a time
_KINDS: dict[str, tuple[tuple[str, ...], int, Callable[[datetime], int]]] = {
    "hour": (tuple(f"{hour:02}:00" for hour in range(24)), HOURS_PER_BIN, lambda time: time.hour),
    "weekday": (
        tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()),
        1,
        lambda time: time.weekday(),
    ),
    "month": (
        tuple("January February March April May June July August September October November December".split()),
        1,
        lambda time: time.month - 1,
    ),
}


def sessions_of(activity: Activity) -> Sessions | None:
    """The usual session of the project; None if there are too few."""
    which = activity.in_project & activity.dated
    numbers, starts, counts = np.unique(activity.session[which], return_index=True, return_counts=True)
    if len(numbers) < LEAST_SESSIONS:
        return None
    made = activity.made[which]
    minutes = (made[starts + counts - 1] - made[starts]) / 60
    return Sessions(n=len(numbers), minutes=float(np.median(minutes)), generations=float(np.median(counts)))


def local_times(activity: Activity, zone: tzinfo | None) -> list[datetime | None]:
    """When each generation was made on the user's clock; None = not known. ``zone`` None is this machine's."""
    return [datetime.fromtimestamp(made, zone) if made == made else None for made in activity.made.tolist()]


def time_patterns(activity: Activity, local: list[datetime | None]) -> tuple[tuple[TimePattern, ...], list[NotYet]]:
    """The patterns there is evidence for, and what cannot be looked for yet."""
    which = activity.in_project & activity.dated
    times = [time for time, wanted in zip(local, which.tolist(), strict=True) if time is not None and wanted]
    session = activity.session[which]
    n = len(np.unique(session))
    days = sorted({time.date() for time in times})
    span = (days[-1] - days[0]).days + 1 if days else 0
    found: list[TimePattern] = []
    missing: list[NotYet] = []
    for kind, covered, needed, on in (
        ("hour", len(days), LEAST_DAYS, "on {} different days"),
        ("weekday", span, LEAST_SPAN, "over {} days"),
        ("month", span, YEAR, "over {} days"),
    ):
        names, width, _ = _KINDS[kind]
        least = len(names) // width * LEAST_PER_BIN
        if n < least or covered < needed:
            why = f"needs {least} sessions {on.format(needed)}; there are {n} {on.format(covered)}"
            missing.append(NotYet(about=f"times.{kind}", why=why))
        elif pattern := _pattern(kind, times, session, days):
            found.append(pattern)
    return tuple(found), missing


def _pattern(kind: str, times: list[datetime], session: Numbers, days: list[date]) -> TimePattern | None:
    """The pattern of one kind, None if chance explains it."""
    names, width, cell_of = _KINDS[kind]
    shares = _session_shares(np.asarray([cell_of(time) for time in times]), session, len(names))
    observed, expected = (cells.reshape(-1, width).sum(1) for cells in (shares, _covered(kind, days, len(names))))
    n = len(np.unique(session))
    statistic = n * float(((observed - expected) ** 2 / expected).sum())
    freedom = len(expected) - 1
    effect = max(0.0, (statistic - freedom) / n) ** 0.5
    chance = chi_square_tail(statistic, freedom)
    if chance >= SURE or effect < LEAST_EFFECT:
        return None
    peaks = [
        Peak(
            name=_name(names, first * width, last * width + width - 1, kind),
            share=_within(observed, first, last),
            expected=_within(expected, first, last),
        )
        for first, last in _peaks(observed, expected, n)
    ]
    peaks.sort(key=lambda peak: -peak.share)
    return TimePattern(
        kind=kind,
        n=n,
        shares=tuple(float(share) for share in shares),
        peaks=tuple(peaks),
        effect=effect,
        chance=chance,
    )


def _covered(kind: str, days: list[date], cells: int) -> Floats:
    """The share of each cell if time made no difference. The months of a history are not covered equally often."""
    if kind != "month":
        return np.full(cells, 1 / cells)
    span = (days[-1] - days[0]).days + 1
    months = [(days[0] + timedelta(days=day)).month - 1 for day in range(span)]
    return np.bincount(months, minlength=cells) / span


def _session_shares(cells: NDArray[np.int64], session: Numbers, count: int) -> Floats:
    """Share of each cell, every session counted once, shape (count,)."""
    _, number, size = np.unique(session, return_inverse=True, return_counts=True)
    return np.minimum(np.bincount(cells, 1 / size[number], count) / len(size), 1.0)


def _peaks(observed: Floats, expected: Floats, n: int) -> list[tuple[int, int]]:
    """Runs of bins that stand out, as (first, last); a run may pass the end of the circle, then last < first."""
    bins = len(observed)
    high = observed - expected > _STANDS_OUT * np.sqrt(expected * (1 - expected) / n)
    if not high.any():
        high = observed == observed.max()
    return [
        (first, (first + next(k for k in range(1, bins) if not high[(first + k) % bins]) - 1) % bins)
        for first in range(bins)
        if high[first] and not high[first - 1]
    ]


def _within(values: Floats, first: int, last: int) -> float:
    run = values[first : last + 1].sum() if first <= last else values[first:].sum() + values[: last + 1].sum()
    return min(float(run), 1.0)


def _name(names: Sequence[str], first: int, last: int, kind: str) -> str:
    """What to call a run of cells, both ends included."""
    if kind == "hour":
        return f"{names[first]} to {names[(last + 1) % 24]}"
    return names[first] if first == last else f"{names[first]} to {names[last]}"
