"""A user's generations laid out beside one library: which LoRAs were used when, with what prompt, at which strength.

Images that differ in nothing but their seed are one *occasion*, and count a little more than one image
(1 + ln n): a batch of twenty says hardly more about taste than one. What is old counts less, and so does what belongs
to another project.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..history_types import PastGeneration

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

HALF_LIFE = 180 * 86400.0  # seconds after which a generation counts half
OTHER_PROJECT = 0.25  # of a generation that belongs to another project than the one in hand
USUAL = 0.8  # strength of a use whose strength is unknown


class Past(Struct, frozen=True, kw_only=True):
    """g occasions in the order of their first times, with u uses of the n LoRAs of a library."""

    generations: int  # images or batches behind the occasions
    made: NDArray[np.float64]  # first time, seconds since the epoch, shape (g,)
    latest: NDArray[np.float64]  # last time, shape (g,)
    turns: Ints  # occasion of each generation, oldest first, shape (generations,)
    weight: Floats  # how much an occasion counts, shape (g,)
    prompt: Ints  # number of its prompt, -1 = unknown, shape (g,)
    base: Ints  # place in `bases`, -1 = unknown, shape (g,)
    times: Ints  # generations of the occasion, shape (g,)
    images: Ints  # image files of it that are known, shape (g,)
    deleted: Ints  # of these, soon gone
    liked: Ints  # of these, liked, upscaled or re-used
    starts: Ints  # uses of occasion i: starts[i]..starts[i + 1]
    rows: Ints  # library row of each use, shape (u,)
    owner: Ints  # occasion of each use, ascending, shape (u,)
    strengths: Floats  # of each use, NaN = unknown, shape (u,)
    loads: Floats  # summed absolute strength of the other LoRAs of the occasion, shape (u,)
    by_row: Ints  # uses in the order of their rows, oldest first within one, shape (u,)
    row_starts: Ints  # uses of row r: by_row[row_starts[r]..row_starts[r + 1]]
    counted: Floats  # uses that other tools counted, shape (n,)
    bases: tuple[str, ...]  # canonical base models

    @property
    def count(self) -> int:
        """Number of occasions."""
        return len(self.made)

    def uses_of(self, row: int) -> Ints:
        """The uses of one LoRA, oldest first."""
        return self.by_row[self.row_starts[row] : self.row_starts[row + 1]]


def lay_out(
    past: Sequence[PastGeneration],
    place: Mapping[str, int],
    prompts: Mapping[str, int],
    *,
    count: int,
    project: str = "",
    counted: Mapping[str, float] | None = None,
) -> Past:
    """Lay a history out beside a library.

    Args:
        past: generations, oldest first.
        place: catalogue id -> library row.
        prompts: prompt as written -> its number in the index of past prompts.
        count: number of LoRAs in the library.
        project: the project in hand; "" = none, all count alike.
        counted: catalogue id -> uses that other tools counted.
    """
    occasions: dict[tuple[int, str, tuple[int, ...]], _Occasion] = {}
    turns: list[int] = []
    newest = min(past[-1].made, time.time()) if past else 0.0  # one file from the future must not make all others old
    for generation in past:
        number = -1 if generation.prompt is None else prompts.get(generation.prompt, -1)
        uses = {place[use.lora]: use.strength for use in generation.loras if use.lora in place}
        # An unknown prompt tells nothing about sameness: each generation without one stands for itself.
        same = number if number >= 0 else -1 - generation.id
        key = (same, generation.base_model, tuple(sorted(uses)))
        known = occasions.get(key)
        if known is None:
            known = _Occasion(len(occasions), generation.made, number, generation.base_model, uses)
            occasions[key] = known
        turns.append(known.place)
        known.add(generation, uses, _project_weight(generation.project, project))
    told = list(occasions.values())
    bases = tuple(sorted({one.base for one in told} - {""}))
    lengths = [len(one.uses) for one in told]
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    rows = np.fromiter((row for one in told for row in one.uses), np.int64, int(starts[-1]))
    strengths = np.asarray([_nan(value) for one in told for value in one.uses.values()], np.float32)
    plain = np.abs(np.where(np.isfinite(strengths), strengths, USUAL))
    owner = np.repeat(np.arange(len(told)), lengths)
    whole = np.bincount(owner, plain, len(told)) if len(told) else np.zeros(0)
    by_row = np.argsort(rows, kind="stable")
    return Past(
        generations=len(past),
        made=np.asarray([one.made for one in told], np.float64),
        latest=np.asarray([one.latest for one in told], np.float64),
        turns=np.asarray(turns, np.int64),
        weight=np.asarray([one.weight(newest) for one in told], np.float32),
        prompt=np.asarray([one.prompt for one in told], np.int64),
        base=np.asarray([bases.index(one.base) if one.base else -1 for one in told], np.int64),
        times=np.asarray([one.times for one in told], np.int64),
        images=np.asarray([one.images for one in told], np.int64),
        deleted=np.asarray([one.deleted for one in told], np.int64),
        liked=np.asarray([one.liked for one in told], np.int64),
        starts=starts,
        rows=rows,
        owner=owner.astype(np.int64),
        strengths=strengths,
        loads=(whole[owner] - plain).astype(np.float32),
        by_row=by_row.astype(np.int64),
        row_starts=np.searchsorted(rows[by_row], np.arange(count + 1)).astype(np.int64),
        counted=by_place(counted or {}, place, count),
        bases=bases,
    )


class _Occasion:
    """What is gathered of one occasion."""

    def __init__(self, place: int, made: float, prompt: int, base: str, uses: dict[int, float | None]) -> None:
        self.place = place  # among the occasions
        self.made, self.latest, self.prompt, self.base, self.uses = made, made, prompt, base, uses
        self.times = self.images = self.deleted = self.liked = 0
        self.share = 0.0  # largest project weight

    def add(self, generation: PastGeneration, uses: dict[int, float | None], share: float) -> None:
        self.latest = max(self.latest, generation.made)
        self.times += 1
        self.images += generation.images
        self.deleted += generation.deleted
        self.liked += generation.liked
        self.share = max(self.share, share)
        self.uses.update({row: value for row, value in uses.items() if value is not None})  # the last word counts

    def weight(self, newest: float) -> float:
        decay = 0.5 ** (max(0.0, newest - self.latest) / HALF_LIFE)
        return self.share * (1 + log(self.times)) * float(decay)


def _project_weight(project: str, wanted: str) -> float:
    return 1.0 if not wanted or project == wanted else OTHER_PROJECT


def by_place(values: Mapping[str, float], place: Mapping[str, int], count: int) -> Floats:
    """Values by catalogue id -> by library row, shape (count,); 0 where there is none."""
    out = np.zeros(count, np.float32)
    for id_, value in values.items():
        if id_ in place:
            out[place[id_]] = value
    return out


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value
