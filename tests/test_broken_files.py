"""Whatever breaks in the data folder, a recommender opens, says so in a sentence, and is as good as before."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lorarec.database import FILE
from lorarec.errors import StorageError
from lorarec.history_types import Event, EventKind, Generation, Use
from lorarec.recommender import Recommender
from lorarec.settings import Settings
from lorarec.types import Query

WORDS = Settings(encoder_semantic="absent/encoder")


def answers(recommender: Recommender) -> list[tuple[str, float]]:
    found = recommender.recommend(Query(prompt="watercolor painting of a red knight in the rain"), top=6)
    return [(one.lora, one.score) for one in found.suggestions]


@pytest.fixture
def data(tmp_path: Path, mini_library: Path) -> Path:
    """A data folder with an index and a history."""
    folder = tmp_path / "data"
    with Recommender.open([mini_library], folder, settings=WORDS) as recommender:
        recommender.refresh()
        for n in range(30):
            made = Generation(prompt=f"red knight {n}", loras=(Use(name="red_knight"),), made=float(n))
            recommender.memory.record_generation(made)
        recommender.memory.history.add_event(Event(kind=EventKind.HIDE, lora="gone", at=1.0))
        recommender.learn()
    return folder


@pytest.mark.parametrize("how", ["noise", "empty", "half", "folder"])
def test_broken_index_files_are_made_anew(data: Path, mini_library: Path, how: str) -> None:
    with Recommender.open([mini_library], data, settings=WORDS) as recommender:
        before = answers(recommender)
    noise = random.Random(1)
    files = [path for path in (data / "index").rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        size = path.stat().st_size
        if how == "folder":
            path.unlink()
            path.mkdir()
        else:
            raw = path.read_bytes()
            path.write_bytes({"noise": noise.randbytes(size), "empty": b"", "half": raw[: size // 2]}[how])
    with Recommender.open([mini_library], data, settings=WORDS) as recommender:
        assert recommender.stage == "empty"
        recommender.refresh()
        assert recommender.failure == "" and answers(recommender) == before


@pytest.mark.parametrize("how", ["noise", "half", "empty", "page"])
def test_a_broken_database_costs_a_scan(data: Path, mini_library: Path, how: str) -> None:
    path = data / FILE
    with Recommender.open([mini_library], data, settings=WORDS) as recommender:
        loras = [lora.path for lora in recommender.loras()]
    raw = path.read_bytes()
    place = raw.index(b"red knight 7") // 4096 * 4096
    noise = random.Random(2).randbytes
    path.write_bytes(
        {
            "noise": noise(len(raw)),
            "half": raw[: len(raw) // 2],
            "empty": b"",
            "page": raw[:place] + noise(4096) + raw[place + 4096 :],
        }[how]
    )
    told: list[str] = []
    for _ in range(2):  # damage deep in the file is met by the first
        with Recommender.open([mini_library], data, settings=WORDS) as recommender:
            told += recommender.notices
            recommender.start_refresh()
            recommender._refresher.join()
            told += recommender.notices
            try:
                recommender.memory.history.past()
            except StorageError as error:
                told.append(str(error))
    assert all("\n" not in text for text in told)
    assert how == "empty" or any("was damaged" in text and "kept as" in text for text in told)
    with Recommender.open([mini_library], data, settings=WORDS) as recommender:
        recommender.refresh()
        assert [lora.path for lora in recommender.loras()] == loras and recommender.failure == ""
        assert answers(recommender)
        if how == "page":
            assert recommender.memory.history.hidden() == {"gone"}
