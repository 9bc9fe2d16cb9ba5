"""Strengths in sentences: what people write, and the small numbers that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.catalog.strengths import from_text, hint, of_examples, signed_range
from lorarec.types import Origin


@pytest.mark.parametrize(
    ("text", "model", "low", "high"),
    [
        ("Please use weight 0.6-0.8 for this one.", 0.7, 0.6, 0.8),
        ("Recommended weight: 0.7", 0.7, None, None),
        ("weight:0.7", 0.7, None, None),
        ("use 0.5 to 0.8", 0.65, 0.5, 0.8),
        ("Put <lora:thing:0.7> into the prompt", 0.7, None, None),
        ("<lora:thing_v10:(recommend0.4-0.7 here)>", 0.55, 0.4, 0.7),
        ("推荐权重0.6-0.8，效果更好", 0.7, 0.6, 0.8),
        ("权重：0.5~0.9", 0.7, 0.5, 0.9),
        ("おすすめの強度は0.8です", 0.8, None, None),
        ("It needs a strength of 1", 1.0, None, None),
        ("works best at .8", 0.8, None, None),
        ("LoRA strength 0.6~0.8", 0.7, 0.6, 0.8),
        ("Tested at 0.8-1.0 strength on several models", 0.9, 0.8, 1.0),
        ("weight 1 - 0.6 is optimal", 0.8, 0.6, 1.0),
        ("LORA weight for txt2img: 0.6-1", 0.8, 0.6, 1.0),
        ("recommended weight: 0,8", 0.8, None, None),
    ],
)
def test_sentences_that_state_a_strength(text: str, model: float, low: float | None, high: float | None) -> None:
    stated = from_text(text)
    assert stated is not None
    assert (stated.model, stated.low, stated.high) == (pytest.approx(model), low, high)


@pytest.mark.parametrize(
    "text",
    [
        "v1.5 of my model, for SD 1.5 only",
        "Use with SD 1.5, clip skip 2 and 20 steps",
        "Denoising strength: 0.5, hires upscale 2",
        "CFG scale 7, denoise strength 0.4",
        "ControlNet weight 0.8",
        "Works best at 512x768 with 30 steps",
        "noise offset 0.1, learning rate 0.0001, best at epoch 8",
        "Use full strength if you like",
        "weight 20 kg",
        "weights 2.5 GB",
        "strength 100%",
        "Version 1.1 is the best",
        "",
    ],
)
def test_other_numbers_are_no_strength(text: str) -> None:
    assert from_text(text) is None


def test_a_recommendation_wins_over_a_remark() -> None:
    text = "Sample images were made with weight 1.\nRecommended weight: 0.5-0.7 for other models."
    stated = from_text(text)
    assert stated is not None and (stated.low, stated.high) == (0.5, 0.7)


def test_a_tag_speaks_only_where_one_lora_is_named() -> None:
    assert from_text("combine <lora:first:0.4> with <lora:second:0.9>") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Slider, use a weight from -2 to 2", (-2.0, 2.0)),
        ("推荐权重：-3.0~3.0", (-3.0, 3.0)),
        ("set the strength between -1.5 and 1.5", (-1.5, 1.5)),
        ("weight 0.5 to 1", None),
        ("temperatures from -2 to 2 degrees", None),
    ],
)
def test_ranges_through_zero(text: str, expected: tuple[float, float] | None) -> None:
    assert signed_range(text) == expected


def test_examples_give_median_and_quartiles() -> None:
    made = of_examples([0.6, 0.8, 0.7, 1.0, 0.5])
    assert made is not None
    assert (made["model"], made["low"], made["high"]) == (0.7, 0.6, 0.8)
    assert made["source"] == "example images (n=5)" and made["origin"] == Origin.GUESS
    assert of_examples([]) is None
    single = of_examples([0.9])
    assert single is not None and (single["model"], single["low"], single["high"]) == (0.9, None, None)


def test_hints_are_put_in_order_and_nonsense_is_dropped() -> None:
    swapped = hint("x", Origin.USER, low=0.9, high=0.5)
    assert swapped is not None and (swapped["low"], swapped["high"], swapped["model"]) == (0.5, 0.9, 0.7)
    assert hint("x", Origin.USER, model=900.0) is None
    assert hint("x", Origin.USER, low=0.0, high=0.0) is None


@given(st.text(alphabet="weight strngh0123456789.-~到权重<lora:> \n", max_size=400))
def test_any_text_gives_a_usable_strength_or_none(text: str) -> None:
    stated = from_text(text)
    assert stated is None or 0 < stated.model <= 2
    signed_range(text)


@pytest.mark.parametrize("text", ["weight " * 4_000, "0.1-" * 4_000, "<lora:" * 2_000, "use " + "0.5 to " * 3_000])
def test_hostile_text_does_not_hang(text: str) -> None:
    from_text(text)
    signed_range(text)
