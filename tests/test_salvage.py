"""A damaged database: set aside, and the history saved as far as it can be read."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lorarec.damage import SUSPECT, new_name
from lorarec.database import FILE, open_database
from lorarec.errors import StorageError
from lorarec.history.store import History
from lorarec.history_types import (
    Event,
    EventKind,
    Generation,
    ImageFile,
    Impression,
    Linked,
    OutcomeKind,
    ShownLora,
    Use,
)

REPO = Path(__file__).resolve().parents[1]
COUNT = 400
PAGE = 4096


def fill(folder: Path) -> None:
    """Generations of two LoRAs with an image each, every tenth liked, an answer and an event about each hundredth."""
    with open_database(folder) as database:
        history = History(database)
        found = []
        for n in range(COUNT):
            uses = (Use(name=f"lora{n % 7}", strength=0.5), Use(name="other"))
            made = Generation(
                prompt=f"prompt {n} of a castle " + "at night " * 20, loras=uses, made=float(n), seed=str(n)
            )
            found.append((made, ImageFile(f"/out/{n:04}.png", 1, n + 1)))
        history.add_generations(found, lambda use: Linked(use.name, "name"))
        history.add_outcomes([(f"/out/{n:04}.png", OutcomeKind.LIKED, 1.0) for n in range(0, COUNT, 10)])
        for n in range(0, COUNT, 100):
            answer = history.add_impression(Impression(at=float(n), prompt="p", shown=(ShownLora("x", 0.5),)))
            history.add_event(Event(kind=EventKind.INSERT, lora="x", at=float(n), impression=answer, prompt="p"))
        history.add_event(Event(kind=EventKind.HIDE, lora="never", at=5.0))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    fill(folder)
    return folder


@pytest.fixture
def data(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "data"))


def spoil(path: Path, *pages: int, seed: int = 0) -> None:
    """Overwrite pages, counted from 0, with noise."""
    noise = random.Random(seed)
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(noise.randbytes(PAGE))


def page_of(path: Path, text: bytes) -> int:
    """The page that a text stands on."""
    return path.read_bytes().index(text) // PAGE


def numbers(history: History) -> list[int]:
    """Numbers of the generations that are there, each of them as it was made."""
    found = []
    for past in history.past():
        assert past.prompt is not None
        n = int(past.prompt.split()[1])
        assert past.prompt == f"prompt {n} of a castle " + "at night " * 20 and past.made == float(n)
        assert {use.name for use in past.loras} <= {f"lora{n % 7}", "other"}
        found.append(n)
    return found


def sets_aside(folder: Path) -> Iterator[Path]:
    return folder.glob(f"{FILE}.damaged-*")


def test_damage_that_is_met_is_mended_by_the_next_to_open_the_file(data: Path) -> None:
    spoil(data / FILE, page_of(data / FILE, b"prompt 200 of"))
    with open_database(data) as database:
        assert database.warning == "", "opening reads a few pages only"
        before = History(database).version()
        with pytest.raises(StorageError, match="start lorarec or its host anew"):
            History(database).past()
        assert (data / SUSPECT).exists()
    with open_database(data) as database:
        history = History(database)
        saved = numbers(history)
        assert COUNT - 60 < len(saved) < COUNT and 200 not in saved
        assert saved == sorted(saved) and saved[0] == 0 and saved[-1] == COUNT - 1, "on both sides of the damage"
        assert f"of the history {len(saved)} generations and 5 events could be saved" in database.warning
        assert len(history.events()) == 5 and history.hidden() == {"never"}
        assert all(
            event.impression in history.impressions_of(range(999)) for event in history.events() if event.lora == "x"
        )
        assert database.check() == "ok" and not (data / SUSPECT).exists()
        assert history.version() not in ("", before), "what was derived of the whole must not pass for the rest's"
        assert len(history.known_images("/out")) == len(saved), "images of what was lost are harvested again"
        lost = Generation(prompt="prompt 200 of a castle " + "at night " * 20, loras=(Use(name="other"),), made=200.0)
        history.add_generations([(lost, ImageFile("/out/0200.png", 1, 1))], lambda use: Linked(use.name, "name"))
        assert 200 in numbers(history)
    (kept,) = sets_aside(data)
    assert kept.stat().st_size > 0
    with open_database(data) as database:
        assert database.warning == ""


def test_half_a_file(data: Path) -> None:
    path = data / FILE
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_database(data) as database:
        try:
            whole = not database.warning and len(numbers(History(database))) == COUNT
        except StorageError:
            whole = False
    assert not whole
    with open_database(data) as database:
        assert database.check() == "ok"
        numbers(History(database))
    assert len(list(sets_aside(data))) == 1


@pytest.mark.parametrize("seed", range(25))
def test_noise_anywhere_is_no_traceback_and_invents_nothing(data: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = data / FILE
    pages = path.stat().st_size // PAGE
    hit = chance.sample(range(1, pages), chance.randint(1, 5))
    spoil(path, *hit, seed=seed)
    saved = None
    for attempt in range(2):  # what the first to read meets, the second has mended
        try:
            with open_database(data) as database:
                if database.check() == "ok":
                    saved = numbers(History(database))
                    assert len(History(database).events()) <= 5
        except StorageError as error:
            assert attempt == 0 and "\n" not in str(error)
    assert saved is not None
    assert len(saved) == len(set(saved))
    if not any(sets_aside(data)):
        assert len(saved) == COUNT, "only free pages or an unused part was hit"


def test_what_only_the_journal_holds_is_saved_too(data: Path, tmp_path: Path) -> None:
    """As after a power cut: the newest rows stand in the journal, and the file is damaged."""
    with open_database(data) as database:
        history = History(database)
        newest = Generation(
            prompt="prompt 9999 of a castle " + "at night " * 20, loras=(Use(name="other"),), made=9999.0
        )
        history.add_generations([(newest, None)], lambda use: Linked(use.name, "name"))
        cut = Path(shutil.copytree(data, tmp_path / "cut"))
    assert (cut / f"{FILE}-wal").stat().st_size > 0
    spoil(cut / FILE, page_of(cut / FILE, b"prompt 100 of"))
    (cut / SUSPECT).touch()
    with open_database(cut) as database:
        saved = numbers(History(database))
        assert 9999 in saved and 100 not in saved and len(saved) > COUNT - 60


def test_a_new_file_that_cannot_take_its_place_is_one_sentence(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where a scanner of viruses may hold it."""
    spoil(data / FILE, page_of(data / FILE, b"prompt 300 of"))
    (data / SUSPECT).touch()
    rename = Path.rename

    def held(path: Path, to: Path) -> Path:
        if path == new_name(data / FILE):
            raise PermissionError(13, "it is used by another process")
        return rename(path, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", held)
        with pytest.raises(StorageError, match=r"used by another process.*; close other programs"):
            open_database(data)
    with open_database(data) as database:
        assert COUNT - 60 < len(numbers(History(database))) < COUNT


@pytest.mark.parametrize("moment", ["rescue", "_set_aside", "rename"])
def test_killed_while_it_begins_anew(data: Path, moment: str) -> None:
    spoil(data / FILE, page_of(data / FILE, b"prompt 300 of"))
    (data / SUSPECT).touch()
    code = f"""
import os, pathlib, sys
from lorarec import damage, database
if {moment!r} == "rename":
    done = damage._set_aside
    def killed(path):
        done(path)
        os._exit(9)
    damage._set_aside = killed
else:
    setattr(damage, {moment!r}, lambda *_: os._exit(9))
database.open_database(pathlib.Path(sys.argv[1]))
"""
    done = subprocess.run([sys.executable, "-c", code, str(data)], cwd=REPO, check=False)
    assert done.returncode == 9
    assert new_name(data / FILE).exists()
    with open_database(data) as database:
        saved = numbers(History(database))
        assert COUNT - 60 < len(saved) < COUNT
        assert database.check() == "ok"
    assert len(list(sets_aside(data))) == 1 and not new_name(data / FILE).exists()


def test_damage_that_is_met_while_the_file_is_rewritten_is_noted(data: Path) -> None:
    spoil(data / FILE, page_of(data / FILE, b"prompt 200 of"))
    with open_database(data) as database, pytest.raises(StorageError, match="start lorarec or its host anew"):
        database.compact()
    assert (data / SUSPECT).exists()


def test_no_history_no_rows(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    (tmp_path / FILE).write_bytes(b"\x93noise" * 5000)
    with open_database(tmp_path) as database:
        assert "the history begins anew" in database.warning
        assert History(database).past() == []


def test_a_suspicion_that_proves_wrong_changes_nothing(data: Path) -> None:
    (data / SUSPECT).touch()
    with open_database(data) as database:
        assert database.warning == "" and len(numbers(History(database))) == COUNT
    assert not (data / SUSPECT).exists() and not list(sets_aside(data))


def test_a_full_disk_is_one_sentence_and_loses_only_what_was_being_written(data: Path) -> None:
    import sqlalchemy as sa

    with open_database(data) as database:
        pages = sqlite3.connect(data / FILE).execute("PRAGMA page_count").fetchone()[0]

        @sa.event.listens_for(database._engine, "connect")
        def _limit(dbapi, _record) -> None:  # type: ignore[no-untyped-def]
            dbapi.execute(f"PRAGMA max_page_count = {pages + 1}")

        database.close()
        history = History(database)
        more = [(Generation(prompt="x" * 50_000, loras=(Use(name="a"),), made=1.0), None)]
        with pytest.raises(StorageError, match="the disk is full; free some space"):
            history.add_generations(more, lambda use: Linked(use.name, "name"))
        assert len(numbers(history)) == COUNT and database.check() == "ok"
