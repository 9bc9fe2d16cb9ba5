"""Figures of merit on rankings whose figures are known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.measure import metrics
from lorarec.measure.metrics import Outcome


def row(query: str, *labels: tuple[str, int], overlaps: tuple[str, ...] = (), library: str = "a") -> Outcome:
    return Outcome(query, library, tuple(name for name, _ in labels), tuple(rank for _, rank in labels), overlaps)


def test_the_best_label_counts() -> None:
    assert metrics.best_rank(["x", "b", "a"], {"a", "b"}) == 2
    assert metrics.best_rank(["x"], {"a"}) == 0
    assert row("q", ("a", 7), ("b", 0), ("c", 3)).rank == 3
    assert row("q", ("a", 0)).rank == 0


def test_reciprocal_rank_of_nothing_is_zero() -> None:
    assert [metrics.reciprocal(rank) for rank in (1, 4, 0)] == [1, 0.25, 0]


def test_ndcg_by_hand() -> None:
    assert metrics.ndcg([1]) == 1
    assert metrics.ndcg([3]) == pytest.approx(0.5)  # 1 / log2(4)
    assert metrics.ndcg([11]) == 0
    assert metrics.ndcg([1, 2]) == 1
    assert metrics.ndcg([2, 0]) == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))


def test_micro_and_macro_differ_as_they_should() -> None:
    # The frequent LoRA is always first, the rare one second: micro (3·1 + ½)/4, macro (1 + ½)/2.
    outcomes = [row(f"q{i}", ("often", 1)) for i in range(3)] + [row("q9", ("rare", 2))]
    assert metrics.micro(outcomes).mrr == pytest.approx(3.5 / 4)
    assert metrics.macro(outcomes).mrr == pytest.approx(0.75)
    assert metrics.macro(outcomes).n == 2
    assert metrics.macro(outcomes).hit_1 == pytest.approx(0.5)
    assert metrics.micro(outcomes).hit_5 == 1


def test_a_row_with_two_labels_counts_for_both_by_its_best_rank() -> None:
    outcomes = [row("q1", ("a", 1), ("b", 4)), row("q2", ("b", 2))]
    assert metrics.macro(outcomes).mrr == pytest.approx((1 + (1 + 0.5) / 2) / 2)


def test_hits_count_ranks_up_to_their_limit() -> None:
    found = metrics.micro([row(str(rank), ("a", rank)) for rank in (0, 1, 5, 6, 10, 11)])
    assert (found.hit_1, found.hit_5, found.hit_10) == pytest.approx((1 / 6, 2 / 6, 4 / 6))


def test_frequent_labels_are_taken_out_of_their_rows() -> None:
    outcomes = [row("q1", ("often", 1)), row("q2", ("often", 1), ("rare", 4)), row("q3", ("rare", 2))]
    assert metrics.frequent_labels(outcomes, 1) == ["often"]
    left = metrics.without_labels(outcomes, {"often"})
    assert [o.query for o in left] == ["q2", "q3"]
    assert metrics.micro(left).mrr == pytest.approx((0.25 + 0.5) / 2)


def test_equally_frequent_labels_are_taken_in_alphabetic_order() -> None:
    assert metrics.frequent_labels([row("q1", ("b", 1)), row("q2", ("a", 1))], 1) == ["a"]


def test_summary_names_every_n() -> None:
    outcomes = [
        row("q1", ("a", 1), overlaps=("trigger",)),
        row("q1", ("a", 2), overlaps=("trigger",), library="b"),
        row("q2", ("b", 4), ("c", 0), overlaps=("none", "name")),
    ]
    found = metrics.summarise(outcomes, resamples=50)
    assert (found.queries, found.rows, found.loras) == (2, 3, 3)
    assert found.macro.n == 3 and found.micro.n == 3
    assert found.without_frequent.n == 0 and math.isnan(found.without_frequent.mrr)
    assert {kind: figures.n for kind, figures in found.by_overlap.items()} == {"trigger": 2, "name": 1}
    assert found.by_overlap["trigger"].mrr == pytest.approx(0.75)
    # Library a: LoRAs a 1, b and c ¼; library b: a ½.
    assert found.macro_by_library == pytest.approx(((1 + 0.25 + 0.25) / 3 + 0.5) / 2)
    assert found.micro_by_library == pytest.approx((0.625 + 0.5) / 2)


def test_a_summary_of_nothing_is_not_an_error() -> None:
    found = metrics.summarise([])
    assert found.rows == 0 and math.isnan(found.macro.mrr) and math.isnan(found.intervals["macro"].low)


def test_an_interval_covers_the_mean_and_is_the_same_again() -> None:
    values = [1.0, 0.0] * 50
    units = [str(i) for i in range(100)]
    found = metrics.mean_interval(units, values)
    assert 0.35 < found.low < 0.45 and 0.55 < found.high < 0.65  # ½ ± 1.96 · 0.05
    assert found == metrics.mean_interval(units, values)
    assert metrics.mean_interval(["q"] * 100, values) == metrics.Interval(0.5, 0.5)


def test_rows_of_one_query_are_drawn_together() -> None:
    once = metrics.mean_interval([str(i) for i in range(40)], [1.0, 0.0] * 20)
    units = [str(i) for i in range(40) for _ in range(5)]
    copied = metrics.mean_interval(units, [v for v in [1.0, 0.0] * 20 for _ in range(5)])
    assert copied.low == pytest.approx(once.low) and copied.high == pytest.approx(once.high)


def test_macro_interval_around_a_certain_figure_has_no_width() -> None:
    found = metrics.macro_interval([row("q1", ("a", 2)), row("q2", ("b", 2))], resamples=100)
    assert (found.low, found.high) == (0.5, 0.5)


def test_auc_by_hand() -> None:
    assert metrics.auc([3, 2], [1, 0]) == 1
    assert metrics.auc([0], [1]) == 0
    assert metrics.auc([1, 1], [1]) == 0.5
    assert metrics.auc([2, 1], [1, 0]) == pytest.approx((2 + 1.5) / 4)
    assert math.isnan(metrics.auc([], [1]))


@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
def test_auc_is_the_share_of_pairs_won(up: list[int], down: list[int]) -> None:
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in up for b in down]
    assert metrics.auc(up, down) == pytest.approx(sum(pairs) / len(pairs))


def test_mean_absolute_error() -> None:
    assert metrics.mean_absolute_error([1, 0.5], [0.5, 0.5]) == 0.25
    assert math.isnan(metrics.mean_absolute_error([], []))


# Paired differences


def test_a_ranking_does_not_differ_from_itself_and_a_constant_gain_has_no_width() -> None:
    half = [row("q1", ("a", 2)), row("q2", ("b", 2)), row("q2", ("a", 2), library="b")]
    best = [row("q1", ("a", 1)), row("q2", ("b", 1)), row("q2", ("a", 1), library="b")]
    assert metrics.macro_difference(half, half) == metrics.Interval(0, 0)
    assert metrics.macro_difference(best, half) == metrics.Interval(0.5, 0.5)
    assert math.isnan(metrics.macro_difference([], []).low)


def test_what_varies_from_query_to_query_is_not_what_varies_between_rankings() -> None:
    """Paired: hard and easy prompts cancel out, so that a small gain everywhere is certain."""
    ranks = [1, 2, 4, 8] * 10
    ours = [row(str(at), (f"lora {at % 5}", rank)) for at, rank in enumerate(ranks)]
    theirs = [row(str(at), (f"lora {at % 5}", 2 * rank)) for at, rank in enumerate(ranks)]
    found, alone = metrics.macro_difference(ours, theirs), metrics.macro_interval(ours)
    assert 0 < found.low < metrics.macro(ours).mrr - metrics.macro(theirs).mrr < found.high
    assert found.high - found.low < 0.6 * (alone.high - alone.low)
    turned = metrics.macro_difference(theirs, ours)
    assert (turned.low, turned.high) == (pytest.approx(-found.high), pytest.approx(-found.low))
    assert found == metrics.macro_difference(ours, theirs)


def test_every_lora_counts_alike_in_a_difference() -> None:
    """One frequent LoRA gains, nine rare ones lose: on the whole that is a loss, whatever the mean over rows says."""
    often = [row(f"q{at}", ("often", 1)) for at in range(90)]
    rare = [row(f"r{at}", (f"rare {at}", 2)) for at in range(9)]
    before = [row(f"q{at}", ("often", 2)) for at in range(90)] + [row(f"r{at}", (f"rare {at}", 1)) for at in range(9)]
    found = metrics.macro_difference(often + rare, before)
    assert found.high < 0 and metrics.micro(often + rare).mrr > metrics.micro(before).mrr


def test_rows_of_one_query_differ_together() -> None:
    """Five libraries of one query are one observation, not five."""
    ranks = [1, 3] * 20
    once = [row(str(at), ("a", rank)) for at, rank in enumerate(ranks)]
    base = [row(str(at), ("a", 2)) for at in range(40)]
    five = [row(o.query, ("a", o.rank), library=str(n)) for o in once for n in range(5)]
    same = [row(o.query, ("a", o.rank), library=str(n)) for o in base for n in range(5)]
    found, copied = metrics.macro_difference(once, base), metrics.macro_difference(five, same)
    assert (copied.low, copied.high) == (pytest.approx(found.low), pytest.approx(found.high))
