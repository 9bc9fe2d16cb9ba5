"""What a user did with one LoRA, told in counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lorarec.history_types import PastGeneration
from lorarec.learn.past import Past
from lorarec.learn.story import Story, story

Generate = Callable[..., PastGeneration]
Lay = Callable[..., Past]
NONE = np.zeros(4, np.bool_)


@pytest.fixture
def past(generation: Generate, laid: Lay) -> Past:
    """Four occasions, the first of which came twice."""
    return laid(
        [
            generation(0, "p", {"a": 0.6, "b": 0.8}, images=2, deleted=1),
            generation(1, "p", {"a": 0.6, "b": 0.8}, images=1),
            generation(2, "q", {"a": 1.0}, images=4),
            generation(3, "r", {"a": None, "c": 0.5}),
            generation(4, "s", {"c": 0.5}, images=8),
        ]
    )


def test_without_prompts_like_this_all_uses_are_told(past: Past) -> None:
    assert story(past, 0, NONE) == Story(times=4, alike=0, usual=pytest.approx(0.8), images=7, kept=6)


def test_where_there_are_prompts_like_this_only_these_are_told(past: Past) -> None:
    alike = np.asarray([True, False, False, True])
    found = story(past, 0, alike)
    assert (found.times, found.alike, found.images, found.kept) == (4, 2, 3, 2)
    assert found.usual == pytest.approx(0.6)


def test_a_lora_never_used_has_no_story_but_maybe_an_opinion(past: Past) -> None:
    assert story(past, 3, ~NONE, opinion=-1) == Story(opinion=-1)


def test_company_is_told_the_most_frequent_first(past: Past) -> None:
    assert story(past, 0, NONE, {2: 1, 1: 2}).beside == ((1, 2), (2, 1))


def test_the_past_may_be_cut(past: Past) -> None:
    found = story(past, 0, NONE, told=2)
    assert (found.times, found.usual) == (3, pytest.approx(0.8))
    assert story(past, 0, NONE, told=0) == Story()


def test_strengths_that_nobody_knows_are_not_told(generation: Generate, laid: Lay) -> None:
    past = laid([generation(0, "p", {"a": None})])
    assert story(past, 0, np.zeros(1, np.bool_)).usual is None
