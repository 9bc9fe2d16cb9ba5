"""The past as columns: what every statement of the profile is counted from.

Images come in bursts, so one long evening could pass for a taste. Shares therefore count each session once: every
generation has a mass, and the masses of a session sum to 1. Tests count sessions, for the images of one session are
not independent of each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..history_types import PastGeneration

SESSION_GAP = 45 * 60.0  # seconds without a generation that end a session: longer than a slow video, shorter than lunch
OTHER_PROJECTS = 0.1  # weight of a generation of another project: ten of them move a share as much as one of its own
_CLOCK_ERROR = 86400.0  # seconds in the future that a wrong clock or time zone explains

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Incidence(Struct, frozen=True):
    """Which generations have which items (LoRAs, words ...), each pair once."""

    names: tuple[str, ...]  # of the items
    row: Numbers  # generation of each pair, shape (p,)
    item: Numbers  # item of each pair, shape (p,)

    @classmethod
    def of(cls, having: Iterable[Iterable[str]]) -> Incidence:
        """From the items of each generation, oldest first; repeats within one are dropped."""
        number: dict[str, int] = {}
        rows: list[int] = []
        items: list[int] = []
        for row, names in enumerate(having):
            found = {number.setdefault(name, len(number)) for name in names}
            rows += [row] * len(found)
            items += found
        return cls(tuple(number), np.asarray(rows, np.int64), np.asarray(items, np.int64))

    def sums(self, values: Floats) -> Floats:
        """Sum of a value per generation over those that have each item, shape (items,)."""
        return np.bincount(self.item, values[self.row], len(self.names)).astype(np.float64, copy=False)

    def sessions(self, session: Numbers, which: NDArray[np.bool_]) -> Numbers:
        """In how many sessions each item occurs, shape (items,); only generations of ``which`` count."""
        kept = which[self.row]
        if not kept.any():
            return np.zeros(len(self.names), np.int64)
        pairs = np.unique(session[self.row[kept]] * len(self.names) + self.item[kept])
        return np.bincount(pairs % len(self.names), minlength=len(self.names))

    def only(self, keep: NDArray[np.bool_]) -> Incidence:
        """Without the items that are False in ``keep``, shape (items,)."""
        number = np.cumsum(keep) - 1
        kept = keep[self.item]
        names = tuple(name for name, wanted in zip(self.names, keep, strict=True) if wanted)
        return Incidence(names, self.row[kept], number[self.item[kept]])


class Activity(Struct, frozen=True):
    """Generations in the order of time, undated ones first, with a column for each thing that is counted."""

    generations: tuple[PastGeneration, ...]
    places: Numbers  # where each stood in the input, shape (n,)
    made: Floats  # seconds since the epoch, NaN = not known
    in_project: NDArray[np.bool_]  # belongs to the project; all do if none is named
    session: Numbers  # number of its session; undated ones share session 0
    sessions: int  # how many there are
    mass: Floats  # its share of its session, times `OTHER_PROJECTS` if it belongs to another project
    loras: Incidence  # catalogue ids

    @classmethod
    def of(cls, past: Sequence[PastGeneration], now: float, project: str = "") -> Activity:
        """Order and number the past; the order of ``past`` does not matter."""

        def time_of(place: int) -> float:
            made = past[place].made
            return made if isfinite(made) and 0 < made <= now + _CLOCK_ERROR else 0.0

        places = sorted(range(len(past)), key=lambda place: (time_of(place), past[place].id))
        generations = tuple(past[place] for place in places)
        made = np.asarray([time_of(place) or np.nan for place in places], np.float64)
        with np.errstate(invalid="ignore"):
            begins = (np.diff(made) > SESSION_GAP) | (np.isnan(made[:-1]) & np.isfinite(made[1:]))
        session = np.concatenate([[0], np.cumsum(begins)]).astype(np.int64)[: len(made)]
        in_project = np.asarray([not project or one.project == project for one in generations], np.bool_)
        size = np.bincount(session, minlength=1)
        return cls(
            generations=generations,
            places=np.asarray(places, np.int64),
            made=made,
            in_project=in_project,
            session=session,
            sessions=int(session[-1]) + 1 if len(session) else 0,
            mass=np.where(in_project, 1.0, OTHER_PROJECTS) / size[session],
            loras=Incidence.of([use.lora for use in one.loras if use.lora] for one in generations),
        )

    @property
    def dated(self) -> NDArray[np.bool_]:
        """Which are known to have been made when, shape (n,)."""
        return np.isfinite(self.made)

    def count_sessions(self, which: NDArray[np.bool_]) -> int:
        """In how many sessions the generations of ``which`` were made."""
        return len(np.unique(self.session[which]))
