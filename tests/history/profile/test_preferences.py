"""What a user chooses more often than is ordinary, and what goes together."""

from __future__ import annotations

import pytest

from diary import (
    DAY,
    NOW,
    Diary,
    evenings,
    lora,
    mixed,
    tell,
)
from lorarec.types import Role


def test_roles_are_compared_with_what_is_installed() -> None:
    installed = [lora("style"), *(lora(f"c{number}", Role.CHARACTER) for number in range(9))]
    diary = Diary().sessions(evenings(15), ("x", {"style": 1.0})).sessions(evenings(5, hour=8), ("x", {"c1": 1.0}))
    style, character = tell(diary.past, installed).roles
    assert (style.name, style.n, style.share, style.ordinary) == ("style", 15, 0.75, 0.1)
    assert style.lift == pytest.approx((15 + 5 * 0.1) / 25 / 0.1)
    assert (character.name, character.share) == ("character", 0.25)
    assert character.lift is not None and character.lift < 1


def test_a_long_session_counts_as_much_as_a_short_one() -> None:
    diary = Diary().session(NOW - 9 * DAY, *[("x", {"b": 1.0})] * 200, base_model="Pony")
    diary.sessions(evenings(3), ("x", {}), base_model="Pony").sessions(
        evenings(4, hour=8), ("x", {}), base_model="SDXL"
    )
    assert {one.name: one.share for one in tell(diary.past).base_models} == pytest.approx({"Pony": 0.5, "SDXL": 0.5})


def test_styles_and_subjects_come_from_prompts_and_from_tags() -> None:
    installed = [
        lora("wash", tags=("ink wash", "lakes")),
        lora("knight", Role.CHARACTER, tags=("robot", "girl")),
        lora("tweaker", Role.DETAIL, tags=("vintage",)),
        *(lora(f"other{number}") for number in range(7)),
    ]
    diary = Diary().sessions(evenings(6), ("masterpiece girl lake oil painting", {"wash": 1.0, "tweaker": 1.0}))
    diary.sessions(evenings(4, hour=9), ("masterpiece watercolor girl", {"knight": 1.0}))
    found = tell(diary.past, installed)
    assert {one.name: (one.n, one.share) for one in found.styles} == {
        **{"oil painting": (6, 0.6), "ink wash": (6, 0.6), "watercolor": (4, 0.4)}
    }
    assert {one.name: one.n for one in found.subjects} == {"lake": 6, "lakes": 6, "robot": 4}


def test_what_is_ordinary_is_no_preference() -> None:
    diary = Diary().sessions(evenings(10), ("robot", {})).sessions(evenings(40, hour=9), ("lake", {}))
    assert [one.name for one in tell(diary.past).subjects] == ["lake", "robot"]
    assert [one.name for one in tell(diary.past, ordinary={"robot": 0.01, "lake": 0.75}).subjects] == ["robot"]


def test_a_shade_is_no_tone() -> None:
    diary = (
        Diary().sessions(evenings(10), ("dark hair girl", {})).sessions(evenings(6, hour=9), ("dark forest cozy", {}))
    )
    assert {one.name: (one.n, one.share) for one in tell(diary.past).tones} == {"dark": (6, 0.375), "calm": (6, 0.375)}


def test_names_stay_together() -> None:
    diary = Diary()
    for number, at in enumerate(evenings(9)):
        diary.session(at, (f"robot w{number} ada lovelace lake", {}), (f"lake w{number} robot", {}))
    assert {one.name for one in tell(diary.past).subjects} == {"ada lovelace", "lake", "robot"}


def test_a_planted_pair_is_found_and_chance_pairs_are_not() -> None:
    for seed in range(5):
        found = tell(mixed(seed).past).pairs
        [pair] = found
        assert {pair.first.id, pair.second.id} == {"tea", "cup"}
        assert pair.n >= 5 and pair.sessions >= 3
        assert 0.5 < pair.second_given_first < 1 and pair.second_given_first >= pair.first_given_second
        assert pair.lift > 1.5


def test_the_halves_of_one_lora_are_no_pair() -> None:
    halves = [lora("tea", partner="cup"), lora("cup", partner="tea")]
    assert tell(mixed(0).past, halves).pairs == ()


def test_one_evening_makes_no_pair() -> None:
    diary = (
        Diary().sessions(evenings(40), ("x", {"a": 1.0})).session(NOW - 0.5 * DAY, *[("x", {"b": 1.0, "c": 1.0})] * 50)
    )
    assert tell(diary.past).pairs == ()
