"""Fit the weights of `personal`: listwise, with the shared blend's logits as they are.

A conditional logit model (McFadden 1974) over the candidates of one prompt; the chosen LoRAs are right together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .personal import INPUTS, LEARNED

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
DECAY = 1e-4
_STEPS = 50
TOP = 80  # of the candidates that the past does not speak for, only these best take part

_LEARNED = [INPUTS.index(name) for name in LEARNED]


class Choice(Struct, frozen=True):
    """One prompt of a user: k candidates."""

    logits: Floats  # of the shared blend, shape (k,)
    inputs: Floats  # shape (k, len(INPUTS))
    right: NDArray[np.bool_]  # the LoRAs chosen, shape (k,)
    fold: NDArray[np.int8]  # fold of each candidate, shape (k,)
    weight: float


def shorten(logits: Floats, inputs: Floats, right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The candidates worth keeping: chosen, spoken for by the past, or among the blend's best."""
    keep = right | (inputs[:, INPUTS.index("used")] > 0)
    keep[np.argsort(-logits, kind="stable")[:TOP]] = True
    return np.flatnonzero(keep)


def fit(
    choices: Sequence[Choice],
    leave_out: int | None = None,
    *,
    start: Mapping[str, float] | None = None,
    decay: float = DECAY,
) -> dict[str, float]:
    """Weights by input, by damped Gauss-Newton steps.

    Args:
        choices: the data.
        leave_out: candidates of this fold are unseen; prompts without a chosen one left are dropped.
        start: weights that the ridge pulls to; None: to zero.
        decay: ridge penalty, so that inputs which say nothing stay where they start.
    """
    pulled = np.asarray([(start or {}).get(name, 0.0) for name in LEARNED])
    kept = [_without(choice, leave_out) for choice in choices]
    kept = [choice for choice in kept if choice.right.any() and not choice.right.all()]
    if not kept:
        return dict(zip(LEARNED, pulled.tolist(), strict=True))
    lists = _Lists(kept, pulled)
    theta = pulled.copy()
    loss, slope, bend = lists.at(theta, decay)
    for _ in range(_STEPS):
        step = np.linalg.solve(bend, slope)
        size = 1.0
        while size > 1e-3:
            ahead = lists.at(theta - size * step, decay)
            if ahead[0] <= loss:
                break
            size /= 2
        else:
            break
        theta = theta - size * step
        done = loss - ahead[0] < 1e-9
        loss, slope, bend = ahead
        if done:
            break
    return {name: round(float(value), 4) for name, value in zip(LEARNED, theta, strict=True)}


class _Lists:
    """Choices one after the other, without padding."""

    def __init__(self, choices: Sequence[Choice], pulled: Doubles) -> None:
        self._pulled = pulled
        lengths = [len(choice.right) for choice in choices]
        self._starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self._of = np.repeat(np.arange(len(choices)), lengths)
        self._values = np.concatenate([choice.inputs[:, _LEARNED] for choice in choices]).astype(np.float64)
        self._logits = np.concatenate([choice.logits for choice in choices]).astype(np.float64)
        self._right = np.concatenate([choice.right for choice in choices])
        weight = np.asarray([choice.weight for choice in choices], np.float64)
        self._weight = weight / weight.sum()

    def at(self, theta: Doubles, decay: float) -> tuple[float, Doubles, Doubles]:
        """Mean of -log P(chosen) with its penalty, its slope, and the curvature of its convex part."""
        scores = self._logits + self._values @ theta
        every, log_every = self._softmax(scores)
        chosen, log_chosen = self._softmax(np.where(self._right, scores, -np.inf))
        weight = self._weight[self._of]
        away = theta - self._pulled
        loss = float(self._weight @ (log_every - log_chosen)) + decay / 2 * float(away @ away)
        slope = self._values.T @ (weight * (every - chosen)) + decay * away
        mean = np.add.reduceat(self._values * every[:, None], self._starts, axis=0)
        spread = self._values.T @ (self._values * (weight * every)[:, None])
        bend = spread - mean.T @ (mean * self._weight[:, None]) + (decay + 1e-6) * np.eye(len(theta))
        return loss, slope, bend

    def _softmax(self, scores: Doubles) -> tuple[Doubles, Doubles]:
        """Softmax within each list, and the log of its denominator."""
        top = np.maximum.reduceat(scores, self._starts)
        powers = np.exp(scores - top[self._of])
        total = np.add.reduceat(powers, self._starts)
        return powers / total[self._of], np.log(total) + top


def _without(choice: Choice, fold: int | None) -> Choice:
    if fold is None:
        return choice
    keep = choice.fold != fold
    return Choice(choice.logits[keep], choice.inputs[keep], choice.right[keep], choice.fold[keep], choice.weight)
