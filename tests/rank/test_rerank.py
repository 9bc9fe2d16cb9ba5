"""The gate: a user's own weights rank only where they proved better on the user's own later history."""

from __future__ import annotations

import numpy as np
import pytest

from lorarec.rank.personal import FIXED, INPUTS, LEARNED
from lorarec.rank.rerank import EARLIER, LEAST, judge, reciprocal_rank, scores
from lorarec.rank.train_personal import Choice

SHARED = dict.fromkeys(LEARNED, 0.0)


def moments(count: int, weights: dict[str, float], *, seed: int = 0, size: int = 20) -> list[Choice]:
    """A user who always chooses what stands highest by weights of their own."""
    dice = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        logits = dice.normal(size=size).astype(np.float32)
        inputs = np.zeros((size, len(INPUTS)), np.float32)
        for name in LEARNED:
            inputs[:, INPUTS.index(name)] = dice.normal(size=size)
        wanted = inputs @ np.asarray([weights.get(name, 0.0) for name in INPUTS], np.float32)
        right = np.zeros(size, np.bool_)
        right[int(np.argmax(wanted)) if weights else dice.integers(size)] = True
        out.append(Choice(logits, inputs, right, np.zeros(size, np.int8), 1.0))
    return out


def test_ranks_are_those_of_the_best_chosen_one_amid_its_equals() -> None:
    values = np.asarray([0.5, 0.9, 0.1, 0.5], np.float32)

    def rank(*right: int) -> float:
        return reciprocal_rank(values, np.isin(np.arange(4), right))

    assert [rank(1), rank(0), rank(3), rank(2), rank(2, 3)] == [1, 1 / 2.5, 1 / 2.5, 1 / 4, 1 / 2.5]
    assert rank(0, 3) == 1 / 2, "among the chosen it is all one which comes first"
    assert rank() == 0
    flat = reciprocal_rank(np.zeros(9, np.float32), np.arange(9) == 4)
    assert flat == 1 / 5, "to tell nothing apart is not to be right"


def test_scores_add_what_the_history_says() -> None:
    inputs = np.zeros((2, len(INPUTS)), np.float32)
    inputs[0, INPUTS.index("used")], inputs[1, INPUTS.index("liked")] = 2.0, 1.0
    choice = Choice(np.asarray([1.0, 1.0], np.float32), inputs, np.ones(2, np.bool_), np.zeros(2, np.int8), 1.0)
    assert scores(choice, {"used": 0.5}).tolist() == pytest.approx([2.0, 1 + FIXED["liked"]])


def test_few_moments_are_not_judged() -> None:
    data = moments(LEAST - 1, {"used": 5.0})
    found = judge(data, SHARED, [float(at) for at in range(len(data))])
    assert not found.used and found.weights == {} and found.own is None and found.since is None
    assert f"{LEAST - 1} of {LEAST}" in found.why


def test_weights_that_rank_the_later_part_better_are_used() -> None:
    data = moments(200, {"used": 1.0, "together": -1.0})
    found = judge(data, SHARED, [1000.0 + at for at in range(200)])
    assert found.used and found.weights["used"] > 0.5 and found.weights["together"] < -0.5
    assert (found.earlier, found.later, found.since) == (200 * EARLIER, 200 * (1 - EARLIER), 1150.0)
    assert found.own is not None and found.shared is not None and found.own > found.shared + 0.3
    assert found.low is not None and found.high is not None and 0 < found.low < found.own - found.shared < found.high
    assert found.cold == found.shared, "the shared weights of this test add nothing"


def test_a_user_who_chooses_at_random_stays_with_the_shared_weights() -> None:
    used = 0
    for seed in range(8):
        found = judge(moments(120, {}, seed=seed), SHARED, [0.0] * 120)
        used += found.used
        assert found.used or (found.weights == {} and "beyond chance" in found.why)
    assert used <= 1, "one interval in forty lies above zero by chance"


def test_a_taste_that_turned_before_the_later_part_does_not_pass() -> None:
    data = moments(90, {"used": 2.0}) + moments(30, {"used": -2.0}, seed=1)
    found = judge(data, SHARED, [0.0] * 120)
    assert not found.used and found.own is not None and found.shared is not None and found.own < found.shared


def test_shared_weights_that_are_right_already_need_no_others() -> None:
    data = moments(160, {"used": 1.0})
    right = {**SHARED, "used": 50.0}
    found = judge(data, right, [0.0] * 160)
    assert found.shared is not None and found.cold is not None
    assert found.shared == pytest.approx(1.0, abs=0.05) and found.shared > found.cold and not found.used


def test_the_verdict_is_the_same_again() -> None:
    data, since = moments(120, {"used": 0.3}), [0.0] * 120
    assert judge(data, SHARED, since) == judge(data, SHARED, since)
