"""What is recorded of whom: images, answers, wishes, with their LoRAs linked; and what counts of it in suggestions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from lorarec import recording, watching
from lorarec.errors import UsageError
from lorarec.history.adding import UsageCount
from lorarec.history_types import Event, EventKind, ImageFile, OutcomeKind, Use
from lorarec.recommender import Recommender
from lorarec.types import Active, Query, Suggestion, Suggestions
from traces import generation, left_of
from words_only import WORDS_ONLY

NAMES = ("alpha", "bravo", "charlie", "delta")
Make = Callable[..., Path]
Open = Callable[..., Recommender]


@pytest.fixture
def roots(loras_named: Callable[..., Path]) -> Path:
    return loras_named(*NAMES)


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
    assert (history.past(), history.events(), history.impressions_of(range(999))) == ([], [], {})
    assert (history.opinions(), history.hidden(), history.usage()) == ({}, frozenset(), [])
    derived = left_of(tmp_path / "data" / "index", "xyzzy")
    assert derived and {path.parent.parent.name for path in derived} == {anna.memory.folder.name}
    assert bert.memory.folder.name != anna.memory.folder.name


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
    assert nobody.memory.knowledge(nobody._library.now.pipeline.library) is None  # type: ignore[union-attr]
    assert left_of(tmp_path / "data", "xyzzy") == [] and not nobody.memory.folder.exists()
    with pytest.raises(UsageError):
        nobody.memory.harvest([tmp_path])
    assert nobody.memory.delete(everything=True).generations == 0


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


# Recording


def test_an_image_has_one_name_however_a_host_writes_its_folder(open_as: Open, tmp_path: Path) -> None:
    here = open_as("anna")
    (tmp_path / "out").mkdir()
    image = tmp_path / "out" / "a.png"
    image.write_bytes(b"x")
    assert here.memory.record_generation(generation("neon city"), [str(tmp_path / "user" / ".." / "out" / "a.png")])
    (tmp_path / "user").mkdir()
    assert here.memory.record_generation(generation("neon city"), [str(tmp_path / "user" / ".." / "out" / "a.png")])
    assert list(here.memory.history.known_images(str(tmp_path / "out"))) == [str(image)]


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
    shown = here.memory.history.impressions_of(range(999))[number]
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
    assert here.memory.history.impressions_of(range(999))[number or 0].shown[0].propensity == 0.25


def test_events_point_to_the_answer_and_wishes_count_at_once(open_as: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LEARN_EVERY", float("inf"))
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
    assert memory.memories is not None
    counted = memory.memories.past.counted
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


def test_files_that_are_no_images_are_left_out(tmp_path: Path) -> None:
    there = tmp_path / "there.png"
    there.write_bytes(b"12")
    found = list(recording._files([str(there), str(tmp_path / "gone.png"), str(tmp_path), "", "\0"]))
    assert found == [ImageFile(str(there), 2, there.stat().st_mtime_ns)]
