"""Pasts whose every figure can be worked out by hand: LoRAs are letters, prompts any text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from lorarec.history_types import PastGeneration
from lorarec.learn.past import Past, lay_out
from traces import NOW, remembered


def lay_beside(past: Sequence[PastGeneration], library: str = "abcd", **options: object) -> Past:
    """A past beside a library of letters; prompts are numbered as they come."""
    written = dict.fromkeys(one.prompt for one in past if one.prompt is not None)
    numbers = {prompt: number for number, prompt in enumerate(written)}
    place = {name: row for row, name in enumerate(library)}
    return lay_out(past, place, numbers, count=len(library), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def generation() -> Callable[..., PastGeneration]:
    """A past generation, by default of one and the same moment: ``generation(number, prompt, uses, **fields)``."""
    return lambda number, prompt, uses, **fields: remembered(number, prompt, uses, **{"made": NOW, **fields})


@pytest.fixture(scope="session")
def laid() -> Callable[..., Past]:
    """The function `lay_beside`: ``laid(past, library="abcd", **options)``."""
    return lay_beside
