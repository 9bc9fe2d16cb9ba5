"""Profiles of histories that nobody would believe: nothing fails, and no number leaves its bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta, timezone

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorarec.history.profile import profile
from lorarec.history.reading import PastCount
from lorarec.history_types import PastGeneration, PastUse
from lorarec.types import BaseModelGuess, Lora, Role, RoleGuess

NOW = 1.75e9
IDS = ("", "a", "b", "c", "gone", "d")
NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, -1.0, 1e300, 0.8])
WORDS = st.lists(
    st.sampled_from(["dark", "hair", "lake", "oil", "painting", "robot", "8k", "ink", "7", "猫", ""]), max_size=6
)
TIMES = st.floats(NOW - 4e7, NOW + 1e6) | st.sampled_from([0.0, -1e12, 1e18, float("nan"), float("inf")])

uses = st.builds(
    PastUse,
    lora=st.sampled_from(IDS),
    name=st.sampled_from(["", "x.safetensors", "d\\x"]),
    strength=st.none() | NUMBERS,
    how=st.just(""),
)
generations = st.builds(
    PastGeneration,
    id=st.integers(1, 10**9),
    made=TIMES,
    prompt=st.none() | WORDS.map(" ".join),
    negative=st.none(),
    base_model=st.sampled_from(["", "SDXL", "Pony", "no such model"]),
    checkpoint=st.just(""),
    project=st.sampled_from(["", "", "book"]),
    host=st.just(""),
    loras=st.lists(uses, max_size=4).map(tuple),
    images=st.integers(-1, 3),
    deleted=st.integers(-1, 4),
    liked=st.integers(-1, 3),
)
loras = st.builds(
    Lora,
    id=st.sampled_from(IDS[1:]),
    root=st.just("/"),
    path=st.sampled_from(["p.safetensors", "q/r.safetensors"]),
    size=st.integers(0, 10),
    modified=st.just(0.0),
    fingerprint=st.sampled_from(["", "f"]),
    tags=WORDS.map(tuple),
    trigger_sets=st.just(()) | st.tuples(WORDS.map(tuple)),
    roles=st.just(())
    | st.tuples(st.builds(RoleGuess, role=st.sampled_from(Role), probability=st.just(1.0), evidence=st.just(""))),
    base_models=st.just(()) | st.just((BaseModelGuess("SDXL", 0.9, ""),)),
    partner=st.sampled_from(["", "a", "b"]),
    created=st.none() | st.floats(0, NOW),
)
counts = st.builds(
    PastCount,
    source=st.sampled_from(["s", "t"]),
    lora=st.sampled_from(IDS),
    name=st.just("x"),
    how=st.just(""),
    count=st.integers(-5, 50),
    at=st.none() | TIMES,
)
many = st.lists(generations, max_size=12, unique_by=lambda one: one.id) | st.integers(20, 60).flatmap(
    lambda n: st.lists(generations, min_size=n, max_size=n, unique_by=lambda one: one.id)
)


def numbers(value: object, key: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a JSON document with the name it goes by."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from numbers(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item, key)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield key, value


SHARES = {
    "share",
    "used_share",
    "kept",
    "second_given_first",
    "first_given_second",
    "shares",
    "expected",
    "chance",
    "distance",
    "by_chance",
    "before",
    "after",
}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    past=many,
    installed=st.lists(loras, max_size=5, unique_by=lambda one: one.id),
    usage=st.lists(counts, max_size=4),
    opinions=st.dictionaries(st.sampled_from(IDS), st.sampled_from([-1, 1])),
    project=st.sampled_from(["", "", "book", "film"]),
    since=st.none() | st.just(NOW - 1e7),
    zone=st.sampled_from([timezone.utc, timezone(timedelta(hours=-11)), None]),
    vectors=st.booleans(),
    dice=st.randoms(use_true_random=False),
)
def test_no_history_breaks_a_profile(past, installed, usage, opinions, project, since, zone, vectors, dice) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(len(past))
    rows = rng.normal(size=(len(past), 3)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) if len(rows) else 1
    rows[::5] = np.nan
    beside = np.eye(len(installed), 4, dtype=np.float32)

    def tell(order: list[int]) -> object:
        found = profile(
            [past[place] for place in order],
            usage,
            opinions,
            installed,
            now=NOW,
            words=str.split,
            zone=zone,
            project=project,
            since=since,
            vectors=rows[order] if vectors else None,
            lora_vectors=beside if vectors else None,
        )
        return msgspec.json.decode(msgspec.json.encode(found))

    order = list(range(len(past)))
    found = tell(order)
    for key, value in numbers(found):
        assert math.isfinite(value), key
        if key in SHARES:
            assert 0 <= value <= 1, (key, value)
        if key == "n" or key.startswith("n_"):
            assert value >= 0
    dice.shuffle(order)
    assert tell(order) == found
