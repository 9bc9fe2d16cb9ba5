"""The tests and the clustering that a profile rests on, against values worked out by hand or known from tables."""

from __future__ import annotations

from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.history.clusters import assign, best_clusters, silhouette
from lorarec.history.evidence import at_least, chi_square_tail, discoveries, shrunk
from lorarec.history.strengths import quantiles


@pytest.mark.parametrize(
    ("statistic", "freedom", "chance"),
    [(14.067, 7, 0.05), (18.475, 7, 0.01), (16.812, 6, 0.01), (24.725, 11, 0.01), (31.264, 11, 0.001), (0.0, 7, 1.0)],
)
def test_chi_square_tails_agree_with_the_table(statistic: float, freedom: int, chance: float) -> None:
    assert chi_square_tail(statistic, freedom) == pytest.approx(chance, abs=0.0007)


def test_fishers_test_counts_every_hand() -> None:
    """5 of 9 cards are red; how many hands of 4 hold at least so many?"""
    hands = list(combinations(range(9), 4))
    for red in range(6):
        share = sum(sum(card < 5 for card in hand) >= red for hand in hands) / len(hands)
        assert at_least(red, 4, 5, 9) == pytest.approx(share)


def test_fishers_test_stays_exact_for_many() -> None:
    exact = sum(comb(900, k) * comb(19100, 500 - k) for k in range(40, 501)) / comb(20000, 500)
    assert at_least(40, 500, 900, 20000) == pytest.approx(exact, rel=1e-6)


@given(*[st.integers(-3, 60)] * 4)
def test_fishers_test_is_a_probability_of_whatever(both: int, drawn: int, marked: int, total: int) -> None:
    assert 0 <= at_least(both, drawn, marked, total) <= 1 + 1e-9


def test_benjamini_and_hochbergs_own_rule() -> None:
    chances = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216]
    assert discoveries(chances) == [True, True] + [False] * 8
    assert discoveries([0.04, 0.05]) == [True, True], "the largest that passes takes the smaller ones along"
    assert discoveries([0.9]) == [False] and discoveries([]) == []


def test_a_shrunk_share_lies_between_what_is_seen_and_what_is_expected() -> None:
    assert shrunk(3, 3, 0.1, 7) == pytest.approx(0.37)
    assert shrunk(0, 0, 0.4, 5) == pytest.approx(0.4)


def test_weighted_quantiles_are_values_that_occur() -> None:
    values = np.asarray([0.9, 0.1, 0.5, 0.7])
    assert quantiles(values, np.ones(4), (0.0, 0.25, 0.5, 0.75, 1.0)) == [0.1, 0.1, 0.5, 0.7, 0.9]
    assert quantiles(values, np.asarray([0.1, 0.1, 0.1, 10.0]), (0.25, 0.5)) == [0.7, 0.7]
    tenths = np.arange(10) / 10
    assert quantiles(tenths, np.full(10, 0.1), (0.3, 0.7)) == pytest.approx([0.2, 0.6]), "sums of tenths are not exact"


def bundle(count: int, seed: int = 0) -> np.ndarray:
    """Unit vectors around as many orthogonal directions, 30 each."""
    dice = np.random.default_rng(seed)
    points = np.repeat(np.eye(count, 16), 30, axis=0) + dice.normal(0, 0.1, (30 * count, 16))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_as_many_clusters_are_found_as_there_are(count: int) -> None:
    points = bundle(count)
    centroids, width = best_clusters(points, 8)
    assert len(centroids) == count and width > 0.6
    assert [len(set(labels)) for labels in assign(points, centroids).reshape(count, 30)] == [1] * count
    assert np.linalg.norm(centroids, axis=1) == pytest.approx(np.ones(count), abs=1e-5)


def test_noise_has_no_clusters() -> None:
    noise = np.random.default_rng(1).normal(size=(300, 64)).astype(np.float32)
    assert best_clusters(noise / np.linalg.norm(noise, axis=1, keepdims=True), 8)[1] < 0.05


def test_silhouettes_by_hand() -> None:
    points = np.asarray([[1, 0], [1, 0], [0, 1], [0.6, 0.8]], np.float32)
    likeness = points @ points.T
    # inner and outer mean distances: 0 and 0.7 (twice); 0.2 and 1.0; 0.2 and 0.4
    assert silhouette(likeness, np.asarray([0, 0, 1, 1])) == pytest.approx((1 + 1 + 0.8 + 0.5) / 4)
    assert silhouette(likeness, np.asarray([0, 0, 0, 0])) == -1.0
    alone = silhouette(likeness, np.asarray([0, 0, 1, 2]))
    assert alone == pytest.approx((1 + 1 + 0 + 0) / 4), "a point alone counts 0"


def test_equal_and_few_points_are_clustered_without_complaint() -> None:
    for points, most in product((np.ones((2, 1)), np.ones((50, 1)), np.eye(3)), (2, 8)):
        centroids, width = best_clusters(points.astype(np.float32), most)
        assert -1 <= width <= 1 and np.isfinite(centroids).all()
