"""The base model of a generation whose metadata names only the checkpoint."""

from __future__ import annotations

from msgspec.structs import replace

from ...base_models import named
from ...history_types import Generation


def with_base_model(generation: Generation) -> Generation:
    """The generation with the base model that its checkpoint's name tells, where it states none."""
    if generation.base_model or not (base := named(generation.checkpoint)):
        return generation
    return replace(generation, base_model=base)
