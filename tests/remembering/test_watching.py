"""When it is looked and learned: questions never wait, and nothing begins after the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lorarec import watching
from lorarec.history.store import History
from lorarec.history_types import Event, EventKind
from lorarec.library import Library
from lorarec.remembering import Memory
from one_memory import Encoders, record
from waiting import wait_for


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions of the history that were asked for."""
    seen: list[str] = []
    version = History.version
    monkeypatch.setattr(History, "version", lambda self: seen.append(version(self)) or seen[-1])
    return seen


def test_it_is_looked_once_in_a_while_and_after_every_event(
    open_memory: Callable[..., Memory], library: Library, monkeypatch: pytest.MonkeyPatch, looks: list[str]
) -> None:
    memory = open_memory()
    record(memory, "a red castle")
    memory.learn(library)
    memory.knowledge(library)
    before = len(looks)
    for _ in range(5):
        memory.knowledge(library)
    assert len(looks) == before
    memory.record_event(Event(kind=EventKind.LIKE, lora="alpha", at=1.0))
    known = memory.knowledge(library)
    assert known is not None and known.wishes.opinion[0] == 1
    assert len(looks) > before
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.0)
    before = len(looks)
    memory.knowledge(library)
    memory.knowledge(library)
    assert len(looks) == before + 2


def test_what_another_process_recorded_is_learned_but_not_at_once_again(
    open_memory: Callable[..., Memory], library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.0)
    memory, other = open_memory(), open_memory()
    record(other, "a red castle")
    memory.learn(library)
    record(other, "deer", first=5)
    memory.knowledge(library)
    assert memory._watch._worker is None, "it learned a moment ago"
    monkeypatch.setattr(watching, "LEARN_EVERY", 0.0)
    memory.knowledge(library)
    wait_for(lambda: memory.memories is not None and memory.memories.texts == ("a red castle", "deer"))


def test_a_failure_in_the_background_is_told_and_the_next_time_tries_again(
    open_memory: Callable[..., Memory],
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(watching, "LEARN_EVERY", 0.0)
    memory = open_memory()
    record(memory, "a red castle")
    with monkeypatch.context() as patched:
        patched.setattr(History, "past", lambda self: 1 / 0)
        memory.knowledge(library)
        wait_for(lambda: "learning from the history failed" in caplog.text)
    wait_for(lambda: memory.knowledge(library) is not None)
    assert memory.memories is not None and memory.memories.texts == ("a red castle",)


def test_closing_does_not_wait_until_the_host_has_time_to_encode(
    open_memory: Callable[..., Memory], library: Library, encoders: Encoders
) -> None:
    memory = open_memory(lambda: True)
    record(memory, "a red castle")
    assert memory.knowledge(library) is None, "the answer does not wait"
    worker = memory._watch._worker
    assert worker is not None
    wait_for(lambda: memory.memories is not None)
    memory.close()
    assert not worker.is_alive() and encoders.encoded == []
    memory._watch._learn_soon(library)
    assert memory._watch._worker is worker, "after the end nothing begins"
