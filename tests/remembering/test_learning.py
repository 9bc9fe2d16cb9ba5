"""What is learned of the past: by words first, then by meaning, once, and as far as it was not stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lorarec import knowledge as knowledge_module
from lorarec import memories as memories_module
from lorarec.errors import BadFile
from lorarec.history.adding import UsageCount
from lorarec.history_types import Linked, Use
from lorarec.library import Library
from lorarec.remembering import Memory
from one_memory import Encoders, meaning_of, record


def test_prompts_are_encoded_once_and_kept_for_the_next_process(
    open_memory: Callable[..., Memory], library: Library, encoders: Encoders
) -> None:
    first = open_memory()
    record(first, "a red castle", "(a red castle:1.2)", "deer")
    first.learn(library)
    assert sorted(encoders.encoded) == ["a red castle", "deer"] and meaning_of(first) == [True, True]
    first.learn(library)
    second = open_memory()
    second.learn(library)
    assert len(encoders.encoded) == 2 and meaning_of(second) == [True, True]
    record(second, "owl", first=5)
    second.learn(library)
    assert encoders.encoded[2:] == ["owl"] and meaning_of(second) == [True] * 3
    assert second.memories is not None and second.memories.texts == ("a red castle", "deer", "owl")


def test_what_was_stopped_goes_on_the_next_time(
    open_memory: Callable[..., Memory], library: Library, encoders: Encoders, tmp_path: Path
) -> None:
    memory = open_memory()
    record(memory, "a red castle", "deer")
    memory.learn(library, stop=lambda: True)
    assert encoders.encoded == [] and meaning_of(memory) == []
    assert memories_module.load(memory.folder) is None, "half of it is not written down"
    memory.learn(library)
    assert meaning_of(memory) == [True, True] and memories_module.load(memory.folder) is not None
    record(memory, "owl", first=5)
    memory.learn(library, stop=lambda: True)
    assert meaning_of(memory) == [True, True, False]
    memory.learn(library)
    assert meaning_of(memory) == [True, True, True]


def test_an_encoder_that_cannot_be_run_leaves_the_words(
    open_memory: Callable[..., Memory], library: Library, encoders: Encoders
) -> None:
    memory = open_memory()
    record(memory, "a red castle")

    def fail() -> None:
        raise BadFile("model.onnx", "it is damaged")

    encoders.during = fail
    memory.learn(library)
    assert len(encoders.reasons) == 1 and meaning_of(memory) == []
    assert memory.memories is not None and memory.memories.past.count == 1


def test_what_changes_while_prompts_are_encoded_is_learned_before_anything_is_saved(
    open_memory: Callable[..., Memory], library: Library, encoders: Encoders
) -> None:
    memory, other = open_memory(), open_memory()
    record(memory, "a secret castle", "deer")
    encoders.during = lambda: other.history.delete(since=0, until=1.7e9 + 1)
    memory.learn(library)
    assert memories_module.load(memory.folder) is None
    encoders.during = lambda: None
    memory.learn(library)
    kept = memories_module.load(memory.folder)
    assert kept is not None and kept.texts == ("deer",)


def test_another_project_in_hand_is_learned_anew(open_memory: Callable[..., Memory], library: Library) -> None:
    first = open_memory()
    record(first, "a red castle")
    first.learn(library)
    second = open_memory(project="book")
    second._current.restore(library)
    assert second.memories is None
    second.learn(library)
    assert second.memories is not None and second.memories.past.weight.tolist() == [0.25]


def test_with_the_history_off_what_was_learned_rests(open_memory: Callable[..., Memory], library: Library) -> None:
    first = open_memory()
    record(first, "a red castle")
    first.learn(library)
    off = open_memory(history=False)
    assert off.knowledge(library) is None
    off.learn(library)
    assert off.knowledge(library) is None and memories_module.load(off.folder) is not None


def test_what_other_tools_counted_speaks_without_any_generation(
    open_memory: Callable[..., Memory], library: Library
) -> None:
    memory = open_memory()
    memory.history.add_usage("tool", [UsageCount(Use(name="bravo"), 12)], lambda use: Linked(use.name, "name"))
    memory.learn(library)
    known = memory.knowledge(library)
    assert known is not None and known.memories is not None
    consulted = knowledge_module.consult(known, library, {"castle": 1.0}, None)
    assert (consulted.columns(np.arange(4))["own_counted"] > 0).tolist() == [False, True, False, False]
    off = open_memory(history=False)
    off.learn(library)
    assert off.knowledge(library) is None
