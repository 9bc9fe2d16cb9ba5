"""Training on lists whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from lorarec.rank import train
from lorarec.rank.blend import Blend, Calibration
from lorarec.rank.signals import SIGNALS
from lorarec.rank.train import Recipe, Sample

SMALL = Recipe(hidden=3, seeds=2, epochs=12, batch=32)


def samples(informative: str, count: int = 300, *, seed: int = 0, right_in: tuple[int, ...] = (0, 1)) -> list[Sample]:
    """Lists of 6 candidates of noise; the right one has the highest value of one signal."""
    draw = np.random.default_rng(seed)
    out = []
    for number in range(count):
        values = draw.normal(size=(6, len(SIGNALS))).astype(np.float32)
        right = np.zeros(6, np.bool_)
        right[values[:, SIGNALS.index(informative)].argmax()] = True
        fold = np.full(6, right_in[number % len(right_in)], np.int8)
        out.append(Sample(values, right, fold, 1.0))
    return out


def accuracy(net: object, features: list, lists: train.Lists) -> float:
    flat = lists.inputs.reshape(-1, len(features))
    logits = Blend(features, net, Calibration(1.0, 0.0)).logits(flat).reshape(lists.right.shape)  # type: ignore[arg-type]
    return float((logits.argmax(1) == lists.right.argmax(1)).mean())


def test_one_informative_signal_among_noise_is_found() -> None:
    lists = samples("semantic", 900)
    features = train.features_of(lists)
    net = train.train(train.lay_out(lists, features), features, SMALL)
    strongest = features[int(np.abs(net.linear).argmax())]
    assert strongest.signal == "semantic" and max(net.linear) > 0
    unseen = train.lay_out(samples("semantic", 200, seed=1), features)
    assert accuracy(net, features, unseen) > 0.8


def test_training_is_repeatable_and_joined_seeds_are_their_mean() -> None:
    lists = samples("chunk", 60)
    features = train.features_of(lists)
    data = train.lay_out(lists, features)
    nets = [train.train(data, features, Recipe(hidden=3, seeds=seeds, epochs=2)) for seeds in (1, 1, 2)]
    assert nets[0] == nets[1]
    blends = [Blend(features, net, Calibration(1.0, 0.0)) for net in (*nets, train.join([nets[0], nets[2]]))]
    first, _, second, mean = (blend.logits(data.inputs[0]) for blend in blends)
    np.testing.assert_allclose(mean, (first + second) / 2, atol=1e-3)


def test_the_fold_left_out_is_not_learned_from() -> None:
    lists = samples("semantic", 200, right_in=(0,)) + samples("chunk", 200, seed=1, right_in=(1,))
    features = train.features_of(lists)
    data = train.lay_out(lists, features)
    kept = {fold: train.train(data, features, SMALL, leave_out=fold) for fold in (0, 1)}
    best = {fold: features[int(np.argmax(net.linear))].signal for fold, net in kept.items()}
    assert best == {0: "chunk", 1: "semantic"}


def test_signals_that_must_not_be_learned_are_left_out() -> None:
    names = {feature.signal for feature in train.features_of(samples("semantic", 20))}
    assert names == set(SIGNALS) - train.UNLEARNED
    assert {"recency", "favorite", "base_model_fit", "likes"} <= train.UNLEARNED


def test_a_signal_never_known_is_no_feature() -> None:
    lists = samples("semantic", 20)
    for sample in lists:
        sample.values[:, SIGNALS.index("training_lift")] = np.nan
    assert "training_lift" not in {feature.signal for feature in train.features_of(lists)}


def test_lists_of_different_length_are_padded() -> None:
    lists = samples("semantic", 3)
    short = Sample(lists[0].values[:2], np.asarray([True, False]), np.zeros(2, np.int8), 1.0)
    data = train.lay_out([short, *lists], train.features_of(lists))
    assert data.there.sum(1).tolist() == [2, 6, 6, 6] and not data.inputs[0, 2:].any()


def loss(weights: dict, inputs: np.ndarray, right: np.ndarray, there: np.ndarray, weight: np.ndarray) -> float:
    logits = np.tanh(inputs @ weights["hidden"] + weights["bias"]) @ weights["out"] + inputs @ weights["linear"]
    powers = np.exp(logits)
    return float((-np.log((powers * right).sum(1) / (powers * there).sum(1)) * weight).mean())


def test_the_gradient_is_that_of_the_loss() -> None:
    draw = np.random.default_rng(0)
    inputs = draw.normal(size=(4, 5, 3))
    right = np.zeros((4, 5), np.bool_)
    right[:, 0] = right[2, 1] = True
    there = np.ones((4, 5), np.bool_)
    there[1, 4] = False
    weight = np.asarray([0.5, 1.0, 1.5, 1.0])
    weights = {
        "hidden": draw.normal(size=(3, 2)),
        "bias": draw.normal(size=2),
        "out": draw.normal(size=2),
        "linear": draw.normal(size=3),
    }
    found = train._gradient(weights, inputs, right, there, weight)  # type: ignore[arg-type]
    for name, values in weights.items():
        for at in np.ndindex(values.shape):
            kept, step = values[at], 1e-6
            values[at] = kept + step
            above = loss(weights, inputs, right, there, weight)
            values[at] = kept - step
            below = loss(weights, inputs, right, there, weight)
            values[at] = kept
            assert found[name][at] == pytest.approx((above - below) / (2 * step), abs=1e-6)


def test_calibration_recovers_a_known_logistic_curve() -> None:
    draw = np.random.default_rng(0)
    logits = draw.normal(3, 2, 40_000).astype(np.float32)
    right = draw.random(40_000) < 1 / (1 + np.exp(-(0.8 * logits - 4.0)))
    found = train.calibrate(logits, right, np.ones(40_000, np.float32))
    assert found.slope == pytest.approx(0.8, abs=0.03) and found.offset == pytest.approx(-4.0, abs=0.12)


def test_calibration_heeds_weights_and_survives_one_class() -> None:
    logits = np.asarray([0.0, 0.0, 1.0, 1.0] * 500, np.float32)
    right = np.asarray([True, False, True, False] * 500)
    weight = np.asarray([1.0, 3.0, 3.0, 1.0] * 500, np.float32)
    found = train.calibrate(logits, right, weight)
    chance = 1 / (1 + np.exp(-(found.slope * np.asarray([0.0, 1.0]) + found.offset)))
    assert chance == pytest.approx([0.25, 0.75], abs=0.01)
    never = train.calibrate(logits, np.zeros_like(right), weight)
    assert np.isfinite([never.slope, never.offset]).all() and never.slope + never.offset < -3
