"""From ranked candidates to the few that are shown: maximal marginal relevance and a seeded exploration share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..arrays import dot

Floats = NDArray[np.float32]
POOL = 60  # the best candidates that diversity chooses among


def mmr(scores: Floats, vectors: Floats | None, count: int, diversity: float, least: float = 0.0) -> list[int]:
    """Maximal marginal relevance (Carbonell and Goldstein 1998).

    Args:
        scores: relevance of each candidate, 0..1, best first, shape (c,).
        vectors: L2-normalised, shape (c, d); None: no similarities are known and the order stays.
        count: how many to choose.
        diversity: weight of being different, 0..1.
        least: relevance below which being different is no merit.

    Returns:
        Positions in the order chosen; beyond the pool, and below ``least``, the order of relevance.
    """
    size = min(POOL, int(np.count_nonzero(scores >= least)))
    if diversity <= 0 or vectors is None or count <= 1 or size <= 1:
        return list(range(min(count, len(scores))))
    scale = max(float(scores[0]), 1e-6)
    relevance = scores[:size] / scale
    chosen = [0]
    nearest = _likeness(vectors[:size], 0)
    left = np.ones(size, bool)
    left[0] = False
    while len(chosen) < min(count, size):
        gain = np.where(left, (1 - diversity) * relevance - diversity * nearest, -np.inf)
        best = int(gain.argmax())
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, _likeness(vectors[:size], best))
    chosen.extend(range(size, min(count, len(scores))))
    return chosen


def _likeness(vectors: Floats, at: int) -> Floats:
    """Cosines with one of some unit vectors, 0..1, shape (c,)."""
    return np.minimum(np.maximum(dot(vectors, vectors[at]), 0), 1)  # as np.clip, in half the time


def explore(order: list[int], candidates: list[int], share: float, seed: int) -> list[int]:
    """Give a share of the last places to candidates that would not have been shown.

    Args:
        order: chosen positions, best first.
        candidates: positions worth trying (new or unused, relevant enough), none of them in ``order``.
        share: of the places, 0..1; at least one place when positive.
        seed: makes the choice repeatable.
    """
    places = min(int(np.ceil(share * len(order))) if share > 0 else 0, len(candidates), max(0, len(order) - 1))
    if not places:
        return order
    picked = np.random.default_rng(seed).choice(len(candidates), places, replace=False)
    return order[: len(order) - places] + [candidates[at] for at in sorted(picked)]
