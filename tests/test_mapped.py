"""Structs with arrays in a folder: what comes back is what was saved, of each kind for itself, whatever happens."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from msgspec import Struct
from numpy.typing import NDArray

from lorarec import mapped


class Inner(Struct, frozen=True):
    values: NDArray[np.float32]


class Saved(Struct, frozen=True):
    name: str
    numbers: NDArray[np.int64]
    parts: dict[str, NDArray[np.bool_]]
    inner: Inner | None = None


def made(name: str, size: int = 5) -> Saved:
    grid = np.arange(2 * size, dtype=np.float32).reshape(size, 2)
    return Saved(name, np.arange(size), {"even": np.arange(size) % 2 == 0}, Inner(grid))


def folders(place: Path, kind: str) -> list[Path]:
    return sorted(place.glob(f"*.{kind}"))


def test_a_struct_comes_back_with_its_arrays_mapped(tmp_path: Path) -> None:
    saved = made("first")
    mapped.save(saved, tmp_path / "new", "thing")
    found = mapped.load(tmp_path / "new", "thing", Saved)
    assert found is not None and found.name == "first" and found.inner is not None and saved.inner is not None
    for ours, theirs in (
        (saved.numbers, found.numbers),
        (saved.parts["even"], found.parts["even"]),
        (saved.inner.values, found.inner.values),
    ):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
        with pytest.raises(ValueError, match="read-only"):
            theirs[:1] = 0


@pytest.mark.parametrize("size", [0, 1])
def test_empty_arrays_and_missing_parts_come_back(tmp_path: Path, size: int) -> None:
    mapped.save(Saved("x", np.zeros(size, np.int64), {}), tmp_path, "thing")
    found = mapped.load(tmp_path, "thing", Saved)
    assert found is not None and found.numbers.shape == (size,) and found.inner is None


def test_kinds_share_a_folder_and_do_not_meet(tmp_path: Path) -> None:
    mapped.save(made("one"), tmp_path, "one")
    mapped.save(made("other"), tmp_path, "other")
    mapped.save(made("one again"), tmp_path, "one")
    names = {kind: getattr(mapped.load(tmp_path, kind, Saved), "name", None) for kind in ("one", "other", "third")}
    assert names == {"one": "one again", "other": "other", "third": None}
    mapped.forget(tmp_path, "one")
    assert mapped.load(tmp_path, "one", Saved) is None and folders(tmp_path, "one") == []
    assert mapped.load(tmp_path, "other", Saved) is not None


def test_a_library_is_where_earlier_versions_left_it(tmp_path: Path) -> None:
    mapped.save(made("x"), tmp_path, "library")
    assert (tmp_path / "current").read_text().endswith(".library")


def test_the_one_replaced_goes_and_stays_readable_for_those_who_hold_it(tmp_path: Path) -> None:
    mapped.save(made("first"), tmp_path, "thing")
    held = mapped.load(tmp_path, "thing", Saved)
    mapped.save(made("second"), tmp_path, "thing")
    assert len(folders(tmp_path, "thing")) == 1 and held is not None
    assert held.numbers.tolist() == [0, 1, 2, 3, 4]


def test_forgetting_leaves_nothing_and_nothing_is_fine_too(tmp_path: Path) -> None:
    mapped.forget(tmp_path / "never", "thing")
    mapped.save(made("x"), tmp_path, "thing")
    mapped.forget(tmp_path, "thing")
    assert list(tmp_path.iterdir()) == [] and mapped.load(tmp_path, "thing", Saved) is None


def test_what_could_not_be_deleted_is_deleted_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped.save(made("x"), tmp_path, "thing")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # Windows, while it is mapped
        mapped.forget(tmp_path, "thing")
    assert mapped.load(tmp_path, "thing", Saved) is None and list(tmp_path.glob("*.thing"))
    note, beside = tmp_path / "forgotten-thing", tmp_path / "else"
    beside.mkdir()
    note.write_text(f"{note.read_text()}\n\nelse\n..\n")
    mapped.save(made("y"), tmp_path, "thing")
    mapped.sweep(tmp_path, "thing")
    assert len(list(tmp_path.glob("*.thing"))) == 1 and beside.exists() and not note.exists()
    found = mapped.load(tmp_path, "thing", Saved)
    mapped.sweep(tmp_path, "thing")
    assert found is not None and mapped.load(tmp_path, "thing", Saved) is not None


def test_what_killed_processes_left_goes_after_a_while(tmp_path: Path) -> None:
    old, fresh, stranger = (tmp_path / name for name in ("dead.thing", "writing.thing", "dead.other"))
    for left in (old, fresh, stranger):
        left.mkdir()
    for left in (old, stranger):
        os.utime(left, (time.time() - 2 * mapped._STALE,) * 2)
    mapped.save(made("x"), tmp_path, "thing")
    assert not old.exists() and fresh.exists() and stranger.exists()


@pytest.mark.parametrize("damage", ["pointer", "elsewhere", "gone", "manifest", "shape", "array"])
def test_what_cannot_be_read_is_none(tmp_path: Path, damage: str) -> None:
    mapped.save(made("x", 50), tmp_path, "thing")
    [place] = folders(tmp_path, "thing")
    if damage == "pointer":
        (tmp_path / "current-thing").write_bytes(b"\xff\xfe")
    elif damage == "elsewhere":
        (tmp_path / "current-thing").write_text("/etc")
    elif damage == "gone":
        (tmp_path / "current-thing").write_text("gone.thing")
    elif damage == "manifest":
        (place / "thing.msgpack").write_bytes(b"\x81\xa4name")
    elif damage == "shape":
        mapped.save({"name": 3}, tmp_path, "thing")
    else:
        (place / "0.npy").write_bytes(b"no array")
    assert mapped.load(tmp_path, "thing", Saved) is None


def test_what_is_no_array_is_refused_and_the_earlier_one_stays(tmp_path: Path) -> None:
    mapped.save(made("first"), tmp_path, "thing")
    with pytest.raises(TypeError):
        mapped.save({"name": object()}, tmp_path, "thing")
    found = mapped.load(tmp_path, "thing", Saved)
    assert found is not None and found.name == "first"


def test_readers_never_see_a_mixture(tmp_path: Path) -> None:
    mapped.save(made("1", 1), tmp_path, "thing")
    done = threading.Event()
    wrong: list[str] = []
    seen: set[str] = set()

    def read() -> None:
        while not done.is_set():
            found = mapped.load(tmp_path, "thing", Saved)
            if found is None or len(found.numbers) != int(found.name) or len(found.parts["even"]) != int(found.name):
                wrong.append("nothing" if found is None else found.name)
            else:
                seen.add(found.name)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(60):
        size = 1 + turn % 4
        mapped.save(made(str(size), size), tmp_path, "thing")
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == [] and len(seen) >= 2


@pytest.mark.skipif(os.name == "nt", reason="needs limits of the system")
def test_a_full_disk_keeps_the_older_one_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    import resource
    import signal

    mapped.save(made("older"), tmp_path, "thing")
    before = sorted(tmp_path.rglob("*"))
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError, match=r"."):
            mapped.save(made("newer", 100_000), tmp_path, "thing")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    found = mapped.load(tmp_path, "thing", Saved)
    assert found is not None and found.name == "older"
    assert sorted(tmp_path.rglob("*")) == before
