"""What leaves LoRAs out whatever the prompt says: roles, folders, safety, and base models that do not fit.

Computed once for each set of filters, since a user's filters stay the same as a rule.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from . import base_models
from .library import Library
from .types import Role

Floats = NDArray[np.float32]

CERTAIN_MISFIT = 0.05  # a base model that fits less is left out
_KEPT = 16  # base models, and sets of filters, whose say on every LoRA is kept


class Filters(Struct, frozen=True):
    """What of a query leaves LoRAs out, whatever its prompt says."""

    roles: tuple[Role, ...]
    exclude_roles: tuple[Role, ...]
    accelerators: bool  # whether they may be shown
    folders: tuple[str, ...]  # how paths below them start
    exclude_folders: tuple[str, ...]
    safety: int  # the most explicit level
    base_model: str  # "" = unknown


class Filtering:
    """Filters the LoRAs of one library. Immutable but for caches; safe from many threads."""

    def __init__(self, library: Library) -> None:
        """Prepare what does not depend on the filters."""
        self._library = library
        self._fits: dict[str, Floats] = {}
        self._passed: dict[Filters, NDArray[np.bool_]] = {}

    def passing(self, filters: Filters) -> NDArray[np.bool_]:
        """The LoRAs that pass some filters, shape (n,); kept, since a user's filters stay the same as a rule."""
        known = self._passed.get(filters)
        if known is not None:
            return known
        library = self._library
        mask = ~library.hidden
        if filters.roles:
            mask &= library.loras.of_roles(filters.roles)
        elif not filters.accelerators:
            mask &= ~library.loras.of_roles((Role.ACCELERATOR,))
        if filters.exclude_roles:
            mask &= ~library.loras.of_roles(filters.exclude_roles)
        if filters.folders:
            mask &= self._below(filters.folders)
        if filters.exclude_folders:
            mask &= ~self._below(filters.exclude_folders)
        mask &= library.safety <= filters.safety
        mask &= ~(self.fit(filters.base_model) <= CERTAIN_MISFIT)
        if len(self._passed) >= _KEPT:
            self._passed.clear()
        mask.flags.writeable = False  # it is shared
        self._passed[filters] = mask
        return mask

    def _below(self, heads: tuple[str, ...]) -> NDArray[np.bool_]:
        """LoRAs whose path starts with any of these, shape (n,)."""
        return np.asarray([path.lower().startswith(heads) for path in self._library.loras.paths], np.bool_)

    def fit(self, key: str) -> Floats:
        """Probability that each LoRA works with the wanted base model, shape (n,), NaN = unknown; see `base_key`."""
        known = self._fits.get(key)
        if known is None:
            loras = self._library.loras
            values = [base_models.fit(base, key) if key else None for base in loras.bases]
            known = np.asarray([np.nan if value is None else value for value in values], np.float32)[loras.base]
            if len(self._fits) >= _KEPT:
                self._fits.clear()
            self._fits[key] = known
        return known


def heads(folders: Sequence[str]) -> tuple[str, ...]:
    """How the paths below root-relative folders start, lower case; the root itself is no restriction."""
    plain = (folder.replace("\\", "/").strip("/").lower() for folder in folders)
    return tuple(f"{folder}/" for folder in plain if folder not in {"", "."})


def base_key(wanted: str | None) -> str:
    """The canonical name of a wanted base model, or the checkpoint's own where only that tells; "" = unknown."""
    return (base_models.canonical(wanted) or wanted) if wanted and base_known(wanted) else ""


def base_known(wanted: str) -> bool:
    """Whether a base model or checkpoint name tells which base model is meant."""
    return base_models.canonical(wanted) is not None or base_models.guess_checkpoint(wanted) is not None
