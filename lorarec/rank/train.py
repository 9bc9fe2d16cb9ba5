"""Fit the blend: listwise training of a small network in plain numpy, and its calibration.

A list is one prompt with candidates of a library: the LoRAs its user chose are right, the others are not (positive-only
labels: an unused LoRA is not thereby wrong, which listwise softmax tolerates better than pointwise losses).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .blend import Calibration, Feature, Net, standardise
from .signals import FAMILIES, PERSONAL, SIGNALS

Floats = NDArray[np.float32]

# Signals the blend must not learn: the host decides them, or the training data cannot teach them. A 2023 snapshot
# teaches "new = never right"; likes are not on every page. What a user's history says is added by `personal`.
UNLEARNED = frozenset(
    {*FAMILIES["host"], "likes", "role_slider", *(name for family in PERSONAL for name in FAMILIES[family])}
)
LOGGED = (
    "bm25_",
    "trigger_mass",
    "name_mass",
    "tag_overlap",
    "training_lift",
    "name_rarest",
    "trigger_rarest",
    "tag_rarest",
)
DENSE = frozenset(
    {*FAMILIES["meaning"], *FAMILIES["style"], *FAMILIES["technical"], "example_meaning", "example_meaning_centred"}
)
DENSE_ALL = DENSE | {"example_mean", "example_mean_centred", "example_spread"}


class Sample(Struct, frozen=True):
    """One list: k candidates of a prompt."""

    values: Floats  # signals, shape (k, len(SIGNALS)), NaN = unknown
    right: NDArray[np.bool_]  # shape (k,)
    fold: NDArray[np.int8]  # fold of each candidate, shape (k,)
    weight: float
    community: bool = False  # a prompt of the community, not of a showcase


class Recipe(Struct, frozen=True):
    """Dials of the training; defaults are what ships."""

    hidden: int = 12
    seeds: int = 3
    epochs: int = 20
    rate: float = 4e-3
    decay: float = 1e-2
    batch: int = 128
    without_popularity: float = 0.6  # share of lists trained without it, so that it stays a prior
    without_vectors: float = 0.1  # share of lists trained as if no encoder were installed


def features_of(samples: Sequence[Sample]) -> list[Feature]:
    """Which signals enter, and their mean and scale over the samples."""
    stacked = np.concatenate([sample.values for sample in samples[:: max(1, len(samples) // 4000)]])
    out = []
    for at, signal in enumerate(SIGNALS):
        if signal in UNLEARNED:
            continue
        log = signal.startswith(LOGGED)
        column = stacked[:, at]
        column = column[np.isfinite(column)]
        if log:
            column = np.log1p(np.maximum(column, 0))
        if not len(column):
            continue
        # Scales never below a floor: a signal that hardly varied in training must not explode on other libraries.
        out.append(Feature(signal, log, round(float(column.mean()), 6), round(max(float(column.std()), 1e-2), 6)))
    return out


class Lists(Struct, frozen=True):
    """Samples padded to one length and standardised."""

    inputs: Floats  # shape (n, k, f)
    right: NDArray[np.bool_]  # shape (n, k)
    there: NDArray[np.bool_]  # shape (n, k); False = padding
    fold: NDArray[np.int8]  # shape (n, k)
    weight: Floats  # shape (n,)
    community: NDArray[np.bool_]  # shape (n,)


def lay_out(samples: Sequence[Sample], features: Sequence[Feature]) -> Lists:
    """Stack samples for batched training."""
    at = [SIGNALS.index(feature.signal) for feature in features]
    log = np.asarray([feature.log for feature in features])
    mean = np.asarray([feature.mean for feature in features], np.float32)
    scale = np.asarray([feature.scale for feature in features], np.float32)
    longest = max(len(sample.right) for sample in samples)
    shape = (len(samples), longest)
    inputs = np.zeros((*shape, len(features)), np.float32)
    right, there, fold = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_), np.zeros(shape, np.int8)
    for number, sample in enumerate(samples):
        length = len(sample.right)
        inputs[number, :length] = standardise(sample.values[:, at], log, mean, scale)
        right[number, :length], there[number, :length], fold[number, :length] = sample.right, True, sample.fold
    weight = np.asarray([sample.weight for sample in samples], np.float32)
    return Lists(inputs, right, there, fold, weight, np.asarray([sample.community for sample in samples], np.bool_))


def train(
    lists: Lists,
    features: Sequence[Feature],
    recipe: Recipe,
    leave_out: int | None = None,
    tick: Callable[[], object] = lambda: None,
) -> Net:
    """Fit one network, the mean of several seeds joined into one.

    Args:
        lists: the data.
        features: their columns.
        recipe: the dials.
        leave_out: candidates of this fold are unseen; lists without a right candidate left are dropped.
        tick: called after every epoch.
    """
    there = lists.there if leave_out is None else lists.there & (lists.fold != leave_out)
    right = lists.right & there
    use = np.flatnonzero(right.any(axis=1) & ((there & ~right).any(axis=1)))
    nets = [_fit(lists, there, right, use, features, recipe, seed, tick) for seed in range(recipe.seeds)]
    return join(nets)


def join(nets: Sequence[Net]) -> Net:
    """The mean of networks as one network with all their hidden units."""
    share = 1.0 / len(nets)
    return Net(
        hidden=[row for net in nets for row in net.hidden],
        bias=[value for net in nets for value in net.bias],
        out=[round(value * share, 5) for net in nets for value in net.out],
        linear=[round(sum(values) * share, 5) for values in zip(*(net.linear for net in nets), strict=True)],
    )


def _fit(
    lists: Lists,
    there: NDArray[np.bool_],
    right: NDArray[np.bool_],
    use: NDArray[np.int64],
    features: Sequence[Feature],
    recipe: Recipe,
    seed: int,
    tick: Callable[[], object],
) -> Net:
    """One seed: AdamW (Loshchilov and Hutter 2019) with a one-cycle rate (Smith 2018)."""
    draw = np.random.default_rng(seed)
    width, signals = recipe.hidden, [feature.signal for feature in features]
    popularity = np.asarray([name == "popularity" for name in signals])
    dense = np.asarray([name in DENSE_ALL for name in signals])
    weights = {
        "hidden": draw.normal(0, 1 / np.sqrt(len(features)), (len(features), width)).astype(np.float32),
        "bias": np.zeros(width, np.float32),
        "out": draw.normal(0, 1 / np.sqrt(width), width).astype(np.float32),
        "linear": np.zeros(len(features), np.float32),
    }
    first = {name: np.zeros_like(value) for name, value in weights.items()}
    second = {name: np.zeros_like(value) for name, value in weights.items()}
    mean_weight = float(lists.weight[use].mean())
    total = recipe.epochs * ((len(use) + recipe.batch - 1) // recipe.batch)
    step = 0
    for _ in range(recipe.epochs):
        order = draw.permutation(use)
        for start in range(0, len(order), recipe.batch):
            rows = order[start : start + recipe.batch]
            inputs = lists.inputs[rows]
            blind = draw.random(len(rows)) < recipe.without_popularity
            mute = draw.random(len(rows)) < recipe.without_vectors
            inputs *= ~((blind[:, None, None] & popularity) | (mute[:, None, None] & dense))
            gradient = _gradient(weights, inputs, right[rows], there[rows], lists.weight[rows] / mean_weight)
            step += 1
            rate = recipe.rate * _one_cycle(step / total)
            for name, value in weights.items():
                first[name] += 0.1 * (gradient[name] - first[name])
                second[name] += 0.001 * (gradient[name] ** 2 - second[name])
                move = first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
                value -= rate * (move + recipe.decay * value)
        tick()
    return Net(
        hidden=[[round(float(x), 4) for x in row] for row in weights["hidden"].T],
        bias=[round(float(x), 4) for x in weights["bias"]],
        out=[round(float(x), 4) for x in weights["out"]],
        linear=[round(float(x), 4) for x in weights["linear"]],
    )


def _gradient(
    weights: dict[str, Floats], inputs: Floats, right: NDArray[np.bool_], there: NDArray[np.bool_], weight: Floats
) -> dict[str, Floats]:
    """Gradient of the weighted mean of -log sum of the right candidates' softmax; inputs of shape (b, k, f)."""
    active = np.tanh(inputs @ weights["hidden"] + weights["bias"])
    logits = active @ weights["out"] + inputs @ weights["linear"]
    all_share = _softmax(np.where(there, logits, -np.inf))
    right_share = _softmax(np.where(right, logits, -np.inf))
    slope = (all_share - right_share) * (weight / len(weight))[:, None]
    flat_slope, flat_inputs = slope.reshape(-1), inputs.reshape(-1, inputs.shape[2])
    flat_active = active.reshape(-1, active.shape[2])
    inner = flat_slope[:, None] * weights["out"] * (1 - flat_active**2)
    return {
        "hidden": flat_inputs.T @ inner,
        "bias": inner.sum(0),
        "out": flat_active.T @ flat_slope,
        "linear": flat_inputs.T @ flat_slope,
    }


def _softmax(values: Floats) -> Floats:
    """Softmax over the last axis; -inf gets 0."""
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def _one_cycle(done: float) -> float:
    """Rate of the one-cycle schedule, 0..1: up for three tenths, then down along a cosine."""
    if done < 0.3:
        return float(0.04 + 0.96 * (0.5 - 0.5 * np.cos(np.pi * done / 0.3)))
    return float(0.5 + 0.5 * np.cos(np.pi * (done - 0.3) / 0.7))


def calibrate(logits: Floats, right: NDArray[np.bool_], weight: Floats) -> Calibration:
    """Fit probability = sigmoid(slope * logit + offset) by Newton steps (Platt 1999).

    Args:
        logits: of top candidates, of prompts whose right LoRA is installed and of prompts from which it was taken out.
        right: whether each is a LoRA its prompt's user chose.
        weight: of each.
    """
    centre, spread = float(logits.mean()), max(float(logits.std()), 1e-6)
    x = np.stack([(logits.astype(np.float64) - centre) / spread, np.ones(len(logits))], axis=1)
    share = weight / weight.mean()
    theta = np.zeros(2)
    for _ in range(200):
        p = 1 / (1 + np.exp(-np.clip(x @ theta, -30, 30)))
        slope = x.T @ (share * (p - right)) + theta
        bend = (x * (share * np.maximum(p * (1 - p), 1e-3))[:, None]).T @ x + np.eye(2)
        step = np.linalg.solve(bend, slope)
        theta = theta - np.clip(step, -1, 1)
        if float(np.abs(step).max()) < 1e-9:
            break
    theta = np.asarray([theta[0] / spread, theta[1] - theta[0] * centre / spread])
    return Calibration(round(float(theta[0]), 5), round(float(theta[1]), 5))
