"""What is used most and lately, whether it rises or fades, and with which strengths."""

from __future__ import annotations

import msgspec
import pytest

from diary import (
    DAY,
    NOW,
    Diary,
    evenings,
    lora,
    names,
    tell,
)
from lorarec.history.reading import PastCount


def test_recent_use_counts_more_and_halves_every_45_days() -> None:
    diary = (
        Diary()
        .sessions([NOW - 360 * DAY] * 30, ("x", {"old": 1.0}))
        .sessions([NOW - 90 * DAY] * 8, ("x", {"new": 1.0}))
    )
    first, second = tell(diary.past, [lora("old"), lora("new")]).favourites
    assert (first.lora.id, first.n, second.lora.id, second.n) == ("new", 8, "old", 30)
    assert first.recent == pytest.approx(2.0)
    assert second.recent == pytest.approx(30 / 2**8)
    assert second.last == NOW - 360 * DAY
    assert first.spans == (0,) * 8 + (8,) + (0,) * 3


def test_a_lora_tried_twice_is_no_favourite() -> None:
    diary = Diary().sessions([NOW - DAY] * 2, ("x", {"a": 1.0}))
    assert tell(diary.past, [lora("a")]).favourites == ()
    assert names(tell(diary.session(NOW - DAY, ("x", {"a": 1.0})).past, [lora("a")]).favourites) == ["a"]


def trends(diary: Diary) -> dict[str, str]:
    return {one.lora.id: one.trend for one in tell(diary.past).favourites}


def test_rising_fading_and_new_need_evidence() -> None:
    diary = Diary()
    for number, at in enumerate(evenings(90)):
        lately = number >= 46
        loras = {"steady": 1.0, ("late" if lately else "early"): 1.0}
        if number == 3 or (lately and number % 2):
            loras["rising"] = 1.0
        if number % 2 == 0 and (not lately or number == 60):
            loras["fading"] = 1.0
        if number % 9 == 0:
            loras["seldom"] = 1.0
        diary.session(at, *[("x", loras)] * 5)
    assert trends(diary) == {
        **{"steady": "", "seldom": "", "late": "new", "early": "fading", "rising": "rising", "fading": "fading"}
    }


def test_one_long_evening_makes_no_trend() -> None:
    diary = Diary().sessions(evenings(80), ("x", {"usual": 1.0}))
    diary.session(NOW - 70 * DAY, ("x", {"burst": 1.0})).session(NOW - 6 * 3600, *[("x", {"burst": 1.0})] * 40)
    assert trends(diary) == {"usual": "", "burst": ""}


def test_kept_shares_are_drawn_to_the_mean_and_need_known_deletions() -> None:
    diary = Diary().session(NOW - DAY, ("x", {"good": 1.0}), *[("x", {})] * 2, images=20)
    diary.sessions([NOW - DAY] * 3, ("x", {"good": 1.0, "few": 1.0}), images=0)
    diary.session(NOW - DAY, ("x", {"bad": 1.0}), images=20, deleted=16).sessions(
        [NOW - DAY] * 2, ("x", {"bad": 1.0}), images=0
    )
    diary.session(NOW - DAY, ("x", {"few": 1.0}), images=5, deleted=99)
    found = {one.lora.id: one for one in tell(diary.past).favourites}
    mean = 1 - (16 + 5) / 85
    assert found["good"].kept == pytest.approx((20 + 20 * mean) / 40)
    assert found["bad"].kept == pytest.approx((4 + 20 * mean) / 40)
    assert found["bad"].images == 20
    assert found["few"].kept is None, "five images are too few"
    kept = [msgspec.structs.replace(one, deleted=0) for one in diary.past]
    assert {one.kept for one in tell(kept).favourites} == {None}, "nobody looked what was deleted"


def test_likes_are_told() -> None:
    diary = Diary().session(NOW - DAY, *[("x", {"a": 1.0, "b": 1.0})] * 3, liked=2)
    found = tell(diary.past, opinions={"a": 1, "b": -1}).favourites
    assert [(one.lora.id, one.opinion, one.liked) for one in found] == [("a", 1, 6), ("b", -1, 6)]


def test_tools_that_count_the_same_uses_do_not_add_up() -> None:
    usage = [PastCount("days", "a", "a", "hash", count, NOW - DAY) for count in (10, 5)]
    usage += [PastCount("whole", "a", "a", "name", 12, None), PastCount("whole", "", "lost", "", 40, None)]
    [one] = tell([], [lora("a")], usage=usage).favourites
    assert (one.elsewhere, one.n, one.recent) == (15, 0, 0.0)


def test_what_is_not_installed_goes_by_the_name_in_the_images() -> None:
    [one] = tell(Diary().sessions([NOW - DAY] * 3, ("x", {"a": 1.0})).past).favourites
    assert (one.lora.name, one.lora.lora) == ("a", "")


def test_strengths_are_quartiles_of_values_really_used_per_base_model() -> None:
    values = (0.5, 0.9, 0.6, 0.7, 0.8, 0.6, 1.0, 0.6)
    diary = Diary().session(NOW - 2 * DAY, *(("x", {"a": value}) for value in values))
    diary.session(NOW - DAY, *[("x", {"a": 0.3})] * 5, base_model="Pony").session(NOW, *[("x", {"a": None})] * 9)
    diary.session(NOW, *[("x", {"b": 1.0})] * 4)
    sdxl, pony = tell(diary.past).strengths
    assert (sdxl.base_model, sdxl.n, sdxl.low, sdxl.high, sdxl.latest) == ("SDXL", 8, 0.5, 1.0, 0.6)
    assert (sdxl.lower_quartile, sdxl.median, sdxl.upper_quartile) == (0.6, 0.6, 0.8)
    assert (pony.base_model, pony.n, pony.median) == ("Pony", 5, 0.3)
