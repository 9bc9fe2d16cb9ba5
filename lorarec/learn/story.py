"""What a user did with one LoRA, as facts that a sentence can be written from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .past import Past


class Story(Struct, frozen=True):
    """The user and one LoRA; counts are generations."""

    times: int = 0
    alike: int = 0  # of these, with prompts like the one in hand
    usual: float | None = None  # median strength, of those alike where there are any
    images: int = 0  # known of the generations told about (those alike where there are any)
    kept: int = 0  # of these
    beside: tuple[tuple[int, int], ...] = ()  # (active library row, generations with both), most first
    opinion: int = 0  # 1 liked, -1 disliked
    counted: int = 0  # uses that another tool counted


def story(
    past: Past,
    row: int,
    alike: NDArray[np.bool_],
    beside: Mapping[int, int] | None = None,
    opinion: int = 0,
    told: int | None = None,
) -> Story:
    """Tell what happened with a LoRA.

    Args:
        past: the history beside the library.
        row: the LoRA.
        alike: occasions whose prompt is like the one in hand, shape (g,).
        beside: generations with it by library row of each LoRA in use, see `Evidence.beside`.
        opinion: 1 liked, -1 disliked, 0 neither.
        told: only the first so many occasions are known; None: all.
    """
    uses = past.uses_of(row)
    if told is not None:
        uses = uses[past.owner[uses] < told]
    owner = past.owner[uses]
    near = alike[owner]
    about = uses[near] if near.any() else uses
    strengths = past.strengths[about]
    strengths = strengths[np.isfinite(strengths)]
    occasions = past.owner[about]
    images = int(past.images[occasions].sum())
    return Story(
        times=int(past.times[owner].sum()),
        alike=int(past.times[owner[near]].sum()),
        usual=float(np.median(strengths)) if len(strengths) else None,
        images=images,
        kept=images - int(past.deleted[occasions].sum()),
        beside=tuple(sorted((beside or {}).items(), key=lambda pair: -pair[1])),
        opinion=opinion,
        counted=int(past.counted[row]),
    )
