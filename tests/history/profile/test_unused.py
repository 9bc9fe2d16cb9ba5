"""The idle part of the collection: what is worth a look, and what is spare."""

from __future__ import annotations

import time

import numpy as np
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
from lorarec.history.duplicates import with_copies
from lorarec.history.reading import PastCount
from lorarec.types import Role


def test_unused_loras_near_to_a_favourite_are_worth_a_look() -> None:
    installed = [lora(name) for name in ("wash", "ink", "steel", "other")]
    vectors = np.asarray([[1, 0, 0], [0.9, 0.43, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    diary = Diary().sessions(evenings(6), ("x", {"wash": 1.0}))
    [one] = tell(diary.past, installed, lora_vectors=vectors).worth_a_look
    assert one.lora.id == "ink" and one.like is not None and (one.like.id, one.like_n) == ("wash", 6)
    assert 0.45 < one.score <= 1


def test_without_vectors_shared_themes_decide() -> None:
    installed = [
        lora("wash", tags=("watercolor",)),
        lora("ink", tags=("lake",)),
        lora("steel", tags=("robot",), trigger_sets=(("chrome",),)),
    ]
    diary = Diary().sessions(evenings(6), ("lake watercolor", {"wash": 1.0}))
    [one] = tell(diary.past, installed).worth_a_look
    assert (one.lora.id, one.themes, one.like) == ("ink", ("lake",), None)


@pytest.mark.parametrize(
    ("change", "options"),
    [
        ({"excluded": True}, {}),
        ({"base": "SD 1.5"}, {}),
        ({"role": Role.ACCELERATOR}, {}),
        ({}, {"hidden": {"ink"}}),
        ({}, {"opinions": {"ink": -1}}),
        ({}, {"groups": [7, 7]}),
        ({}, {"usage": [PastCount("tool", "ink", "ink", "name", 1, None)]}),
        ({"partner": "wash"}, {}),
    ],
)
def test_what_cannot_be_wanted_is_not_worth_a_look(change: dict[str, object], options: dict[str, object]) -> None:
    diary = Diary().sessions(evenings(6), ("lake", {"wash": 1.0}))

    def look(change: dict[str, object], options: dict[str, object]) -> list[str]:
        installed = [lora("wash"), lora("ink", **{"tags": ("lake",), **change})]  # type: ignore[arg-type]
        return names(tell(diary.past, installed, **options).worth_a_look)

    assert look({}, {}) == ["ink"]
    assert look(change, options) == []


def test_unused_copies_and_versions_of_a_used_file_are_spare() -> None:
    installed = [
        lora("v1", size=10, created=1.0, fingerprint="f1"),
        lora("copy", size=10, fingerprint="f1"),
        lora("v2", size=30, created=2.0, fingerprint="f2"),
        lora("v0", size=20, created=0.0, fingerprint="f0"),
        lora("tried", size=99),
        lora("lone", size=99),
        lora("unused", size=99),
        lora("unused2", size=99),
    ]
    diary = (
        Diary().sessions(evenings(3), ("x", {"v1": 1.0, "lone": 1.0})).session(NOW - 99 * DAY, ("x", {"tried": 1.0}))
    )
    [one] = tell(diary.past, installed, groups=[1, 2, 1, 1, 1, 3, 4, 4]).duplicates
    assert (one.used.id, one.n, one.bytes) == ("v1", 3, 60)
    assert [(spare.lora.id, spare.bytes, spare.copy, spare.newer) for spare in one.spare] == [
        *(("v2", 30, False, True), ("v0", 20, False, False), ("copy", 10, True, False)),
    ]


def test_the_unused_half_of_a_used_pair_is_not_spare() -> None:
    installed = [lora("high", partner="low"), lora("low", partner="high")]
    assert tell(Diary().sessions(evenings(5), ("x", {"high": 1.0})).past, installed, groups=[1, 1]).duplicates == ()


def test_a_collection_that_lies_there_twice_is_joined_at_once() -> None:
    loras = [lora(str(at), fingerprint=str(at % 10_000)) for at in range(20_000)]
    began = time.process_time()
    assert with_copies(loras, range(20_000)) == [at % 10_000 for at in range(20_000)]
    assert time.process_time() - began < 3


def test_groups_are_joined_through_each_other() -> None:
    loras = [lora(str(at), fingerprint=print_) for at, print_ in enumerate(["a", "b", "c", "a", "", "b"])]
    assert with_copies(loras, [0, 1, 2, 1, 3, 2]) == [0, 0, 0, 0, 3, 0]
