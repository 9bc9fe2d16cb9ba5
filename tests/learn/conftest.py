"""Pasts whose every figure can be worked out by hand: LoRAs are letters, prompts any text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from lorarec.learn.past import Past, lay_out
from lorarec.types import PastGeneration, PastUse

NOW = 1.7e9


def make_generation(
    number: int, prompt: str | None, uses: Mapping[str, float | None] | str, **fields: object
) -> PastGeneration:
    """One generation; ``uses`` are LoRAs with their strengths, or letters that are all used at 0.8."""
    told = dict.fromkeys(uses, 0.8) if isinstance(uses, str) else uses
    values: dict[str, object] = {
        "id": number + 1,
        "made": NOW,
        "prompt": prompt,
        "negative": None,
        "base_model": "",
        "checkpoint": "",
        "project": "",
        "host": "",
        "loras": tuple(PastUse(name, name, strength, "name") for name, strength in told.items()),
        "images": 0,
        "deleted": 0,
        "liked": 0,
    }
    return PastGeneration(**{**values, **fields})  # type: ignore[arg-type]


def lay_beside(past: Sequence[PastGeneration], library: str = "abcd", **options: object) -> Past:
    """A past beside a library of letters; prompts are numbered as they come."""
    written = dict.fromkeys(one.prompt for one in past if one.prompt is not None)
    numbers = {prompt: number for number, prompt in enumerate(written)}
    place = {name: row for row, name in enumerate(library)}
    return lay_out(past, place, numbers, count=len(library), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def generation() -> Callable[..., PastGeneration]:
    """The function `make_generation`: ``generation(number, prompt, uses, **fields)``."""
    return make_generation


@pytest.fixture(scope="session")
def laid() -> Callable[..., Past]:
    """The function `lay_beside`: ``laid(past, library="abcd", **options)``."""
    return lay_beside
