"""What is learned of the past, when, by words and by meaning; and that what is deleted is gone from everywhere."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from lorarec import knowledge as knowledge_module
from lorarec import library as library_module
from lorarec import memories as memories_module
from lorarec import watching
from lorarec.catalog.store import Catalog
from lorarec.database import Database, open_database
from lorarec.errors import BadFile, UsageError
from lorarec.history.adding import UsageCount
from lorarec.index.vector_store import VectorStore, text_hash
from lorarec.library import Library
from lorarec.remembering import Memory
from lorarec.settings import Settings
from lorarec.types import Event, EventKind, Linked, Lora, Use
from traces import generation, left_of


class Encoders:
    """One encoder in the place of a model on disk; what it does while it encodes is up to the test."""

    def __init__(self) -> None:
        self.model_id, self.dim, self.window = "letters", 2, 512
        self.encoded: list[str] = []
        self.during: Callable[[], object] = lambda: None
        self.reasons: list[str] = []

    def model_ids(self) -> dict[str, str]:
        return {} if self.reasons else {"semantic": self.model_id}

    @contextmanager
    def lend_bulk(self, name: str, texts: int) -> Iterator[Encoders]:
        assert name == self.model_id and texts > 0
        yield self

    def waiting(self, busy: Callable[[], bool]) -> Callable[[], bool]:
        return busy

    def give_up(self, reason: str) -> None:
        self.reasons.append(reason)

    def encode(self, texts: Sequence[str], progress: object = None) -> np.ndarray:
        self.during()
        self.encoded += texts
        rows = np.asarray([[text.count("e") + 1.0, text.count("a")] for text in texts], np.float32).reshape(-1, 2)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


LORAS = tuple(
    Lora(id=name, root="/r", path=f"{name}.safetensors", size=1, modified=1.0)
    for name in ("alpha", "bravo", "charlie", "delta")
)


def build_library(encoders: Encoders, key: str = "key", loras: Sequence[Lora] = LORAS) -> Library:
    models = {"semantic": "letters", "artistic": "letters", "technical": "letters"}
    plain = Encoders()
    return library_module.build(
        loras, key, models, lambda lens, texts: (plain.encode(texts), np.ones(len(texts), bool))
    )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def encoders() -> Encoders:
    return Encoders()


@pytest.fixture
def library(encoders: Encoders) -> Library:
    return build_library(encoders)


@pytest.fixture
def open_memory(database: Database, encoders: Encoders, tmp_path: Path) -> Iterator[Callable[..., Memory]]:
    """``open_memory(busy)`` opens the history of one user, as another process would each time."""
    opened: list[Memory] = []

    def open_(busy: Callable[[], bool] = lambda: False, **settings: object) -> Memory:
        memory = Memory(
            database,
            Catalog(database),
            VectorStore(database),
            encoders,  # type: ignore[arg-type]
            replace(Settings(), **settings),  # type: ignore[type-var]
            ["/r"],
            tmp_path / "data" / "index" / "roots",
            "local",
            busy,
        )
        opened.append(memory)
        return memory

    yield open_
    for memory in opened:
        memory.close()


def record(memory: Memory, *prompts: str, first: int = 0) -> None:
    """Generations whose LoRA is linked by the test: there is no catalogue."""
    found = [(generation(prompt, seed=seed), None) for seed, prompt in enumerate(prompts, first)]
    memory.history.add_generations(found, lambda use: Linked(use.name, "name"))


def meaning_of(memory: Memory) -> list[bool]:
    """Which of the prompts have a vector."""
    assert memory.memories is not None
    vectors = memory.memories.prompts.vectors
    return vectors.any(axis=1).tolist() if vectors.shape[1] else []


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


def run_aside(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


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


def test_closing_does_not_wait_for_it_either(
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


# Deleting


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
