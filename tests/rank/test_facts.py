"""What is known of LoRAs before any prompt."""

from __future__ import annotations

import numpy as np
import pytest

from lorarec.rank.facts import POPULARITY_CLIP, Facts
from lorarec.types import Example, Lora, Role, RoleGuess, Stats


def lora(number: int = 0, **fields: object) -> Lora:
    return Lora(id=f"{number:016x}", root="/r", path=f"{number}.safetensors", size=1, modified=0.0, **fields)  # type: ignore[arg-type]


def column(loras: list[Lora], name: str) -> list[float]:
    return Facts.of(loras).columns[name].tolist()


def test_popularity_is_a_clipped_rank_and_unknown_stays_unknown() -> None:
    loras = [lora(at, stats=Stats(downloads=count)) for at, count in enumerate([5, 100, None, 100, 1_000_000])]
    low, high = POPULARITY_CLIP
    assert column(loras, "popularity") == pytest.approx([low, 0.5, np.nan, 0.5, high], nan_ok=True)
    assert Facts.of(loras).downloads_order.tolist() == [4, 1, 3, 0]


def test_popularity_hardly_depends_on_how_many_loras_there_are() -> None:
    small, large = ([lora(at, stats=Stats(downloads=at)) for at in range(count)] for count in (11, 1001))
    assert column(small, "popularity")[5] == pytest.approx(column(large, "popularity")[500])


def test_one_known_figure_is_neither_high_nor_low() -> None:
    assert column([lora(stats=Stats(downloads=9)), lora(1)], "popularity") == pytest.approx([0.5, np.nan], nan_ok=True)


def test_ratings_of_few_votes_are_shrunk() -> None:
    few = lora(stats=Stats(rating=5.0, rating_count=1))
    many = lora(1, stats=Stats(rating=5.0, rating_count=1000))
    bad = lora(2, stats=Stats(rating=2.0, rating_count=1000))
    none = lora(3, stats=Stats(rating=0.0, rating_count=0))
    assert column([few, many, bad, none], "quality") == pytest.approx(
        [(5 + 47) / 11 / 5, (5000 + 47) / 1010 / 5, (2000 + 47) / 1010 / 5, np.nan], nan_ok=True
    )


def test_roles_are_probabilities_and_nan_where_nothing_is_known() -> None:
    guesses = (RoleGuess(Role.STYLE, 0.7, "x"), RoleGuess(Role.CONCEPT, 0.2, "x"))
    facts = Facts.of([lora(roles=guesses), lora(1)])
    assert facts.columns["role_style"].tolist() == pytest.approx([0.7, np.nan], nan_ok=True)
    assert facts.columns["role_concept"].tolist() == pytest.approx([0.2, np.nan], nan_ok=True)
    assert facts.columns["role_pose"].tolist() == pytest.approx([0.0, np.nan], nan_ok=True)


def test_counts_and_flags() -> None:
    full = lora(trigger_sets=(("a",),), examples=(Example("x"), Example("y")), favorite=True)
    facts = Facts.of([full, lora(1)])
    assert facts.columns["example_count"].tolist() == pytest.approx([np.log(3), 0])
    assert facts.columns["has_triggers"].tolist() == [1, 0] and facts.columns["favorite"].tolist() == [1, 0]


def test_no_loras_no_facts() -> None:
    facts = Facts.of([])
    assert all(values.shape == (0,) for values in facts.columns.values()) and len(facts.downloads_order) == 0
