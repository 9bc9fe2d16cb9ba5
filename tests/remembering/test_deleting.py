"""What is deleted is gone from everywhere that it was derived to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lorarec import memories as memories_module
from lorarec.database import Database
from lorarec.errors import UsageError
from lorarec.index.vector_store import VectorStore, text_hash
from lorarec.library import Library
from lorarec.memories import Memories
from lorarec.remembering import Memory
from one_memory import Encoders, record, run_aside
from traces import left_of
from waiting import wait_for


def test_deleting_does_not_wait_until_the_host_has_time_to_encode(
    open_memory: Callable[..., Memory], library: Library, encoders: Encoders, tmp_path: Path
) -> None:
    memory = open_memory(lambda: True)
    record(memory, "a secret castle")
    learner = run_aside(lambda: memory.learn(library))
    wait_for(lambda: memory.memories is not None)
    deleter = run_aside(lambda: memory.delete(everything=True))
    deleter.join(10)
    learner.join(10)
    assert not deleter.is_alive() and not learner.is_alive() and encoders.encoded == []
    assert memory.knowledge(library) is None and left_of(tmp_path / "data", "secret castle") == []


def test_vectors_of_deleted_prompts_go_and_those_still_in_use_stay(
    open_memory: Callable[..., Memory], library: Library, database: Database
) -> None:
    memory = open_memory()
    record(memory, "a secret castle", "deer", "(deer)")
    memory.learn(library)
    hashes = [text_hash(text) for text in ("a secret castle", "deer")]
    store = VectorStore(database)
    assert store.missing(hashes, "letters") == []
    memory.delete(until=1.7e9 + 2)
    assert store.missing(hashes, "letters") == hashes[:1], "another generation has the same prompt"
    memory.delete(everything=True)
    assert store.missing(hashes, "letters") == hashes


def test_files_are_let_go_before_they_are_deleted_and_what_is_left_goes_at_the_next_start(
    open_memory: Callable[..., Memory], library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows no file can be deleted while it is mapped, be it by another process."""
    record(open_memory(), "a secret castle")
    open_memory().learn(library)
    memory = open_memory()
    assert memory._current.restore(library) is not None
    held: list[object] = []
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: held.append((memory.memories, memory._current.now[1])))
    memory.delete(everything=True)
    assert held and set(held) == {(None, None)}
    monkeypatch.undo()
    assert list(memory.folder.glob("*.own"))
    open_memory()
    assert list(memory.folder.iterdir()) == []


def test_nothing_said_is_nothing_deleted(open_memory: Callable[..., Memory], library: Library) -> None:
    memory = open_memory()
    record(memory, "a red castle")
    memory.learn(library)
    with pytest.raises(UsageError):
        memory.delete()
    assert len(memory.history.past()) == 1 and memories_module.load(memory.folder) is not None
    memory.learn(library)
    known = memory.knowledge(library)
    assert known is not None and known.memories is not None


def test_what_is_loaded_while_it_is_deleted_does_not_stay(
    open_memory: Callable[..., Memory], library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(open_memory(), "a secret castle")
    open_memory().learn(library)
    memory, load, deleters = open_memory(), memories_module.load, []

    def slow(folder: Path) -> Memories | None:
        found = load(folder)
        deleters.append(run_aside(lambda: memory.delete(everything=True)))
        deleters[0].join(0.5)
        return found

    monkeypatch.setattr(memories_module, "load", slow)
    memory.knowledge(library)
    monkeypatch.undo()
    deleters[0].join(10)
    assert memory.memories is None and memory.knowledge(library) is None
