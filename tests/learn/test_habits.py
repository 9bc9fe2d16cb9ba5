"""Habits are what the whole past says about each LoRA; queries that get them answer as those that sum them up."""

from __future__ import annotations

from collections.abc import Callable
from math import log

import numpy as np
import pytest

from lorarec.history_types import PastGeneration
from lorarec.learn.habits import UNKNOWN, habits
from lorarec.learn.past import Past
from lorarec.learn.signals import Content, Evidence
from traces import NOW

Generate = Callable[..., PastGeneration]
Lay = Callable[..., Past]


class Near:
    """Nearness of each prompt by words."""

    def __init__(self, words: list[float]) -> None:
        self.words = np.asarray(words, np.float32)
        self.meaning = None


@pytest.fixture
def past(generation: Generate, laid: Lay) -> Past:
    """Four occasions with a, ab, c and a; d was never used."""
    return laid(
        [
            generation(0, "p", "a", base_model="SDXL", images=2, deleted=1),
            generation(1, "q", "ab", base_model="SDXL", images=2),
            generation(2, "r", "c", base_model="Flux.1"),
            generation(3, "s", "a"),
        ]
    )


def approx(*values: float) -> object:
    return pytest.approx(list(values), rel=1e-5, nan_ok=True)


def test_habits_of_a_past(past: Past) -> None:
    found = habits(past)
    nan = float("nan")
    assert (found.told, found.weight) == (4, 4.0)
    assert found.used.tolist() == [3, 1, 1, 0] and found.counted.tolist() == [0] * 4
    assert found.plain.tolist() == approx(*((count + 0.2) / (4 + UNKNOWN) for count in (3, 1, 1, 0)))
    assert found.age.tolist() == approx(0, 0.5, 0.25, nan)
    mean = 5 / 6  # of six images of uses, one is gone
    assert found.kept.tolist() == approx((3 + 4 * mean) / 8 - mean, (2 + 4 * mean) / 6 - mean, nan, nan)
    share = 2.5 / 5
    assert set(found.bases) == {"SDXL", "Flux.1"}
    assert found.bases["SDXL"].tolist() == approx(
        log((2 + 3 * share) / 6 / share), log((1 + 3 * share) / 4 / share), log(3 * share / 4 / share), nan
    )


def test_only_the_first_occasions_count_where_asked(past: Past) -> None:
    found = habits(past, 2)
    assert (found.told, found.weight) == (2, 2.0) and found.used.tolist() == [2, 1, 0, 0]
    assert found.age.tolist() == approx(0, 0, float("nan"), float("nan"))
    assert habits(past, 99).told == 4 and habits(past, 0).used.tolist() == [0, 0, 0, 0]
    assert np.isnan(habits(past, 0).age).all() and np.isnan(habits(past, 0).kept).all()


def test_what_other_tools_counted_is_no_second_use(generation: Generate, laid: Lay) -> None:
    found = habits(laid([generation(0, "p", "a")], counted={"a": 1.0, "d": 9.0}))
    assert found.used.tolist() == [1, 0, 0, 0] and found.weight == 1
    assert found.counted.tolist() == approx(0, 0, 0, 9 / (10 + UNKNOWN))
    assert found.plain.tolist() == approx(*((count + 0.2) / (10 + UNKNOWN) for count in (1, 0, 0, 9)))


def test_what_was_taken_up_again_is_not_old(generation: Generate, laid: Lay) -> None:
    told = [
        generation(n, prompt, uses, made=NOW + n) for n, (prompt, uses) in enumerate(zip("pqrp", "abca", strict=True))
    ]
    found = habits(laid(told))
    assert found.age.tolist() == approx(0, 2 / 3, 1 / 3, float("nan"))
    assert [laid(told).made[0], *found.last] == [NOW, NOW + 3, NOW + 1, NOW + 2, -np.inf]


def test_of_a_past_that_is_asked_again_nothing_later_is_known(generation: Generate, laid: Lay) -> None:
    told = [generation(n, prompt, uses) for n, (prompt, uses) in enumerate(zip("pqprqps", "abacbad", strict=True))]
    whole, upto = laid(told), [0, 1, 3, 6]  # generations before the first of each occasion
    for occasions, generations in enumerate(upto):
        then = habits(laid(told[:generations]))
        assert habits(whole, occasions).age.tolist() == approx(*then.age)
    assert habits(whole).age.tolist() == approx(0.25, 0.5, 0.75, 0)


@pytest.mark.parametrize("upto", [None, 2])
def test_known_habits_change_no_answer(past: Past, upto: int | None) -> None:
    """Of the whole past, so that a replay of its beginning must not use them."""
    content = Content(np.zeros(4, np.int64), None, None)
    near, rows = Near([0.1, 0.9, 0.3, 0.2]), np.arange(4)
    plain = Evidence(past, near, content, active=[1], base_model="SDXL", upto=upto).columns(rows)
    known = Evidence(past, near, content, active=[1], base_model="SDXL", upto=upto, known=habits(past)).columns(rows)
    for name, values in plain.items():
        np.testing.assert_array_equal(known[name], values, err_msg=name)
