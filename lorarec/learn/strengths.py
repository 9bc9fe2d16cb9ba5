"""The strengths at which a user applied one LoRA, weighted by how much each says about the prompt in hand."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .past import Past

Floats = NDArray[np.float32]

WIDTH = 0.05  # of the kernel over nearness
STRANGE = 0.35  # nearness at which a use counts once
MOST = 100.0  # times that a use at the very same prompt may count
LEAST = 0.3  # a use at a prompt that has nothing to do with it
SAME_BASE = 2.0  # a use with the same base model counts that much more


class Used(Struct, frozen=True):
    """Uses of one LoRA whose strength is known, oldest first; all of shape (u,)."""

    strengths: Floats
    loads: Floats  # summed absolute strength of the other LoRAs
    weights: Floats


def strengths(past: Past, row: int, nearness: Floats | None, base_model: str = "", upto: int | None = None) -> Used:
    """Look the strengths of a LoRA up.

    Args:
        past: the history beside the library.
        row: the LoRA.
        nearness: of every occasion's prompt to the query, shape (g,); None: there is no query.
        base_model: canonical, "" = unknown.
        upto: only the first so many occasions are known.
    """
    uses = past.uses_of(row)
    uses = uses[np.isfinite(past.strengths[uses])]
    if upto is not None:
        uses = uses[past.owner[uses] < upto]
    owner = past.owner[uses]
    weights = past.weight[owner].copy()
    if nearness is not None:
        weights *= np.minimum(np.exp((nearness[owner] - STRANGE) / WIDTH), MOST) + LEAST
    if base_model in past.bases:
        weights *= 1 + SAME_BASE * (past.base[owner] == past.bases.index(base_model))
    return Used(past.strengths[uses], past.loads[uses], weights.astype(np.float32))
