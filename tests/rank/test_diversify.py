"""Diversity and exploration, by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lorarec.rank.diversify import POOL, explore, mmr

SCORES = np.asarray([0.9, 0.8, 0.5, 0.1], np.float32)
VECTORS = np.asarray([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)  # two pairs of twins


def test_relevance_alone_keeps_the_order() -> None:
    assert mmr(SCORES, VECTORS, 3, 0.0) == [0, 1, 2]
    assert mmr(SCORES, None, 3, 0.9) == [0, 1, 2]


def test_a_twin_waits_behind_something_different() -> None:
    # gains after 0: twin .5 * .8/.9 - .5 = -.06; other pair .5 * .5/.9 = .28
    assert mmr(SCORES, VECTORS, 4, 0.5) == [0, 2, 1, 3]


def test_what_is_hardly_relevant_gains_nothing_by_being_different() -> None:
    assert mmr(SCORES, VECTORS, 4, 0.5, least=0.6) == [0, 1, 2, 3]
    assert mmr(SCORES, VECTORS, 4, 0.5, least=0.2) == [0, 2, 1, 3]


def test_beyond_the_pool_relevance_decides() -> None:
    count = POOL + 30
    scores = np.linspace(1, 0.1, count, dtype=np.float32)
    vectors = np.tile(np.asarray([[1, 0]], np.float32), (count, 1))
    chosen = mmr(scores, vectors, count, 0.5)
    assert sorted(chosen) == list(range(count)) and chosen[POOL:] == list(range(POOL, count))


@given(st.lists(st.floats(0, 1, width=32), max_size=12), st.integers(1, 15), st.floats(0, 1))
def test_the_best_comes_first_and_nothing_twice(scores: list[float], count: int, diversity: float) -> None:
    ordered = np.sort(np.asarray(scores, np.float32))[::-1]
    vectors = np.eye(max(1, len(scores)), dtype=np.float32)[: len(scores)]
    chosen = mmr(ordered, vectors, count, diversity)
    assert len(chosen) == len(set(chosen)) == min(count, len(scores))
    assert chosen[:1] == [0][: len(scores)]


def test_exploration_takes_the_last_places_and_never_all() -> None:
    assert explore([0, 1, 2, 3], [7], 0.25, seed=0) == [0, 1, 2, 7]
    assert explore([0, 1, 2, 3], [7, 8, 9], 1.0, seed=0)[0] == 0
    assert explore([0], [7], 1.0, seed=0) == [0]
    assert explore([0, 1], [7], 0.0, seed=0) == [0, 1]
    assert explore([0, 1], [], 1.0, seed=0) == [0, 1]


def test_exploration_is_repeatable_and_every_candidate_has_its_chance() -> None:
    assert explore([0, 1], [7, 8, 9], 0.5, seed=3) == explore([0, 1], [7, 8, 9], 0.5, seed=3)
    tried = {explore([0, 1], [7, 8, 9], 0.5, seed=seed)[1] for seed in range(60)}
    assert tried == {7, 8, 9}
