"""Reasons from the user's own history say what happened, in counts, and nothing where nothing did."""

from __future__ import annotations

import pytest
from msgspec import Struct

from lorarec.rank.personal_reasons import MINE, OPINION, TASTE, TOGETHER, joined, text
from lorarec.rank.signals import PERSONAL


class Told(Struct, frozen=True):
    times: int = 0
    alike: int = 0
    usual: float | None = None
    images: int = 0
    kept: int = 0
    beside: tuple[tuple[int, int], ...] = ()
    opinion: int = 0
    counted: int = 0


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (
            Told(times=14, alike=14, usual=0.7, images=14, kept=12),
            "used 14× with prompts like this, usually at 0.7, kept 12 of 14",
        ),
        (
            Told(times=14, alike=3, usual=0.65, images=4, kept=4),
            "used 3× with prompts like this, usually at 0.65, kept 4",
        ),
        (Told(times=14), "you used it 14×"),
        (Told(times=2, usual=-1.0), "you used it 2×, usually at -1"),
        (Told(times=2, images=3, kept=0), "you used it 2×, kept 0 of 3"),
        (Told(), ""),
        (Told(counted=9), "another tool counted 9 uses"),
        (Told(times=14, counted=9), "you used it 14×"),
    ],
)
def test_own_use_is_told_in_one_sentence(told: Told, sentence: str) -> None:
    assert text(MINE, told, {}) == sentence


def test_company_is_named() -> None:
    told = Told(beside=((7, 5), (3, 2)))
    assert text(TOGETHER, told, {7: "Red Knight"}) == "used 5× together with Red Knight"
    assert text(TOGETHER, told, {}) == "used 5× together with an active LoRA"
    assert text(TOGETHER, Told(), {7: "Red Knight"}) == ""


def test_a_like_is_told_and_a_dislike_is_no_reason() -> None:
    assert [text(OPINION, Told(opinion=opinion), {}) for opinion in (1, 0, -1)] == ["you liked it", "", ""]


def test_taste_and_strangers() -> None:
    assert text(TASTE, Told(), {}) == "like the LoRAs you use for such prompts"
    assert text("semantic", Told(times=5), {}) == ""


def test_what_speaks_of_own_use_is_one_sentence() -> None:
    moved = {"own_prompts": 0.5, "own_use": -0.2, "own_images": 0.1, "own_base": 0.1, "own_taste": 0.3, "name": 1.0}
    assert joined(moved) == {MINE: pytest.approx(0.5), TASTE: 0.3, "name": 1.0}
    assert joined({}) == {}


def test_every_personal_family_has_a_sentence() -> None:
    told = Told(times=1, beside=((0, 1),), opinion=1)
    assert all(text(next(iter(joined({family: 1.0}))), told, {}) for family in PERSONAL)
