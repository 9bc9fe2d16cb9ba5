"""Types of what clients may send, with their bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Prompt = Annotated[str, Meta(max_length=20_000)]
Name = Annotated[str, Meta(max_length=1_000)]  # of a file, model, folder or project
Id = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]  # of a LoRA
Share = Annotated[float, Meta(ge=0, le=1)]
StrengthValue = Annotated[float, Meta(ge=-100, le=100)]
Moment = Annotated[float, Meta(ge=0, le=1e11)]  # seconds since the epoch
Count = Annotated[int, Meta(ge=1, le=1000)]
Number = Annotated[int, Meta(ge=0, le=2**53 - 1)]  # what JavaScript can count
RoleName = Literal["character", "style", "concept", "clothing", "pose", "detail", "slider", "accelerator", "unknown"]


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No field at all."""
