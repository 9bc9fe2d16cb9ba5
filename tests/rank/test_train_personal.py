"""Fitting the personal weights on choices that were made by known ones."""

from __future__ import annotations

import random

import numpy as np
import pytest

from lorarec.rank.personal import INPUTS, LEARNED
from lorarec.rank.train_personal import TOP, Choice, fit, shorten

PLANTED = {"used": 1.5, "votes": -1.0, "together": 2.0}


def choices(count: int, weights: dict[str, float], *, seed: int = 0, size: int = 12, fold: int = 0) -> list[Choice]:
    """Choices drawn from the very model that is fitted."""
    dice = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        logits = dice.normal(size=size).astype(np.float32)
        inputs = dice.normal(size=(size, len(INPUTS))).astype(np.float32)
        scores = logits + inputs @ np.asarray([weights.get(name, 0.0) for name in INPUTS])
        chance = np.exp(scores - scores.max())
        right = np.zeros(size, np.bool_)
        right[dice.choice(size, p=chance / chance.sum())] = True
        out.append(Choice(logits, inputs, right, np.full(size, fold, np.int8), 1.0))
    return out


def test_planted_weights_are_recovered_and_the_others_stay_near_zero() -> None:
    found = fit(choices(3000, PLANTED))
    assert found.keys() == set(LEARNED)
    for name, value in found.items():
        assert value == pytest.approx(PLANTED.get(name, 0.0), abs=0.15), name


def test_the_fixed_inputs_are_not_fitted() -> None:
    found = fit(choices(500, {"liked": 5.0}))
    assert "liked" not in found and max(map(abs, found.values())) < 0.5


def test_a_strong_pull_stays_where_it_starts_and_a_weak_one_does_not() -> None:
    start = {"used": -3.0, "share": 0.7}
    data = choices(300, PLANTED)
    held = fit(data, start=start, decay=1e5)
    assert held == {name: pytest.approx(start.get(name, 0.0), abs=1e-3) for name in LEARNED}
    free = fit(data, start=start, decay=1e-4)
    assert free["used"] > 0.8 and abs(free["share"]) < 0.5


def test_without_anything_to_learn_from_it_stays_where_it_starts() -> None:
    start = {"used": 0.25}
    [one] = choices(1, {})
    all_right = Choice(one.logits, one.inputs, np.ones_like(one.right), one.fold, 1.0)
    none_right = Choice(one.logits, one.inputs, np.zeros_like(one.right), one.fold, 1.0)
    for data in ([], [all_right], [none_right]):
        assert fit(data, start=start) == {**dict.fromkeys(LEARNED, 0.0), **start}


def test_the_fold_left_out_is_not_learned_from() -> None:
    data = choices(800, {"used": 2.0}, fold=0) + choices(800, {"used": -2.0}, seed=1, fold=1)
    assert fit(data, leave_out=1)["used"] == pytest.approx(2.0, abs=0.3)
    assert fit(data, leave_out=0)["used"] == pytest.approx(-2.0, abs=0.3)
    assert abs(fit(data)["used"]) < 0.5


def test_candidates_of_the_fold_left_out_are_not_even_compared_with() -> None:
    """One unseen candidate in each list is strange; with it gone nothing of it is learned."""
    data = []
    for one in choices(1500, PLANTED):
        wrong = int(np.flatnonzero(~one.right)[0])
        inputs, fold = one.inputs.copy(), one.fold.copy()
        inputs[wrong, INPUTS.index("age")] = 5.0
        fold[wrong] = 1
        data.append(Choice(one.logits, inputs, one.right, fold, 1.0))
    assert fit(data)["age"] < -0.15 and abs(fit(data, leave_out=1)["age"]) < 0.1


def test_weights_of_choices_decide_and_their_scale_does_not() -> None:
    for_it, against = choices(300, {"used": 2.0}), choices(300, {"used": -2.0}, seed=1)

    def weighted(first: float, second: float) -> float:
        data = [Choice(c.logits, c.inputs, c.right, c.fold, first) for c in for_it]
        data += [Choice(c.logits, c.inputs, c.right, c.fold, second) for c in against]
        return fit(data)["used"]

    assert weighted(9.0, 1.0) > 0.5 > -0.5 > weighted(1.0, 9.0)
    assert weighted(90.0, 10.0) == pytest.approx(weighted(9.0, 1.0), abs=1e-3)


def test_the_order_of_choices_and_candidates_does_not_matter() -> None:
    data = choices(200, PLANTED)
    expected = fit(data)
    random.Random(0).shuffle(data)
    turned = [Choice(c.logits[::-1], c.inputs[::-1], c.right[::-1], c.fold[::-1], c.weight) for c in data]
    assert fit(turned) == {name: pytest.approx(value, abs=2e-3) for name, value in expected.items()}


def test_several_chosen_loras_are_right_together() -> None:
    """Where two of three are chosen, it is enough that one of them stands high."""
    logits = np.zeros(3, np.float32)
    inputs = np.zeros((3, len(INPUTS)), np.float32)
    inputs[:, INPUTS.index("used")] = [1.0, 0.0, 0.0]
    right = np.asarray([True, True, False])
    choice = Choice(logits, inputs, right, np.zeros(3, np.int8), 1.0)
    assert fit([choice] * 50)["used"] > 1


def test_lists_keep_what_was_chosen_what_the_past_speaks_for_and_the_best() -> None:
    count = TOP + 40
    logits = -np.arange(count, dtype=np.float32)
    inputs = np.zeros((count, len(INPUTS)), np.float32)
    inputs[TOP + 10, INPUTS.index("used")] = 0.1
    inputs[TOP + 20, INPUTS.index("votes")] = 0.1
    right = np.zeros(count, np.bool_)
    right[TOP + 30] = True
    assert shorten(logits, inputs, right).tolist() == [*range(TOP), TOP + 10, TOP + 30]
    assert shorten(logits[:5], inputs[:5], right[:5]).tolist() == [0, 1, 2, 3, 4]
