"""The learned blend on networks small enough to compute by hand."""

from __future__ import annotations

from math import exp, log, tanh

import numpy as np
import pytest

from lorarec.rank.blend import CLIP, Blend, Calibration, Feature, FoldScorer, Model, Net, shipped, standardise
from lorarec.types import SignalTable

FEATURES = [Feature("semantic", False, 0.5, 0.25), Feature("bm25_names", True, 0.0, 1.0)]
NET = Net(hidden=[[1.0, 2.0]], bias=[0.1], out=[0.5], linear=[0.3, -0.2])


def table(*rows: tuple[float, float]) -> SignalTable:
    return SignalTable(np.arange(len(rows)), ("bm25_names", "semantic"), np.asarray(rows, np.float32))


def test_logits_by_hand() -> None:
    blend = Blend(FEATURES, NET, Calibration(2.0, -1.0))
    semantic, names = (0.75 - 0.5) / 0.25, log(1 + 3.0)
    expected = 0.5 * tanh(semantic + 2 * names + 0.1) + 0.3 * semantic - 0.2 * names
    [logit] = blend.score(table((3.0, 0.75)), ["a"])
    assert logit == pytest.approx(expected, rel=1e-5)
    assert blend.probability(np.asarray([logit]))[0] == pytest.approx(1 / (1 + exp(1 - 2 * expected)), rel=1e-5)


def test_unknown_signals_count_as_average_and_wild_ones_are_clipped() -> None:
    blend = Blend(FEATURES, NET, Calibration(1.0, 0.0))
    average, unknown, wild = blend.inputs(table((0.0, 0.5), (np.nan, np.nan), (1e9, -1e9)))
    assert average.tolist() == unknown.tolist() == [0.0, 0.0]
    assert wild.tolist() == [-CLIP, CLIP]


def test_negative_values_of_a_logged_signal_are_zero() -> None:
    row = standardise(np.asarray([[-5.0]]), np.asarray([True]), np.asarray([0.0]), np.asarray([1.0]))
    assert row.tolist() == [[0.0]]


def test_probabilities_stay_inside_their_bounds() -> None:
    blend = Blend(FEATURES, NET, Calibration(1.0, 0.0))
    low, high = blend.probability(np.asarray([-1e9, 1e9], np.float32))
    assert 0 <= low < 1e-9 and 1 - 1e-6 < high <= 1


def test_each_lora_is_scored_by_the_network_that_did_not_learn_from_it() -> None:
    nets = [Net(hidden=[[0.0, 0.0]], bias=[0.0], out=[0.0], linear=[float(n), 0.0]) for n in (1, 2, 3)]
    model = Model(FEATURES, NET, Calibration(1.0, 0.0), nets, {})
    scorer = FoldScorer(model, {"a": 0, "b": 1, "c": 2})
    scores = scorer.score(table(*[(0.0, 0.75)] * 4), ["c", "a", "b", "stranger"])
    assert scores.tolist() == [3.0, 1.0, 2.0, 1.0]


def test_the_shipped_model_is_small_anonymous_and_says_where_it_comes_from() -> None:
    model = shipped()
    width = len(model.features)
    for net in (model.net, *model.folds):
        assert all(len(row) == width for row in net.hidden)
        assert len(net.hidden) == len(net.bias) == len(net.out) and len(net.linear) == width
    assert model.calibration.slope > 0 and len(model.folds) > 1
    assert {"command", "date", "lorarec"} <= model.provenance.keys()
