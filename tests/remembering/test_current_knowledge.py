"""What is known now: beside the library in use and no other, wishes at once, nothing older after what is newer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from lorarec import knowledge as knowledge_module
from lorarec import watching
from lorarec.history_types import Event, EventKind
from lorarec.library import Library
from lorarec.remembering import Memory
from one_memory import LORAS, Encoders, build_library, record


def test_memories_are_never_shown_beside_another_library(
    open_memory: Callable[..., Memory], encoders: Encoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LEARN_EVERY", float("inf"))
    memory = open_memory()
    small, large = build_library(encoders, "small", LORAS[:1]), build_library(encoders, "large")
    record(memory, "a red castle")
    memory.record_event(Event(kind=EventKind.LIKE, lora="alpha", at=1.0))
    memory.learn(small)
    known = memory.knowledge(small)
    assert known is not None and known.memories is not None
    for _ in range(3):
        memory.record_event(Event(kind=EventKind.LIKE, lora="bravo", at=2.0))
        known = memory.knowledge(large)
        assert known is not None and known.memories is None and known.wishes.opinion.tolist() == [1, 1, 0, 0]
    memory.learn(large)
    known = memory.knowledge(large)
    assert known is not None and known.memories is not None and len(known.memories.past.counted) == 4


def test_what_was_learned_while_wishes_were_read_stays(
    open_memory: Callable[..., Memory], library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread learns while another looks at the wishes: whoever is slower must not bring the older past back."""
    monkeypatch.setattr(watching, "LEARN_EVERY", float("inf"))
    memory = open_memory()
    record(memory, "a red castle")
    memory.learn(library)
    record(memory, "deer", first=5)
    reading, build = threading.Event(), knowledge_module.gather

    def slow(*args: object) -> object:
        if threading.current_thread() is reader:
            reading.set()
            time.sleep(0.3)
        return build(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(knowledge_module, "gather", slow)
    like = Event(kind=EventKind.LIKE, lora="alpha", at=1.0)
    reader = threading.Thread(target=lambda: memory.record_event(like) and memory.knowledge(library))
    reader.start()
    assert reading.wait(10)
    memory.learn(library)
    reader.join()
    known = memory.knowledge(library)
    assert known is not None and known.memories is not None and known.memories.past.count == 2


def test_putting_a_lora_in_again_takes_its_removal_back(open_memory: Callable[..., Memory], library: Library) -> None:
    memory = open_memory()

    def rows_after(lora: str, *kinds: EventKind) -> list[int]:
        for kind in kinds:
            memory.record_event(Event(kind=kind, lora=lora, at=1.7e9, prompt="a red castle"))
        known = memory.knowledge(library)
        return [] if known is None else known.wishes.rows.tolist()

    assert rows_after("bravo", EventKind.REMOVE) == [1]
    assert rows_after("bravo", EventKind.INSERT) == []
    assert rows_after("charlie", EventKind.INSERT, EventKind.REMOVE) == [], "put in and at once taken out"


def test_words_are_there_before_meaning(
    open_memory: Callable[..., Memory], library: Library, encoders: Encoders
) -> None:
    memory = open_memory()
    record(memory, "a red castle")
    seen: list[int] = []

    def look() -> None:
        known = memory.knowledge(library)
        assert known is not None and known.memories is not None
        seen.append(known.memories.prompts.count)

    encoders.during = look
    memory.learn(library)
    assert seen == [1]


def test_saved_memories_take_no_place_of_newer_ones(open_memory: Callable[..., Memory], library: Library) -> None:
    """A question may find another library than a thread that learns beside the new one meanwhile."""
    first, memory = open_memory(), open_memory()
    record(first, "a red castle")
    first.learn(library)
    record(first, "deer", first=5)
    memory.learn(library, stop=lambda: True)  # by words, and not saved
    known = memory._current.restore(library)
    assert known is not None and known.memories is not None and known.memories.past.count == 2
