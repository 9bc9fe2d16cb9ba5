"""The profile as a whole: what too little says, what is counted, of which project and period."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from diary import (
    DAY,
    NOW,
    Diary,
    embed,
    evenings,
    lora,
    missing,
    mixed,
    moving,
    names,
    tell,
    two_projects,
    two_tastes,
)
from lorarec.history.reading import PastCount
from lorarec.history.statements import Profile


def test_of_nothing_only_that_is_said() -> None:
    found = tell([])
    assert missing(found) == {"profile"} and "lorarec harvest" in found.not_yet[0].why
    assert found.totals.generations == 0 and found.totals.used_share is None
    assert found.favourites == found.pairs == found.personas == found.times == found.changes == ()
    assert tell([], [lora("a"), lora("b")]).totals.used_share == 0.0


def test_what_is_not_installed_goes_by_its_file_name_without_extension() -> None:
    counted = [
        PastCount("t", str(at), name, "name", 9, None) for at, name in enumerate(("styles\\Ink.PT", "v1.5", ".pt"))
    ]
    assert {one.lora.name for one in tell([], usage=counted).favourites} == {"Ink", "v1.5", ".pt"}


def test_of_one_evening_nothing_is_said_that_needs_many() -> None:
    diary = Diary().session(NOW - DAY, *[("watercolor lake", {"a": 0.8, "b": 0.5})] * 20)
    found = tell(diary.past, [lora("a"), lora("b")], vectors=np.ones((20, 1), np.float32))
    assert missing(found) == {
        *("sessions", "roles", "base_models", "styles", "subjects", "tones", "pairs", "changes", "personas"),
        *("times.hour", "times.weekday", "times.month"),
    }
    assert all("need" in one.why for one in found.not_yet)
    assert [one.n for one in found.favourites] == [20, 20]  # what needs no sessions is said
    assert found.sessions is None and found.styles == () and found.pairs == ()


def test_totals_count_what_there_is() -> None:
    diary = (
        Diary()
        .session(NOW - 3 * DAY, ("x", {"a": 1.0, "": None}), ("y", {}), images=2)
        .session(0.0, ("z", {"gone": 1.0}))
    )
    usage = [PastCount("tool", "b", "b", "hash", 4, None)]
    totals = tell(diary.past, [lora(name) for name in "abcd"], usage=usage).totals
    assert (totals.generations, totals.images, totals.with_loras) == (3, 5, 2)
    assert (totals.unlinked, totals.undated) == (1, 1)
    assert (totals.first, totals.last) == (NOW - 3 * DAY, NOW - 3 * DAY + 60)
    assert (totals.installed, totals.used, totals.used_share) == (4, 2, 0.5)


def test_a_session_ends_where_nothing_is_made_for_45_minutes() -> None:
    diary = Diary()
    for at in evenings(3):
        diary.session(at, *[("x", {})] * 3).session(at + 120 + 44 * 60, ("x", {})).session(
            at + 5 * 3600, *[("x", {})] * 4
        )
    found = tell(diary.past).sessions
    assert found is not None
    assert found.n == 6
    assert found.generations == 4
    assert found.minutes == pytest.approx((46 + 3) / 2)


def test_a_project_counts_fully_and_the_rest_a_little() -> None:
    found = tell(two_projects().past, project="book")
    assert (found.totals.generations, found.totals.other_generations) == (20, 40)
    assert found.sessions is not None and found.sessions.n == 10
    assert {one.lora.id: one.n for one in found.favourites} == {"wash": 20, "mecha": 20}
    assert {one.name: (one.n, one.share) for one in found.subjects} == {"lake": (10, pytest.approx(10 / 12))}
    strengths = {one.lora.id: (one.n, one.low, one.median, one.high) for one in found.strengths}
    assert strengths == {"wash": (20, 0.4, 0.4, 0.4), "mecha": (20, 0.2, 0.2, 1.0)}
    assert "20 generations of this project count fully; 40 others" in found.notes[0]


def test_an_unknown_project_is_said_to_be_none() -> None:
    found = tell(two_projects().past, project="film")
    assert missing(found) == {"profile"} and "film; there are: book" in found.notes[0]


def test_a_period_leaves_out_what_is_older_but_not_what_was_ever_used() -> None:
    installed = [lora("old"), lora("new"), lora("never")]
    diary = Diary().sessions([NOW - 300 * DAY] * 5, ("x", {"old": 1.0})).sessions([NOW - DAY] * 5, ("x", {"new": 1.0}))
    found = tell(
        diary.past, installed, since=NOW - 30 * DAY, usage=[PastCount("t", "old", "o", "name", 9, NOW - 99 * DAY)]
    )
    assert names(found.favourites) == ["new"]
    assert (found.totals.generations, found.totals.used) == (5, 2)
    assert found.notes == ("5 older generations are left out",)


def everything() -> Iterator[tuple[Diary, dict[str, object]]]:
    for diary in (two_tastes(), mixed(2), moving(1, moves=True), two_projects()):
        yield diary, {"vectors": embed(diary.past), "usage": [PastCount("t", "wash", "wash", "name", 3, None)]}


def test_the_order_of_the_past_does_not_matter() -> None:
    installed = [lora(name, tags=("lake",), fingerprint="same") for name in ("wash", "mecha", "idle")]
    for diary, options in everything():
        places = list(range(len(diary.past)))
        random.Random(1).shuffle(places)
        shuffled = {**options, "vectors": np.asarray(options["vectors"])[places]}
        assert tell(diary.past, installed, **options) == tell([diary.past[p] for p in places], installed, **shuffled)


def test_a_profile_is_json() -> None:
    for diary, options in everything():
        found = tell(diary.past, [lora("wash"), lora("idle")], **options)
        assert msgspec.json.decode(msgspec.json.encode(found), type=Profile) == found
