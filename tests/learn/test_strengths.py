"""The strengths of one LoRA before, and how much each of them says."""

from __future__ import annotations

from collections.abc import Callable
from math import exp

import numpy as np
import pytest

from lorarec.history_types import PastGeneration
from lorarec.learn.past import Past
from lorarec.learn.strengths import LEAST, MOST, SAME_BASE, STRANGE, WIDTH, strengths

Generate = Callable[..., PastGeneration]
Lay = Callable[..., Past]


@pytest.fixture
def past(generation: Generate, laid: Lay) -> Past:
    return laid(
        [
            generation(0, "p", {"a": 0.4, "b": 1.0}, base_model="SDXL"),
            generation(1, "q", {"a": None}),
            generation(2, "r", {"a": 0.9}),
            generation(3, "s", {"b": 0.5}),
        ]
    )


def test_known_strengths_come_oldest_first_with_the_rest_of_the_stack(past: Past) -> None:
    used = strengths(past, 0, None)
    assert used.strengths.tolist() == pytest.approx([0.4, 0.9])
    assert used.loads.tolist() == pytest.approx([1.0, 0.0])
    assert used.weights.tolist() == pytest.approx([1, 1])


def test_uses_at_prompts_like_this_count_more_up_to_a_bound(past: Past) -> None:
    near = np.asarray([STRANGE, 0, STRANGE + 0.1, 1.0], np.float32)
    assert strengths(past, 0, near).weights.tolist() == pytest.approx([1 + LEAST, exp(0.1 / WIDTH) + LEAST], rel=1e-5)
    at_the_same_prompt = strengths(past, 0, np.ones(4, np.float32)).weights
    assert at_the_same_prompt.tolist() == pytest.approx([MOST + LEAST] * 2)


def test_uses_with_the_same_base_model_count_more(past: Past) -> None:
    assert strengths(past, 0, None, "SDXL").weights.tolist() == pytest.approx([1 + SAME_BASE, 1])
    assert strengths(past, 0, None, "Flux.1").weights.tolist() == pytest.approx([1, 1]), "never used: no say"


def test_the_past_may_be_cut(past: Past) -> None:
    assert strengths(past, 0, None, upto=2).strengths.tolist() == pytest.approx([0.4])
    assert strengths(past, 0, None, upto=0).strengths.tolist() == []


def test_a_lora_never_used_has_none_and_the_past_is_left_as_it_was(past: Past) -> None:
    assert strengths(past, 3, None, "SDXL").strengths.tolist() == []
    strengths(past, 0, np.ones(4, np.float32), "SDXL")
    assert past.weight.tolist() == pytest.approx([1, 1, 1, 1])
