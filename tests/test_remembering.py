"""What is remembered of whom, what is learned of it, when, and that what is deleted is gone from everywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from lorarec import library as library_module
from lorarec import own as own_module
from lorarec import remembering
from lorarec.catalog.store import Catalog
from lorarec.database import Database, open_database
from lorarec.errors import BadFile, UsageError
from lorarec.history.adding import UsageCount
from lorarec.index.vector_store import VectorStore, text_hash
from lorarec.library import Library
from lorarec.recommender import Recommender
from lorarec.remembering import Memory
from lorarec.settings import Settings
from lorarec.types import (
    Active,
    Event,
    EventKind,
    Generation,
    ImageFile,
    Lora,
    OutcomeKind,
    Query,
    Suggestion,
    Suggestions,
    Use,
)

NOBODY = "nobody/has-this-model"
WORDS_ONLY = Settings(encoder_semantic=NOBODY, encoder_artistic=NOBODY, encoder_technical=NOBODY)
NAMES = ("alpha", "bravo", "charlie", "delta")
Make = Callable[..., Path]
Open = Callable[..., Recommender]


def generation(prompt: str, *names: str, seed: int = 0, **fields: object) -> Generation:
    uses = tuple(Use(name=name, strength=0.8) for name in names or ("alpha",))
    return Generation(prompt=prompt, loras=uses, made=1.7e9 + seed, seed=seed, **fields)  # type: ignore[arg-type]


@pytest.fixture
def roots(tmp_path: Path, make_lora: Make) -> Path:
    for number, name in enumerate(NAMES):
        make_lora(tmp_path / "loras" / f"{name}.safetensors", {"ss_output_name": name}, seed=number)
    return tmp_path / "loras"


@pytest.fixture
def open_as(roots: Path, tmp_path: Path) -> Iterator[Open]:
    """``open_as(user)`` opens a recommender over the one data folder, indexed."""
    with ExitStack() as stack:

        def open_(user: str | None = "local", folder: Path = roots, **settings: object) -> Recommender:
            chosen = replace(WORDS_ONLY, **settings)  # type: ignore[type-var]
            opened = Recommender.open([folder], tmp_path / "data", settings=chosen, user=user)
            stack.enter_context(opened)
            opened.refresh()
            return opened

        yield open_


def names(found: Suggestions) -> list[str]:
    return [one.lora.removesuffix(".safetensors") for one in found.suggestions]


def ask(recommender: Recommender, prompt: str = "neon city") -> list[str]:
    return names(recommender.recommend(Query(prompt=prompt, min_score=0.0, diversity=0.0), 4))


def wish(recommender: Recommender, kind: EventKind, name: str, **fields: object) -> int | None:
    event = Event(kind=kind, lora=recommender.find(name).id, at=time.time(), **fields)  # type: ignore[arg-type]
    return recommender.memory.record_event(event)


def left_of(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


# Whose it is


def test_users_of_one_data_folder_know_nothing_of_each_other(open_as: Open, tmp_path: Path) -> None:
    anna, bert = open_as("anna"), open_as("bert")
    cold = ask(bert)
    for seed in range(9):
        assert anna.memory.record_generation(generation("neon city, xyzzy", "delta", seed=seed))
    wish(anna, EventKind.HIDE, "bravo")
    wish(anna, EventKind.LIKE, "alpha")
    assert anna.memory.record_shown(Query(prompt="x"), anna.recommend(Query(prompt="neon city"))) is not None
    for recommender in (anna, bert):
        recommender.learn()
    assert ask(anna)[0] == "delta" and "bravo" not in ask(anna)
    assert ask(bert) == cold
    history = bert.memory.history
    assert (history.past(), history.events(), history.impressions()) == ([], [], {})
    assert (history.opinions(), history.hidden(), history.usage()) == ({}, frozenset(), [])
    derived = left_of(tmp_path / "data" / "index", "xyzzy")
    assert derived and {path.parent.parent.name for path in derived} == {anna.memory._folder.name}
    assert bert.memory._folder.name != anna.memory._folder.name


def test_what_one_user_deletes_the_other_keeps(open_as: Open, tmp_path: Path) -> None:
    anna, bert = open_as("anna"), open_as("bert")
    for recommender, name in ((anna, "delta"), (bert, "charlie")):
        for seed in range(9):
            recommender.memory.record_generation(generation(f"neon city of {name}", name, seed=seed))
        recommender.learn()
    anna.memory.delete(everything=True)
    assert ask(bert)[0] == "charlie" and len(bert.memory.history.past()) == 9
    assert left_of(tmp_path / "data" / "index", "city of delta") == []
    assert left_of(tmp_path / "data" / "index", "city of charlie") != []


def test_of_nobody_nothing_is_recorded_not_even_a_wish(open_as: Open, tmp_path: Path) -> None:
    nobody = open_as(None)
    assert not nobody.memory.record_generation(generation("neon city, xyzzy"))
    assert nobody.memory.record_shown(Query(prompt="xyzzy"), nobody.recommend(Query(prompt="neon city"))) is None
    for kind in EventKind:
        assert wish(nobody, kind, "alpha", prompt="xyzzy") is None
    nobody.learn()
    assert nobody.memory.own(nobody._now.pipeline.library) is None  # type: ignore[union-attr]
    assert left_of(tmp_path / "data", "xyzzy") == [] and not nobody.memory._folder.exists()
    with pytest.raises(UsageError):
        nobody.memory.harvest([tmp_path])
    assert nobody.memory.delete(everything=True).generations == 0


# Recording


def test_a_generation_is_linked_and_its_base_model_is_told_by_its_checkpoint(open_as: Open, tmp_path: Path) -> None:
    here = open_as()
    images = [tmp_path / "1.png", tmp_path / "2.png"]
    for image in images:
        image.write_bytes(b"x")
    paths = [*map(str, images), str(tmp_path / "gone.png"), "no\0name"]
    made = generation("neon city", "loras/Alpha.safetensors", "unknown", checkpoint="dreamshaper_8.safetensors")
    assert here.memory.record_generation(made, paths)
    [past] = here.memory.history.past()
    assert [(use.lora, use.name) for use in past.loras] == [
        (here.find("alpha").id, "loras/Alpha.safetensors"),
        ("", "unknown"),
    ]
    assert (past.base_model, past.images) == ("SD 1.5", 2)
    known = here.memory.history.known_images(str(tmp_path))
    assert known == {str(image): (1, image.stat().st_mtime_ns) for image in images}


def test_a_base_model_that_is_stated_stands(open_as: Open) -> None:
    here = open_as()
    here.memory.record_generation(generation("x", checkpoint="dreamshaper_8.safetensors", base_model="SDXL"))
    assert here.memory.history.past()[0].base_model == "SDXL"


def test_what_is_made_belongs_to_the_project_in_hand_unless_it_says_another(open_as: Open) -> None:
    here = open_as(project="book")
    here.memory.record_generation(generation("x", seed=1))
    here.memory.record_generation(generation("y", seed=2, project="film"))
    assert [one.project for one in here.memory.history.past()] == ["book", "film"]


def test_prompts_that_are_excluded_leave_no_trace(open_as: Open, tmp_path: Path) -> None:
    here = open_as(history_exclude=("secret",))
    query = Query(prompt="a SECRET garden")
    assert not here.memory.record_generation(generation("a SECRET garden"))
    assert here.memory.record_shown(query, here.recommend(query)) is None
    assert wish(here, EventKind.DISMISS, "alpha", prompt="a SECRET garden") is None
    assert wish(here, EventKind.LIKE, "alpha", prompt="a SECRET garden") is not None
    assert here.memory.record_generation(generation("a garden"))
    here.learn()
    assert left_of(tmp_path / "data", "SECRET garden") == []


def test_an_answer_is_kept_by_catalogue_ids(open_as: Open) -> None:
    here = open_as()
    query = Query(prompt="neon", active=(Active("bravo.safetensors", 0.5), Active("stranger")), base_model="sdxl")
    answer = here.recommend(replace(query, min_score=0.0, base_model=None), 2)
    number = here.memory.record_shown(query, answer, at=5.0)
    assert number is not None
    shown = here.memory.history.impressions()[number]
    assert [one.lora for one in shown.shown] == [one.id for one in answer.suggestions] and len(shown.shown) == 2
    assert [one.score for one in shown.shown] == [one.score for one in answer.suggestions]
    assert (shown.at, shown.prompt, shown.base_model) == (5.0, "neon", "SDXL")
    assert shown.active == (here.find("bravo").id,)


def test_an_empty_answer_was_not_seen(open_as: Open) -> None:
    here = open_as()
    nothing = Suggestions(suggestions=(), abstained=True, took_ms=0.0, stage="lexical")
    assert here.memory.record_shown(Query(prompt="x"), nothing) is None


def test_the_chance_of_being_shown_is_kept(open_as: Open) -> None:
    here = open_as()
    first: Suggestion = here.recommend(Query(prompt="neon", min_score=0.0), 1).suggestions[0]
    answer = Suggestions(suggestions=(replace(first, propensity=0.25),), abstained=False, took_ms=0.0, stage="lexical")
    number = here.memory.record_shown(Query(prompt="x"), answer)
    assert here.memory.history.impressions()[number or 0].shown[0].propensity == 0.25


def test_events_point_to_the_answer_and_wishes_count_at_once(open_as: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "LEARN_EVERY", float("inf"))
    here = open_as()
    ask(here)
    number = here.memory.record_shown(Query(prompt="x"), here.recommend(Query(prompt="neon city", min_score=0.0)))
    wish(here, EventKind.INSERT, "alpha", impression=number, prompt="neon city", strength=0.7)
    [event] = here.memory.history.events()
    assert (event.impression, event.strength, event.kind) == (number, 0.7, EventKind.INSERT)
    assert "delta" in ask(here)
    wish(here, EventKind.HIDE, "delta")
    assert "delta" not in ask(here)


def test_a_name_is_tried_again_when_its_file_is_there(open_as: Open, roots: Path, make_lora: Make) -> None:
    here = open_as()
    for seed in range(6):
        here.memory.record_generation(generation("neon city", "oscar", seed=seed))
    here.learn()
    assert here.memory.history.past()[0].loras[0].lora == ""
    links = here.memory.links
    assert here.memory.links is links, "built once while nothing changed"
    make_lora(roots / "oscar.safetensors", seed=99)
    here.refresh()
    assert here.memory.history.past()[0].loras[0].lora == here.find("oscar").id
    assert here.memory.links is not links and ask(here)[0] == "oscar"


def test_what_was_made_with_a_copy_in_another_hosts_folder_counts_here_too(
    open_as: Open, tmp_path: Path, make_lora: Make
) -> None:
    other_folder = tmp_path / "other host"
    make_lora(other_folder / "renamed.safetensors", {"ss_output_name": "delta"}, seed=NAMES.index("delta"))
    there, here = open_as(folder=other_folder), open_as()
    for seed in range(9):
        there.memory.record_generation(generation("neon city", "renamed", seed=seed))
    here.learn()
    assert ask(here)[0] == "delta"


def test_of_several_tools_that_counted_the_one_that_counted_most_is_believed(open_as: Open) -> None:
    here = open_as()
    memory = here.memory
    memory.history.add_usage(
        "one", [UsageCount(Use(name="alpha"), 4, 1.0), UsageCount(Use(name="alpha"), 5, 2.0)], memory.links
    )
    memory.history.add_usage("two", [UsageCount(Use(name="alpha"), 7), UsageCount(Use(name="bravo"), 2)], memory.links)
    memory.history.add_usage("three", [UsageCount(Use(name="nobody"), 70)], memory.links)
    memory.record_generation(generation("x"))
    here.learn()
    assert memory._memories is not None
    counted = memory._memories.past.counted
    rows = {lora.stem: row for row, lora in enumerate(here.loras())}
    assert {name: counted[row] for name, row in rows.items()} == {"alpha": 9, "bravo": 2, "charlie": 0, "delta": 0}


def test_what_became_of_images_counts(open_as: Open, tmp_path: Path) -> None:
    here = open_as()
    for seed, name in enumerate(("alpha", "bravo") * 6):
        image = tmp_path / f"{seed}.png"
        image.write_bytes(b"x")
        here.memory.record_generation(generation(f"neon city {seed}", name, seed=seed), [str(image)])
    made = [str(tmp_path / f"{seed}.png") for seed in range(0, 12, 2)]
    here.memory.history.add_outcomes([(path, OutcomeKind.DELETED, 2e9) for path in made])
    here.learn()
    answer = here.recommend(Query(prompt="neon city", min_score=0.0, diversity=0.0), 4)
    kept = {one.lora: one.signals["own_kept"] for one in answer.suggestions}
    assert kept["alpha.safetensors"] == -kept["bravo.safetensors"] < 0  # type: ignore[operator]
    assert kept["charlie.safetensors"] is None


# Learning


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


LORAS = tuple(Lora(id=name, root="/r", path=f"{name}.safetensors", size=1, modified=1.0) for name in NAMES)


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
    from lorarec.types import Linked

    found = [(generation(prompt, seed=seed), None) for seed, prompt in enumerate(prompts, first)]
    memory.history.add_generations(found, lambda use: Linked(use.name, "name"))


def meaning_of(memory: Memory) -> list[bool]:
    """Which of the prompts have a vector."""
    assert memory._memories is not None
    vectors = memory._memories.prompts.vectors
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
    assert second._memories is not None and second._memories.texts == ("a red castle", "deer", "owl")


def test_words_are_there_before_meaning(
    open_memory: Callable[..., Memory], library: Library, encoders: Encoders
) -> None:
    memory = open_memory()
    record(memory, "a red castle")
    seen: list[int] = []

    def look() -> None:
        own = memory.own(library)
        assert own is not None and own.memories is not None
        seen.append(own.memories.prompts.count)

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
    assert own_module.load(memory._folder) is None, "half of it is not written down"
    memory.learn(library)
    assert meaning_of(memory) == [True, True] and own_module.load(memory._folder) is not None
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
    assert memory._memories is not None and memory._memories.past.count == 1


def test_what_changes_while_prompts_are_encoded_is_learned_before_anything_is_saved(
    open_memory: Callable[..., Memory], library: Library, encoders: Encoders
) -> None:
    memory, other = open_memory(), open_memory()
    record(memory, "a secret castle", "deer")
    encoders.during = lambda: other.history.delete(since=0, until=1.7e9 + 1)
    memory.learn(library)
    assert own_module.load(memory._folder) is None
    encoders.during = lambda: None
    memory.learn(library)
    kept = own_module.load(memory._folder)
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
    wait_for(lambda: memory._memories is not None)
    deleter = run_aside(lambda: memory.delete(everything=True))
    deleter.join(10)
    learner.join(10)
    assert not deleter.is_alive() and not learner.is_alive() and encoders.encoded == []
    assert memory.own(library) is None and left_of(tmp_path / "data", "secret castle") == []


def test_closing_does_not_wait_for_it_either(
    open_memory: Callable[..., Memory], library: Library, encoders: Encoders
) -> None:
    memory = open_memory(lambda: True)
    record(memory, "a red castle")
    assert memory.own(library) is None, "the answer does not wait"
    worker = memory._worker
    assert worker is not None
    wait_for(lambda: memory._memories is not None)
    memory.close()
    assert not worker.is_alive() and encoders.encoded == []
    memory._learn_soon(library)
    assert memory._worker is worker, "after the end nothing begins"


def test_memories_are_never_shown_beside_another_library(
    open_memory: Callable[..., Memory], encoders: Encoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "LEARN_EVERY", float("inf"))
    memory = open_memory()
    small, large = build_library(encoders, "small", LORAS[:1]), build_library(encoders, "large")
    record(memory, "a red castle")
    memory.record_event(Event(kind=EventKind.LIKE, lora="alpha", at=1.0))
    memory.learn(small)
    own = memory.own(small)
    assert own is not None and own.memories is not None
    for _ in range(3):
        memory.record_event(Event(kind=EventKind.LIKE, lora="bravo", at=2.0))
        own = memory.own(large)
        assert own is not None and own.memories is None and own.wishes.opinion.tolist() == [1, 1, 0, 0]
    memory.learn(large)
    own = memory.own(large)
    assert own is not None and own.memories is not None and len(own.memories.past.counted) == 4


def test_what_was_learned_while_wishes_were_read_stays(
    open_memory: Callable[..., Memory], library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread learns while another looks at the wishes: whoever is slower must not bring the older past back."""
    monkeypatch.setattr(remembering, "LEARN_EVERY", float("inf"))
    memory = open_memory()
    record(memory, "a red castle")
    memory.learn(library)
    record(memory, "deer", first=5)
    reading, build = threading.Event(), own_module.own

    def slow(*args: object) -> object:
        if threading.current_thread() is reader:
            reading.set()
            time.sleep(0.3)
        return build(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(own_module, "own", slow)
    reader = threading.Thread(
        target=lambda: memory.record_event(Event(kind=EventKind.LIKE, lora="alpha", at=1.0)) and memory.own(library)
    )
    reader.start()
    assert reading.wait(10)
    memory.learn(library)
    reader.join()
    own = memory.own(library)
    assert own is not None and own.memories is not None and own.memories.past.count == 2


def test_another_project_in_hand_is_learned_anew(open_memory: Callable[..., Memory], library: Library) -> None:
    first = open_memory()
    record(first, "a red castle")
    first.learn(library)
    second = open_memory(project="book")
    second._attach(library)
    assert second._memories is None
    second.learn(library)
    assert second._memories is not None and second._memories.past.weight.tolist() == [0.25]


def test_with_the_history_off_what_was_learned_rests(open_memory: Callable[..., Memory], library: Library) -> None:
    first = open_memory()
    record(first, "a red castle")
    first.learn(library)
    off = open_memory(history=False)
    assert off.own(library) is None and off.judged() is None
    off.learn(library)
    assert off.own(library) is None and own_module.load(off._folder) is not None


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


def test_what_was_derived_for_another_host_is_deleted_with_it(open_as: Open, tmp_path: Path, make_lora: Make) -> None:
    other_folder = tmp_path / "other host"
    make_lora(other_folder / "alpha.safetensors", seed=7)
    here, there = open_as(), open_as(folder=other_folder)
    here.memory.record_generation(generation("neon city, xyzzy"))
    for recommender in (here, there):
        recommender.learn()
    assert len({path.parent for path in left_of(tmp_path / "data" / "index", "xyzzy")}) == 2
    here.memory.delete(everything=True)
    assert left_of(tmp_path / "data", "xyzzy") == []


def test_nothing_said_is_nothing_deleted(open_memory: Callable[..., Memory], library: Library) -> None:
    memory = open_memory()
    record(memory, "a red castle")
    memory.learn(library)
    with pytest.raises(UsageError):
        memory.delete()
    assert len(memory.history.past()) == 1 and own_module.load(memory._folder) is not None
    memory.learn(library)
    own = memory.own(library)
    assert own is not None and own.memories is not None


def test_files_that_are_no_images_are_left_out(tmp_path: Path) -> None:
    there = tmp_path / "there.png"
    there.write_bytes(b"12")
    found = list(remembering._files([str(there), str(tmp_path / "gone.png"), str(tmp_path), "", "\0"]))
    assert found == [ImageFile(str(there), 2, there.stat().st_mtime_ns)]
