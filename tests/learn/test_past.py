"""A history beside a library: what counts as one occasion, how much it counts, and where each use stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.history_types import PastGeneration
from lorarec.learn.past import HALF_LIFE, OTHER_PROJECT, Past, by_place

Generate = Callable[..., PastGeneration]
Lay = Callable[..., Past]
NOW = 1.7e9

USES = st.dictionaries(st.sampled_from("abcdx"), st.none() | st.floats(-2, 2, width=32), max_size=4)
PASTS = st.lists(st.tuples(st.none() | st.sampled_from(["p", "q", "r"]), USES), max_size=12)


def test_uses_stand_in_the_order_of_time_and_by_lora(generation: Generate, laid: Lay) -> None:
    past = laid([generation(0, "p", "ab"), generation(1, "q", "c"), generation(2, "r", "a")])
    assert past.count == past.generations == 3
    assert past.starts.tolist() == [0, 2, 3, 4]
    assert past.rows.tolist() == [0, 1, 2, 0] and past.owner.tolist() == [0, 0, 1, 2]
    assert [past.owner[past.uses_of(row)].tolist() for row in range(4)] == [[0, 2], [0], [1], []]
    assert past.prompt.tolist() == [0, 1, 2]


def test_a_batch_is_one_occasion_that_counts_a_little_more(generation: Generate, laid: Lay) -> None:
    batch = [generation(seed, "p", {"a": 0.5 + seed / 10}, images=1, deleted=seed % 2, liked=1) for seed in range(4)]
    past = laid(batch)
    assert (past.count, past.generations) == (1, 4)
    assert past.weight.tolist() == pytest.approx([1 + log(4)])
    assert (past.times[0], past.images[0], past.deleted[0], past.liked[0]) == (4, 4, 2, 4)
    assert past.strengths.tolist() == pytest.approx([0.8]), "the last word counts"
    unsaid = laid([*batch, generation(9, "p", {"a": None})])
    assert unsaid.count == 1 and unsaid.strengths.tolist() == pytest.approx([0.8]), "not said is no word"


@pytest.mark.parametrize("change", [{"prompt": "q"}, {"uses": "ab"}, {"base_model": "SDXL"}])
def test_another_prompt_lora_or_base_model_is_another_occasion(
    generation: Generate, laid: Lay, change: dict[str, str]
) -> None:
    other = {"prompt": "p", "uses": "a", **change}
    assert laid([generation(0, "p", "a"), generation(1, **other)]).count == 2


def test_unknown_prompts_tell_nothing_about_sameness(generation: Generate, laid: Lay) -> None:
    past = laid([generation(0, None, "a"), generation(1, None, "a")])
    assert past.count == 2 and past.prompt.tolist() == [-1, -1]


def test_what_is_old_counts_less_and_what_was_done_again_is_not_old(generation: Generate, laid: Lay) -> None:
    old = generation(0, "p", "a", made=NOW - HALF_LIFE)
    assert laid([old, generation(1, "q", "b")]).weight.tolist() == pytest.approx([0.5, 1])
    again = [old, generation(1, "q", "b", made=NOW - HALF_LIFE), generation(2, "p", "a")]
    assert laid(again).weight.tolist() == pytest.approx([1 + log(2), 0.5])
    assert laid(again).made.tolist() == [NOW - HALF_LIFE] * 2, "an occasion is known from its first time on"


def test_a_file_from_the_future_does_not_make_all_else_old(generation: Generate, laid: Lay) -> None:
    now = time.time()
    past = laid([generation(0, "p", "a", made=now), generation(1, "q", "b", made=now + 50 * HALF_LIFE)])
    assert past.weight.tolist() == pytest.approx([1, 1])


def test_other_projects_are_a_weak_prior(generation: Generate, laid: Lay) -> None:
    told = [generation(0, "p", "a", project="book"), generation(1, "q", "b"), generation(2, "r", "c", project="film")]
    assert laid(told, project="book").weight.tolist() == pytest.approx([1, OTHER_PROJECT, OTHER_PROJECT])
    assert laid(told).weight.tolist() == pytest.approx([1, 1, 1])
    shared = [generation(0, "p", "a", project="film"), generation(1, "p", "a", project="book")]
    assert laid(shared, project="book").weight.tolist() == pytest.approx([1 + log(2)])


def test_loras_that_are_not_installed_leave_an_occasion_without_uses(generation: Generate, laid: Lay) -> None:
    past = laid([generation(0, "p", "x"), generation(1, "q", {"": 0.8, "a": 1.0})])
    assert past.count == 2 and past.rows.tolist() == [0] and past.owner.tolist() == [1]
    assert past.starts.tolist() == [0, 0, 1]


def test_the_load_is_what_the_others_of_the_stack_weigh(generation: Generate, laid: Lay) -> None:
    past = laid([generation(0, "p", {"a": 0.5, "b": -1.0, "c": None}), generation(1, "q", {"a": 0.7})])
    loads = {(row, owner): load for row, owner, load in zip(past.rows, past.owner, past.loads, strict=True)}
    assert loads == {
        (0, 0): pytest.approx(1.8),
        (1, 0): pytest.approx(1.3),
        (2, 0): pytest.approx(1.5),
        (0, 1): pytest.approx(0),
    }
    assert np.isnan(past.strengths[past.uses_of(2)]).all()


def test_base_models_have_places_and_unknown_ones_none(generation: Generate, laid: Lay) -> None:
    past = laid([generation(n, f"{n}", "a", base_model=base) for n, base in enumerate(("SDXL", "", "SD 1.5", "SDXL"))])
    assert [past.bases[at] if at >= 0 else "" for at in past.base] == ["SDXL", "", "SD 1.5", "SDXL"]


def test_nothing_at_all(laid: Lay) -> None:
    past = laid([], counted={"b": 7.0, "x": 9.0})
    assert (past.count, past.generations, len(past.rows)) == (0, 0, 0)
    assert past.starts.tolist() == [0] and past.row_starts.tolist() == [0] * 5
    assert past.counted.tolist() == [0, 7, 0, 0]
    assert laid([], "").row_starts.tolist() == [0]


def test_values_by_id_stand_at_their_rows() -> None:
    assert by_place({"b": 2.0, "unknown": 5.0}, {"a": 0, "b": 1}, 2).tolist() == [0, 2]


@given(PASTS)
def test_nothing_is_lost_and_nothing_is_counted_twice(generation: Generate, laid: Lay, told: list) -> None:
    past = laid([generation(number, prompt, uses) for number, (prompt, uses) in enumerate(told)])
    assert past.times.sum() == past.generations == len(told)
    assert (past.weight > 0).all() and (past.weight <= 1 + np.log(past.times) + 1e-6).all()
    assert past.starts[-1] == len(past.rows) == len(past.by_row) == past.row_starts[-1]
    assert (np.diff(past.owner) >= 0).all() and (np.diff(past.starts) >= 0).all()
    for row in range(4):
        uses = past.uses_of(row)
        assert (past.rows[uses] == row).all() and (np.diff(past.owner[uses]) > 0).all()
    kept = {(prompt, frozenset(uses) - {"x"}) for prompt, uses in told if prompt is not None}
    assert past.count == len(kept) + sum(prompt is None for prompt, _ in told)


@given(PASTS)
def test_the_order_of_loras_in_an_image_does_not_matter(generation: Generate, laid: Lay, told: list) -> None:
    one, other = (
        laid(
            [generation(n, prompt, dict(sorted(uses.items(), reverse=turned))) for n, (prompt, uses) in enumerate(told)]
        )
        for turned in (False, True)
    )
    np.testing.assert_array_equal(one.weight, other.weight)
    for row in range(4):
        mine, theirs = one.uses_of(row), other.uses_of(row)
        np.testing.assert_array_equal(one.owner[mine], other.owner[theirs])
        np.testing.assert_array_equal(one.strengths[mine], other.strengths[theirs])
        np.testing.assert_allclose(one.loads[mine], other.loads[theirs], rtol=1e-5, atol=1e-5)
