"""What a user's past says about each LoRA whatever the prompt: how often, how lately, how well, with which base model.

Computed once for a past, so that a query need only look it up. All shares are shrunk, see `learn.signals`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .past import Past

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]

UNKNOWN = 20.0  # generations that nothing is known of, in shares over the whole past
_KEPT_PRIOR, _BASE_PRIOR = 4.0, 3.0


class Habits(Struct, frozen=True, kw_only=True):
    """Habits with the n LoRAs of a library; NaN = cannot say."""

    told: int  # occasions that are known
    weight: float  # of all of them
    used: Doubles  # uses of each LoRA that are known, weighted, shape (n,)
    counted: Floats  # share of those that only other tools counted in all that these counted, shape (n,)
    plain: Doubles  # share of each LoRA in all generations, known or counted, never 0, shape (n,)
    age: Floats  # share of the occasions that were taken up since its last use, shape (n,)
    last: Doubles  # when it was last used, seconds since the epoch, -inf = never, shape (n,)
    kept: Floats  # share of its images that were kept, less the user's own mean, shape (n,)
    bases: dict[str, Floats]  # canonical base model -> log of how much oftener than usual it is used with it, (n,)


def habits(past: Past, upto: int | None = None) -> Habits:
    """Sum a past up; with ``upto`` only the first so many occasions are known."""
    told = past.count if upto is None else min(upto, past.count)
    uses = int(past.starts[told])
    rows, owner = past.rows[:uses], past.owner[:uses]
    weight = past.weight[:told]
    size = len(past.counted)
    used = _sums(rows, weight[owner], size)
    order = np.full(size, -1)  # of the last use
    np.maximum.at(order, rows, _order(past, told)[owner])
    last = np.full(size, -np.inf)
    np.maximum.at(last, rows, past.latest[owner])
    total = float(weight.sum())
    elsewhere = float(past.counted.sum())
    count = np.maximum(used, past.counted)  # other tools saw the same images: never both
    return Habits(
        told=told,
        weight=total,
        used=used,
        counted=np.where(used > 0, 0, past.counted / (elsewhere + UNKNOWN)).astype(np.float32),
        plain=(count + 0.2) / (max(total, elsewhere) + UNKNOWN),
        age=np.where(order >= 0, 1 - (order + 1) / max(told, 1), np.nan).astype(np.float32),
        last=last,
        kept=_kept(rows, past.images[owner], past.deleted[owner], past.liked[owner], size),
        bases={
            name: _lift(rows, owner, weight, past.base[:told] == number, used) for number, name in enumerate(past.bases)
        },
    )


def _order(past: Past, told: int) -> Ints:
    """Place of each known occasion in the order of their last times, shape (told,)."""
    turns = past.turns if told == past.count else past.turns[: int(np.argmax(past.turns == told))]
    last = np.zeros(told, np.int64)
    last[turns] = np.arange(len(turns))  # of several the latest stays
    return np.argsort(np.argsort(last))


def _kept(rows: Ints, images: Ints, deleted: Ints, liked: Ints, size: int) -> Floats:
    """Share of each LoRA's images that were kept, less the mean, shrunk to it; likes count double."""
    if not images.sum():
        return np.full(size, np.nan, np.float32)
    good = images - deleted + liked
    mean = good.sum() / images.sum()
    every = _sums(rows, images, size)
    value = (_sums(rows, good, size) + _KEPT_PRIOR * mean) / (every + _KEPT_PRIOR) - mean
    return np.where(every > 0, value, np.nan).astype(np.float32)


def _lift(rows: Ints, owner: Ints, weight: Floats, here: NDArray[np.bool_], used: Doubles) -> Floats:
    """Log of how much oftener than usual each LoRA is used on some of the occasions, shrunk."""
    share = (float(weight[here].sum()) + 0.5) / (float(weight.sum()) + 1.0)
    with_it = _sums(rows, (weight * here)[owner], len(used))
    value = np.log((with_it + _BASE_PRIOR * share) / (used + _BASE_PRIOR) / share)
    return np.where(used > 0, value, np.nan).astype(np.float32)


def _sums(rows: Ints, values: NDArray[Any], size: int) -> Doubles:
    """The sum of values for each LoRA, shape (size,)."""
    return np.bincount(rows, values, size).astype(np.float64, copy=False)
