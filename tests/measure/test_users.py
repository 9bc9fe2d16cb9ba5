"""Simulated users: whose prompts, in which order, with which library."""

from __future__ import annotations

import gzip
import json
import random
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from lorarec.measure import users
from lorarec.measure.bench_data import Bench, Label, Row
from lorarec.measure.users import LEAST, LIBRARY, points, simulate, times, usable

TASTES = {"ink": 40, "neon": 32, "rare": LEAST - 1}
LORAS_EACH = 5
UNUSED = 30


def write(path: Path, rows: list[dict]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Three tastes with five LoRAs each, published one after the other, and thirty LoRAs that nobody uses."""
    names = [f"{taste}{at}" for taste in TASTES for at in range(LORAS_EACH)] + [f"unused{at}" for at in range(UNUSED)]
    corpus = [
        {"id": name, "name": name, "files": [{"file": f"{name}.safetensors", "created": f"2023-{1 + at % 9:02}-01"}]}
        for at, name in enumerate(names)
    ]
    write(tmp_path / "corpus.jsonl.gz", [*corpus, {"id": "no file", "name": "no file"}])
    rows = [
        {"prompt": f"{taste} {at}", "loras": [{"id": f"{taste}{at % LORAS_EACH}", "weight": 0.8}]}
        for taste, count in TASTES.items()
        for at in range(count)
    ]
    rows += [{"prompt": "ink, lost", "loras": [{"id": "ink0"}, {"id": "no file"}]}]
    random.Random(0).shuffle(rows)
    write(tmp_path / "history.jsonl.gz", [{"id": f"x:{number}", **row} for number, row in enumerate(rows)])
    for name in ("examples", "queries"):
        write(tmp_path / f"{name}.jsonl.gz", [])
    return Bench(tmp_path)


def by_taste(vectors: np.ndarray, count: int, dice: np.random.Generator) -> np.ndarray:
    """The clusters that the vectors name."""
    assert count == users.TASTES
    return vectors[:, 0].astype(np.int64)


def vectors_of(bench: Bench) -> np.ndarray:
    order = list(TASTES)
    return np.asarray([[order.index(row.prompt.split()[0])] for row in usable(bench)], np.float32)


def test_rows_with_a_lora_that_nobody_can_install_are_left_out(bench: Bench) -> None:
    assert len(bench.history) == sum(TASTES.values()) + 1
    assert {label.id for row in usable(bench) for label in row.loras}.isdisjoint({"no file"})
    assert len(usable(bench)) == sum(TASTES.values())


def test_one_taste_is_one_user_in_order_of_time(bench: Bench) -> None:
    found = simulate(bench, vectors_of(bench), by_taste)
    assert [user.name for user in found] == ["user 0:0", "user 0:1"], "too few prompts make no user"
    for user, taste in zip(found, TASTES, strict=False):
        assert len(user.rows) == TASTES[taste] and user.known == TASTES[taste] // 2
        assert {row.prompt.split()[0] for row in user.rows} == {taste}
        assert list(user.days) == sorted(user.days) and len(user.days) == len(user.rows)
        assert date.fromordinal(user.days[0]) >= date(2023, 1, 1)
        same_day = [(day, row.id) for day, row in zip(user.days, user.rows, strict=True)]
        assert same_day == sorted(same_day)


def test_a_library_holds_what_its_user_uses_and_of_the_rest_half_that_others_use(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "LIBRARY", 12)
    for user, taste in zip(simulate(bench, vectors_of(bench), by_taste), TASTES, strict=False):
        own = {f"{taste}{at}" for at in range(LORAS_EACH)}
        assert own < set(user.library) and len(user.library) == len(set(user.library)) == 12
        strangers = {name for name in user.library if name.startswith("unused")}
        assert len(strangers) == 4 and len(set(user.library) - own - strangers) == 3


def test_a_small_corpus_makes_small_libraries(bench: Bench) -> None:
    for user in simulate(bench, vectors_of(bench), by_taste):
        assert len(user.library) == (len(TASTES)) * LORAS_EACH + UNUSED < LIBRARY


def test_a_seed_makes_the_same_users_again_and_another_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "LIBRARY", 20)
    first, again, other = (simulate(bench, vectors_of(bench), by_taste, seed) for seed in (0, 0, 1))
    assert first == again
    assert [user.rows for user in first] == [user.rows for user in other]
    assert [user.library for user in first] != [user.library for user in other]


def test_points_are_prompts_beside_their_loras_less_what_all_have() -> None:
    rows = [Row("1", "a", (Label("x"),)), Row("2", "b", (Label("y"), Label("z"))), Row("3", "c", (Label("z"),))]
    prompts = np.asarray([[3, 1], [1, 3], [2, 2]], np.float32)
    loras = {
        "x": np.asarray([5, 0], np.float32),
        "y": np.asarray([5, 4], np.float32),
        "z": np.asarray([5, 8], np.float32),
    }
    found = points(rows, prompts, loras)
    corner, half = 2**-0.5, 0.5**0.5
    np.testing.assert_allclose(found[0], [half * corner, -half * corner, 0, -half], atol=1e-6)
    np.testing.assert_allclose(found[1], [-half * corner, half * corner, 0, half], atol=1e-6)
    np.testing.assert_allclose(found[2], [0, 0, 0, 1], atol=1e-6)
    assert np.linalg.norm(found, axis=1).tolist() == pytest.approx([1, 1, 1])


def test_days_become_moments_one_after_the_other() -> None:
    epoch = date(1970, 1, 1).toordinal()
    assert times([epoch, epoch, epoch + 1]) == [0, 1, 86402]
    known, later = [epoch, epoch + 1], [epoch + 1, epoch + 1]
    assert times(known) + times(later, len(known)) == times(known + later)
