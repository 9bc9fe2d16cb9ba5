"""Arrays of live queries: the same answers as numpy's own, for any shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.arrays import distinct, dot, dots, first, largest, runs


@given(st.lists(st.integers(-5, 5)))
def test_distinct_values_and_where_each_comes_first(numbers: list[int]) -> None:
    values = np.asarray(numbers, np.int64)
    for ours, theirs in zip(distinct(values), np.unique(values, return_index=True), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@given(st.integers(0, 5000), st.integers(1, 4), st.floats(0, 1), st.integers(1, 40), st.integers(0, 1000))
def test_the_largest_are_those_of_a_whole_sort(size: int, count: int, share: float, levels: int, seed: int) -> None:
    draw = np.random.default_rng(seed)  # few levels: many values are equal
    values = (draw.integers(-levels, levels + 1, size) * (draw.random(size) < share)).astype(np.float32)
    found = largest(values, count)
    assert len(set(found.tolist())) == len(found)
    expected = np.sort(values[values > 0])[::-1][:count]
    np.testing.assert_array_equal(np.sort(values[found])[::-1], expected)


def test_where_a_host_flushes_the_smallest_numbers_nothing_is_still_not_positive() -> None:
    torch = pytest.importorskip("torch")
    values = np.asarray([0, 2, 0, 1, 0], np.float32)
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot")
    try:
        assert sorted(largest(values, 4).tolist()) == [1, 3]
    finally:
        torch.set_flush_denormal(False)


@given(st.lists(st.integers(0, 4), min_size=1), st.data())
def test_runs_are_slices_one_after_the_other(lengths: list[int], data: st.DataObject) -> None:
    starts = np.concatenate([[0], np.cumsum(lengths)])
    chosen = np.asarray(data.draw(st.lists(st.integers(0, len(lengths) - 1))), np.int64)
    at, counts = runs(starts, chosen)
    assert at.tolist() == [place for row in chosen for place in range(starts[row], starts[row + 1])]
    assert counts.tolist() == [lengths[row] for row in chosen]


@given(st.integers(0, 900), st.integers(0, 5), st.integers(0, 1000))
def test_products_are_those_of_numpy_in_blocks_or_in_one(rows: int, others: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    left, right = draw.random((rows, 384), np.float32), draw.random((others, 384), np.float32)
    np.testing.assert_allclose(dots(left, right), left @ right.T, rtol=1e-4)
    for other in right:
        np.testing.assert_allclose(dot(left, other), left @ other, rtol=1e-4)


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 12))
def test_the_first_of_an_order_that_may_be_shown(shown: list[bool], count: int) -> None:
    mask = np.asarray(shown, np.bool_)
    order = np.random.default_rng(0).permutation(len(mask))
    assert first(order, mask, count).tolist() == [row for row in order.tolist() if mask[row]][:count]


def test_an_order_is_looked_at_no_further_than_it_must_be() -> None:
    beyond = np.full(1000, 10**9)  # no place of the mask
    assert first(np.concatenate([np.arange(3), beyond]), np.ones(3, np.bool_), 3).tolist() == [0, 1, 2]
