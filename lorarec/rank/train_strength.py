"""Fit the strength curve to strengths that people used, by least absolute deviations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .strength import MOST_LOAD, Curve, Shown, pulls

_BASES = np.arange(0.6, 1.05, 0.02)
_ROUNDS = 60


class Used(Struct, frozen=True):
    """One LoRA in one community image."""

    strength: float
    shown: Shown  # of its showcase
    stated: float | None  # by its author
    load: float  # log load of the rest of the stack
    weight: float = 1.0


def fit(used: Sequence[Used], provenance: dict[str, str]) -> Curve:
    """Least absolute deviations by iteratively reweighted least squares (Schlossmacher 1973), base strength on a grid.

    Args:
        used: strengths to explain; wild ones are clipped to 0..2.
        provenance: kept in the result.
    """
    target = np.clip([use.strength for use in used], 0.0, 2.0)
    load = np.asarray([min(use.load, MOST_LOAD) for use in used])
    weight = np.asarray([use.weight for use in used])
    best: tuple[float, float, NDArray[np.float64]] | None = None
    for base in _BASES:
        pull = np.asarray([pulls(use.shown, use.stated, float(base)) for use in used])
        theta, error = _lad(np.column_stack([pull, load]), target - base, weight)
        if best is None or error < best[0]:
            best = error, float(base), theta
    assert best is not None
    shown, stated, stack = (round(float(value), 4) for value in best[2])
    return Curve(round(best[1], 3), shown, stated, min(stack, 0.0), provenance)


def _lad(
    design: NDArray[np.float64], target: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Coefficients with the least weighted mean absolute residual, and that mean; a little ridge keeps them finite."""
    theta = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        pull = weight / np.maximum(np.abs(target - design @ theta), 0.02)
        bend = (design * pull[:, None]).T @ design + np.eye(design.shape[1])
        theta = np.linalg.solve(bend, (design * pull[:, None]).T @ target)
    return theta, float((weight * np.abs(target - design @ theta)).sum() / weight.sum())
