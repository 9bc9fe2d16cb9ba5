"""What is known about every LoRA of a library before any prompt: the priors of the signal table.

No fact identifies a LoRA: popularity is a clipped rank within the library, roles are a closed choice, and what a
sidecar does not say is NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..types import Lora, Role

Floats = NDArray[np.float32]

ROLES = (Role.CHARACTER, Role.STYLE, Role.CONCEPT, Role.CLOTHING, Role.POSE, Role.DETAIL, Role.SLIDER)
POPULARITY_CLIP = (0.1, 0.95)  # so that the most downloaded LoRA of a library is one of many
_RATING_MEAN, _RATING_WEIGHT = 4.7, 10.0  # prior of a rating, in votes


class Facts(Struct, frozen=True):
    """Columns over the library, each of shape (n,); NaN = not known."""

    columns: dict[str, Floats]
    downloads_order: NDArray[np.int64]  # library rows, most downloaded first, unknown ones left out

    @classmethod
    def of(cls, loras: Sequence[Lora]) -> Facts:
        """Gather the facts of a library."""
        downloads = _column(lora.stats.downloads for lora in loras)
        columns = {
            "popularity": np.clip(_rank(downloads), *POPULARITY_CLIP),
            "quality": _column(_quality(lora) for lora in loras),
            "likes": _rank(_column(lora.stats.likes for lora in loras)),
            "example_count": _column(np.log1p(len(lora.examples)) for lora in loras),
            "has_triggers": _column(float(bool(lora.trigger_sets)) for lora in loras),
            "favorite": _column(float(lora.favorite) for lora in loras),
        }
        for role in ROLES:
            columns[f"role_{role.value}"] = _column(_role(lora, role) for lora in loras)
        known = np.flatnonzero(np.isfinite(downloads))
        order = known[np.argsort(-downloads[known], kind="stable")]
        return cls(columns, order)


def _column(values: Iterable[float | None]) -> Floats:
    """Numbers and Nones -> float32, None = NaN."""
    return np.asarray([np.nan if value is None else value for value in values], np.float32)


def _rank(values: Floats) -> Floats:
    """Rank within the library, 0..1, ties share their mean; NaN stays NaN."""
    out = np.full(len(values), np.nan, np.float32)
    known = np.flatnonzero(np.isfinite(values))
    if len(known) == 1:
        out[known] = 0.5
    elif len(known):
        ordered = np.sort(values[known])
        low = np.searchsorted(ordered, values[known], "left")
        high = np.searchsorted(ordered, values[known], "right") - 1
        out[known] = (low + high) / 2 / (len(known) - 1)
    return out


def _quality(lora: Lora) -> float | None:
    """Rating shrunk to the community's mean by its number of votes, 0..1."""
    stats = lora.stats
    if stats.rating is None or stats.rating <= 0:
        return None
    votes = stats.rating_count if stats.rating_count is not None else _RATING_WEIGHT
    shrunk = (stats.rating * votes + _RATING_MEAN * _RATING_WEIGHT) / (votes + _RATING_WEIGHT)
    return min(shrunk, 5.0) / 5.0


def _role(lora: Lora, role: Role) -> float | None:
    """Probability of a role; None when nothing is known about the LoRA's role."""
    if not lora.roles:
        return None
    return next((guess.probability for guess in lora.roles if guess.role is role), 0.0)
