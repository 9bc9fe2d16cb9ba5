"""What the user's past says about each candidate of one query: the personal columns of the signal table.

Votes are those of the k nearest generations, weighted by a kernel of their nearness (Nadaraya 1964, Watson 1964). All
shares are shrunk: by a few generations that nothing is known of, so that one image does not decide. Nothing here knows
which LoRA it speaks of, and zero means "the past does not speak for it", never "it is wrong".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..arrays import distinct, dot, dots, largest, runs
from .habits import UNKNOWN, Habits, habits
from .past import Past

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]

NEIGHBOURS = 50  # generations that vote
WIDTH = 0.1  # of the kernel, in cosine
STRANGE = {"meaning": 0.35, "words": 0.2, "both": 0.28}  # nearness of a prompt that has little to do with the query
STRANGERS = 3.0  # prompts of that nearness that vote for nothing
ALIKE = 20  # LoRAs of the neighbours that candidates are compared with
PAIRS = 5.0  # uses that a share of joint use is shrunk by
LIKE_THIS = 0.3  # nearness from which a person would call two prompts alike, by words; by meaning it is twice that
_BLOCK = 64  # occasions that stand for each other where the nearest of many are looked for

NAMES: tuple[str, ...] = (
    "own_evidence",
    "own_uses",
    "own_share",
    "own_counted",
    "own_age",
    "own_words",
    "own_meaning",
    "own_votes",
    "own_votes_words",
    "own_alike",
    "own_role",
    "own_base",
    "own_kept",
    "together",
    "together_share",
)


class Near(Protocol):
    """How near every past prompt is to the query, see `index.prompts.Nearness`."""

    @property
    def words(self) -> Floats:
        """By words, 0..1, shape (p,)."""
        ...

    @property
    def meaning(self) -> Floats | None:
        """By meaning, -1..1, shape (p,); None without vectors."""
        ...


class Content(Struct, frozen=True):
    """What the library says about its LoRAs."""

    roles: NDArray[np.int64]  # number of each LoRA's role, shape (n,)
    semantic: Floats | None  # their vectors, shape (n, d)
    mean: Floats | None  # mean of these, shape (d,)


class Evidence:
    """What the past says about one query: computed once for the whole library, then read for the candidates."""

    def __init__(
        self,
        past: Past,
        near: Near,
        content: Content,
        *,
        active: Sequence[int] = (),
        base_model: str = "",
        upto: int | None = None,
        known: Habits | None = None,
    ) -> None:
        """Weigh the past against a query.

        Args:
            past: the history beside the library.
            near: nearness of the past prompts.
            content: what the library says.
            active: rows of LoRAs in use.
            base_model: canonical, "" = unknown.
            upto: only the first so many occasions are known; None: all. For replaying a history.
            known: habits of the whole past, so that they need not be summed up again.
        """
        self._past, self._content, self._base_model = past, content, base_model
        self._habits = known if known is not None and upto is None else habits(past, upto)
        self.told = told = self._habits.told  # occasions that are known
        self._size = size = len(past.counted)
        self._weight = past.weight[:told]
        self.words = _of_occasions(near.words, past.prompt[:told])
        self.meaning: Floats | None = None
        self._votes_words = _votes(self.words, self._weight, past, "words", size)
        self._votes: Doubles | None = None
        if near.meaning is not None:
            self.add_meaning(near.meaning)
        self._plain = self._habits.plain
        self._beside: dict[int, tuple[Ints, Ints]] = {}  # active row -> LoRAs used with it, and on which occasion
        self._together = self._joint(active) if len(active) else None

    def add_meaning(self, meaning: Floats) -> None:
        """Add the nearness by meaning, `Near.meaning`, before anything else is asked.

        By words and by the LoRAs in use most can be weighed while the prompt is still being encoded.
        """
        self.meaning = _of_occasions(meaning, self._past.prompt[: self.told])
        self._votes = _votes(self.meaning, self._weight, self._past, "meaning", self._size)

    def candidates(self, count: int) -> Ints:
        """LoRAs worth ranking because of the past, at most ``count`` from each source."""
        sources = [self._votes_words if self._votes is None else self._votes + self._votes_words]
        if self._together is not None:
            sources.append(np.where(self._together > self._plain * 1.01, self._together, 0))
        return distinct(np.concatenate([largest(values, count) for values in sources]))[0]

    @cached_property
    def nearness(self) -> Floats:
        """Nearness of every known occasion's prompt, by words and meaning together, shape (g,)."""
        together: Floats = self.words if self.meaning is None else (self.words + self.meaning) * np.float32(0.5)
        return together

    @cached_property
    def alike(self) -> NDArray[np.bool_]:
        """Which occasions a person would call alike, shape (g,)."""
        alike = self.words >= LIKE_THIS
        return alike if self.meaning is None else alike | (self.meaning >= 2 * LIKE_THIS)

    def beside(self, row: int) -> dict[int, int]:
        """Generations of one LoRA together with each active one that it was used with, by the latter's row."""
        times = {
            other: int(self._past.times[occasions[rows == row]].sum())
            for other, (rows, occasions) in self._beside.items()
        }
        return {other: count for other, count in times.items() if count}

    def columns(self, rows: Ints) -> dict[str, Floats]:
        """The personal columns of candidates but for those of `learn.wishes`, each of shape (c,); NaN = cannot say."""
        size, told = self._size, self.told
        nothing = np.full(len(rows), np.nan, np.float32)
        columns: dict[str, Floats] = dict.fromkeys(NAMES, nothing)
        known, uses = self._habits, self._habits.used[rows]
        columns["own_evidence"] = np.full(len(rows), known.weight / (known.weight + UNKNOWN), np.float32)
        columns["own_uses"] = _float(uses)
        columns["own_share"] = _float(uses / (known.weight + UNKNOWN))
        columns["own_counted"] = known.counted[rows]
        if told:
            mine = self._uses_of(rows)
            columns["own_age"] = known.age[rows]
            columns["own_words"] = _float(mine.best(self.words))
            columns["own_votes_words"] = _float(self._votes_words[rows])
            if self.meaning is not None and self._votes is not None:
                columns["own_meaning"] = _float(mine.best(self.meaning))
                columns["own_votes"] = _float(self._votes[rows])
            votes = _votes(self.nearness, self._weight, self._past, "both", size)
            columns["own_alike"], columns["own_role"] = _content(votes, self._content, rows)
            columns["own_kept"] = known.kept[rows]
            columns["own_base"] = known.bases[self._base_model][rows] if self._base_model in known.bases else nothing
        if self._together is not None:
            columns["together"] = _float(np.log(self._together[rows] / self._plain[rows]))
            columns["together_share"] = _float(self._together[rows])
        return columns

    def _uses_of(self, rows: Ints) -> _Uses:
        """The known uses of candidates."""
        past = self._past
        at, counts = runs(past.row_starts, rows)
        owner = past.owner[past.by_row[at]]
        place = np.repeat(np.arange(len(rows)), counts)
        known = owner < self.told
        place, owner = place[known], owner[known]
        return _Uses(len(rows), place, owner, np.flatnonzero(np.diff(place, prepend=-1)))

    def _joint(self, active: Sequence[int]) -> Doubles:
        """Share of joint use with the active LoRAs, shape (n,): shrunk conditional probabilities, averaged.

        P(j | i) = (n_ij + k p_j) / (n_i + k); raw pointwise mutual information favours pairs seen once.
        """
        past = self._past
        share = np.zeros(self._size)
        for row in active:
            mine = past.owner[past.uses_of(row)]
            mine = mine[mine < self.told]
            at, counts = runs(past.starts, mine)
            beside = past.rows[at]
            occasions = np.repeat(mine, counts)
            both = np.bincount(beside, past.weight[occasions], self._size)
            self._beside[row] = beside, occasions
            share += (both + PAIRS * self._plain) / (float(past.weight[mine].sum()) + PAIRS)
        return share / len(active)


class _Uses(Struct, frozen=True):
    """Uses of c candidates, one candidate after the other, oldest first."""

    count: int  # of the candidates
    place: Ints  # candidate of each use, ascending, shape (u,)
    owner: Ints  # its occasion
    firsts: Ints  # the first use of each candidate that has one

    def best(self, values: NDArray[Any]) -> Doubles:
        """The largest value among the occasions of each candidate, shape (c,); NaN where it has none."""
        out = np.full(self.count, np.nan)
        if len(self.firsts):
            out[self.place[self.firsts]] = np.maximum.reduceat(values[self.owner], self.firsts)
        return out


def _float(values: NDArray[Any]) -> Floats:
    return values.astype(np.float32)


def _of_occasions(values: Floats, prompt: Ints) -> Floats:
    """Nearness of prompts -> of occasions; 0 where the prompt is unknown, that is -1."""
    known: Floats = np.append(values, np.float32(0))[prompt]
    return known


def _votes(values: Floats, weight: Floats, past: Past, kind: str, size: int) -> NDArray[np.float64]:
    """Share of the nearest occasions' votes that each LoRA gets, shape (size,), 0..1."""
    nearest = _nearest(values)
    kernel = np.exp((values[nearest] - 1) / WIDTH) * weight[nearest]
    against = STRANGERS * float(np.exp((STRANGE[kind] - 1) / WIDTH))
    rows, share = _uses(past, nearest, kernel)
    return np.bincount(rows, share, size) / (float(kernel.sum()) + against)


def _nearest(values: Floats) -> Ints:
    """The occasions that vote: those with the largest values, and of equal ones the latest."""
    count = len(values)
    if count <= NEIGHBOURS:
        return np.arange(count)
    # As many blocks reach this value as occasions are wanted, so that none below it can be among them: few are left.
    blocks = values[: count // _BLOCK * _BLOCK].reshape(-1, _BLOCK).max(1)
    least = -np.sort(-blocks)[NEIGHBOURS - 1] if len(blocks) >= NEIGHBOURS else values.min()
    left = np.flatnonzero(values >= least)[::-1]
    nearest: Ints = left[np.argsort(-values[left], kind="stable")[:NEIGHBOURS]]
    return nearest


def _uses(past: Past, occasions: Ints, values: Floats) -> tuple[Ints, Floats]:
    """The rows used on some occasions, with the occasion's value for each."""
    at, counts = runs(past.starts, occasions)
    return past.rows[at], np.repeat(values, counts)


def _content(votes: NDArray[np.float64], content: Content, rows: Ints) -> tuple[Floats, Floats]:
    """How much the candidates are like the LoRAs of the neighbours: in content, and in role. Itself does not count."""
    voted = np.flatnonzero(votes)
    role_votes = np.bincount(content.roles[voted], votes[voted], int(content.roles.max(initial=0)) + 1)
    role = role_votes[content.roles[rows]] / max(float(role_votes.sum()), 1e-9)
    if content.semantic is None or content.mean is None or not len(voted):
        return np.full(len(rows), np.nan, np.float32), role.astype(np.float32)
    if len(voted) > ALIKE:
        voted = voted[np.argsort(-votes[voted], kind="stable")[:ALIKE]]
    nearness = _centred_cosines(content.semantic[rows], content.semantic[voted], content.mean)
    nearness[rows[:, None] == voted] = 0
    share = votes[voted] / max(float(votes.sum()), 1e-9)
    return (np.square(np.maximum(nearness, 0)) @ share).astype(np.float32), role.astype(np.float32)


def _centred_cosines(left: Floats, right: Floats, mean: Floats) -> Floats:
    """Cosines of vectors less their mean, (n, d) and (k, d) -> (n, k); 0 where one of them is unknown, that is, zeros.

    (x - m)·y = x·y - m·y: a copy of the larger matrix would cost more than all the products.
    """
    there = right.any(axis=1)
    unit = right - mean
    unit *= (there / np.maximum(np.linalg.norm(unit, axis=1), 1e-6))[:, None]
    squares = np.einsum("ij,ij->i", left, left)
    lengths = np.sqrt(np.maximum(squares - 2 * dot(left, mean) + dot(mean[None], mean), 1e-12))
    scale = ((squares > 0) / lengths).astype(np.float32)
    result: Floats = (dots(left, unit) - dot(unit, mean)) * scale[:, None]
    return result
