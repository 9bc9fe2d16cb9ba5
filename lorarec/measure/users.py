"""Single users simulated from community prompts: taste clusters, in order of time.

The recipe. Each row of history.jsonl.gz becomes a point: the vector of its prompt beside the mean vector of its LoRAs,
each less its mean. The points are clustered (spherical k-means, `TASTES` clusters): one cluster is one user, who asks
for related things with related LoRAs. Their prompts are put in order of time
(`dates`): the first `PAST` of them are the past, each of the others is asked and then belongs to the past too, as it
does for a real user. A user's library holds the LoRAs that they ever use, and others up to `LIBRARY`: half of these are
used by other users, so that "anybody uses it" says little, and half are LoRAs that nobody in the history uses. Users
with fewer than `LEAST` prompts are left out.

It is a simulation: who wrote which prompt is not known, and taste is more than a topic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from . import dates
from .bench_data import Bench, Row

TASTES = 8
PAST = 0.5  # of a user's prompts
LIBRARY = 300
LEAST = 30
_EPOCH = 719163  # ordinal of 1970-01-01
SEED = 0  # of the evaluation; training draws from others

Floats = NDArray[np.float32]
Cluster = Callable[[Floats, int, np.random.Generator], NDArray[np.int64]]  # (points, k, dice) -> label of each point


class User(Struct, frozen=True):
    """One simulated user."""

    name: str
    library: tuple[str, ...]  # LoRA ids
    rows: tuple[Row, ...]  # their prompts in order of time
    days: tuple[int, ...]  # of each, proleptic ordinal

    @property
    def known(self) -> int:
        """How many of the rows are the past."""
        return int(len(self.rows) * PAST)


def simulate(bench: Bench, vectors: Floats, cluster: Cluster, seed: int = SEED) -> list[User]:
    """Make the users.

    Args:
        bench: the benchmark; every LoRA without a file is unknown to everybody.
        vectors: points of the `usable` rows, see `points`, shape (n, d).
        cluster: spherical k-means.
        seed: of clustering and libraries.
    """
    rows = usable(bench)
    when = dates.prompt_dates(bench)
    days = [dates.ordinal(when(row.id)) for row in rows]
    dice = np.random.default_rng(seed)
    label = cluster(vectors, TASTES, dice)
    corpus = sorted(name for name, lora in bench.corpus.items() if lora.files)
    used = sorted({lora.id for row in rows for lora in row.loras})
    unused = sorted(set(corpus) - set(used))
    users = []
    for number in range(TASTES):
        mine = [at for at in np.flatnonzero(label == number)]
        if len(mine) < LEAST:
            continue
        mine.sort(key=lambda at: (days[at], rows[at].id))
        own = sorted({lora.id for at in mine for lora in rows[at].loras})
        others = sorted(set(used) - set(own))
        room = max(0, LIBRARY - len(own))
        half = min(len(others), room // 2)
        fill = [*_draw(dice, others, half), *_draw(dice, unused, min(len(unused), room - half))]
        users.append(
            User(
                f"user {seed}:{number}",
                tuple(own + fill),
                tuple(rows[at] for at in mine),
                tuple(days[at] for at in mine),
            )
        )
    return users


def points(rows: Sequence[Row], prompts: Floats, loras: Mapping[str, Floats]) -> Floats:
    """What is clustered, shape (n, 2 d), of unit length.

    Args:
        rows: n prompts.
        prompts: their vectors, shape (n, d).
        loras: LoRA id -> vector of what it depicts, shape (d,).
    """
    used = np.stack([np.mean([loras[one.id] for one in row.loras], axis=0) for row in rows]).astype(np.float32)
    return _unit(np.concatenate([_unit(prompts - prompts.mean(0)), _unit(used - used.mean(0))], axis=1))


def _unit(matrix: Floats) -> Floats:
    length: Floats = np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-6)
    return matrix / length


def times(days: Sequence[int], first: int = 0) -> list[float]:
    """Days in order -> moments in order, seconds since the epoch: the dates are estimates that neighbours share.

    ``first`` is the number of the first day in the whole order.
    """
    return [(day - _EPOCH) * 86400.0 + at for at, day in enumerate(days, first)]


def usable(bench: Bench) -> list[Row]:
    """The rows of the history all of whose LoRAs have a file."""
    corpus = bench.corpus
    return [row for row in bench.history if all(one.id in corpus and corpus[one.id].files for one in row.loras)]


def _draw(dice: np.random.Generator, names: Sequence[str], count: int) -> list[str]:
    return [names[at] for at in sorted(dice.choice(len(names), count, replace=False))]
