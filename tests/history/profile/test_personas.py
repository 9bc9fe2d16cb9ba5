"""Tastes that stand apart."""

from __future__ import annotations

import numpy as np
import pytest

from diary import (
    LAKES,
    ROBOTS,
    embed,
    missing,
    tell,
    two_tastes,
)


def test_two_tastes_are_two_personas_with_their_words_and_loras() -> None:
    diary = two_tastes()
    lakes, robots = tell(diary.past, vectors=embed(diary.past)).personas
    assert set(lakes.label) <= set(LAKES) and set(robots.label) <= set(ROBOTS)
    assert (lakes.n, robots.n) == (90, 30)
    assert (lakes.share, robots.share) == pytest.approx((0.75, 0.25))
    assert [(used.lora.id, used.n) for used in lakes.loras] == [("wash", 90), ("detail", 60)]
    assert [used.lora.id for used in robots.loras] == ["mecha", "detail"]
    assert robots.loras[1].share == pytest.approx(2 / 3)
    assert set(robots.example.split()) & set(ROBOTS)


def test_one_taste_is_no_persona() -> None:
    diary = two_tastes()
    noise = np.random.default_rng(0).normal(size=(len(diary.past), 32)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    found = tell(diary.past, vectors=noise)
    assert found.personas == () and "stand apart" in {one.about: one.why for one in found.not_yet}["personas"]


def test_personas_need_vectors_of_enough_different_prompts() -> None:
    diary = two_tastes(15)  # 30 different prompts
    assert "encoder" in {one.about: one.why for one in tell(diary.past).not_yet}["personas"]
    found = tell(diary.past, vectors=embed(diary.past))
    assert {one.about: one.why for one in found.not_yet}["personas"] == "needs 40 different prompts; there are 30"
    diary = two_tastes()
    vectors = embed(diary.past)
    vectors[30:60], vectors[60:90] = np.nan, 0.0
    assert "personas" not in missing(tell(diary.past, vectors=vectors))
    vectors[90:] = 0.0
    assert "there are 20" in {one.about: one.why for one in tell(diary.past, vectors=vectors).not_yet}["personas"]
