"""A user's own weights for the personal signals, and the gate that lets them in.

The weights of `personal` are the start; the user's own generations and choices pull them as far as they can prove
(a ridge towards the shared weights, that is, a Gaussian prior). They are fitted to the earlier part of the user's own
history and judged on the later part, which they have not seen. Only if they rank that better than the shared weights,
beyond chance, are they used; else they weigh nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .personal import vector
from .train_personal import Choice, fit

Floats = NDArray[np.float32]

EARLIER = 0.75  # of the history is fitted, the rest judges
LEAST = 80  # moments below which nothing is tried
PRIOR = 0.05  # strength of the pull to the shared weights
_RESAMPLES = 2000


class Verdict(Struct, frozen=True, kw_only=True):
    """What came of fitting and judging."""

    earlier: int = 0  # moments fitted
    later: int = 0  # moments judged
    since: float | None = None  # of the first judged, seconds since the epoch
    cold: float | None = None  # mean reciprocal rank there without any history
    shared: float | None = None  # with the shared weights
    own: float | None = None  # with the user's own
    low: float | None = None  # 95% interval of own minus shared, paired bootstrap over moments
    high: float | None = None
    used: bool = False
    why: str = ""  # a sentence
    weights: dict[str, float] = {}  # the user's own, fitted to all moments; empty unless used


def judge(choices: Sequence[Choice], shared: Mapping[str, float], since: Sequence[float]) -> Verdict:
    """Fit, judge, decide.

    Args:
        choices: the user's moments in order of time, every candidate's inputs as of then.
        shared: the shipped weights.
        since: when each was, seconds since the epoch.
    """
    if len(choices) < LEAST:
        return Verdict(why=f"too little to go by: {len(choices)} of {LEAST} moments with an installed LoRA")
    split = int(len(choices) * EARLIER)
    earlier, later = choices[:split], choices[split:]
    mine = fit(earlier, start=shared, decay=PRIOR)
    cold = [reciprocal_rank(one.logits, one.right) for one in later]
    plain = [reciprocal_rank(scores(one, shared), one.right) for one in later]
    own = [reciprocal_rank(scores(one, mine), one.right) for one in later]
    low, high = _interval(np.subtract(own, plain))
    better = low > 0
    return Verdict(
        earlier=len(earlier),
        later=len(later),
        since=since[split],
        cold=float(np.mean(cold)),
        shared=float(np.mean(plain)),
        own=float(np.mean(own)),
        low=low,
        high=high,
        used=better,
        why="your own weights rank your later images better than the shared ones"
        if better
        else "your own weights do not rank your later images better beyond chance; the shared ones stay",
        weights=fit(choices, start=shared, decay=PRIOR) if better else {},
    )


def scores(choice: Choice, weights: Mapping[str, float]) -> Floats:
    """Logits of a moment's candidates with some weights, shape (k,)."""
    total: Floats = choice.logits + choice.inputs @ vector(weights)
    return total


def reciprocal_rank(values: Floats, right: NDArray[np.bool_]) -> float:
    """1 / rank of the best-ranked right candidate, amid the wrong ones that are its equals; 0 if none is there."""
    if not right.any():
        return 0.0
    best = values[right].max()
    return 1.0 / (1 + int((values > best).sum()) + int((values[~right] == best).sum()) / 2)


def _interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """95% percentile bootstrap interval of the mean (Efron and Tibshirani 1993)."""
    dice = np.random.default_rng(0)
    drawn = dice.integers(len(differences), size=(_RESAMPLES, len(differences)))
    low, high = np.percentile(differences[drawn].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)
