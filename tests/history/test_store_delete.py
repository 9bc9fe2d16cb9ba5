"""The user's own data: deleting it for good, and taking it along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lorarec.database import Database, open_database
from lorarec.errors import UsageError
from lorarec.history.adding import UsageCount
from lorarec.history.deleting import Deleted
from lorarec.history.reading import Counts
from lorarec.history.schema import tables
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

MARK = "zanzibarquux"
TEXTS = ("prompt", "negative", "image", "loraname", "answer", "event", "checkpoint", "usage")


def link(use: Use) -> Linked:
    return Linked("", "") if use.name.startswith("unknown") else Linked(f"id-{use.name}", "name")


@pytest.fixture
def history(database: Database) -> History:
    """Days 1 to 4: one generation, image, answer, event and count each, with the LoRA "odd" or "even"."""
    history = History(database)
    for day in range(1, 5):
        at, name = day * 10.0, "odd" if day % 2 else "even"
        uses = (Use(name=name, strength=0.5), Use(name=f"unknown {day}"))
        image = ImageFile(f"/out/{day}.png", 1, 1)
        history.add_generations([(Generation(prompt=f"prompt {day}", loras=uses, made=at), image)], link)
        history.add_outcomes([(image.path, OutcomeKind.LIKED, at)])
        shown = (ShownLora(f"id-{name}", 0.9), ShownLora("id-always", 0.1))
        active = ("id-active-3",) if day == 3 else ("id-other",)
        id_ = history.add_impression(Impression(at=at, prompt=f"prompt {day}", shown=shown, active=active))
        history.add_event(
            Event(kind=EventKind.INSERT, lora=f"id-{name}", at=at, impression=id_, prompt=f"prompt {day}")
        )
    days = [UsageCount(Use(name="odd" if day % 2 else "even"), day, day * 10.0) for day in range(1, 5)]
    history.add_usage("tool", [*days, UsageCount(Use(name="timeless"), 9)], link)
    return history


def left(history: History) -> list[list[int]]:
    """The days of which generations, answers, events and counts are left."""
    times = (
        (past.made for past in history.past()),
        (shown.at for shown in history.impressions_of(range(999)).values()),
        (event.at for event in history.events()),
        (one.at for one in history.usage() if one.at is not None),
    )
    return [[round(at / 10) for at in some] for some in times]


def rows(database: Database) -> dict[str, int]:
    """Rows of every table, so that nothing is left hanging about."""
    with database.read() as connection:
        found = {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar()
            for name in tables().metadata.tables
        }
    return {name.removeprefix("history_"): count for name, count in found.items()}


def test_a_period(history: History, database: Database) -> None:
    deleted = history.delete(since=20.0, until=40.0)
    assert deleted == Deleted(generations=2, images=2, outcomes=2, impressions=2, events=2, usage=2)
    assert left(history) == [[1, 4]] * 4
    assert rows(database) == {
        "generation": 2,
        "use": 4,
        "image": 4,
        "source": 0,
        "outcome": 2,
        "impression": 2,
        "shown": 4,
        "event": 2,
        "usage": 3,
        "state": 1,
    }
    assert history.delete(since=20.0, until=40.0) == Deleted()


def test_since_and_until_alone(history: History) -> None:
    history.delete(until=20.0)
    assert left(history) == [[2, 3, 4]] * 4
    history.delete(since=40.0)
    assert left(history) == [[2, 3]] * 4


def test_a_lora_goes_with_everything_that_mentions_it(history: History, database: Database) -> None:
    deleted = history.delete(lora="id-odd")
    assert deleted == Deleted(generations=2, images=2, outcomes=2, impressions=2, events=2, usage=2)
    assert left(history) == [[2, 4]] * 4
    assert [use.lora for past in history.past() for use in past.loras] == ["id-even", ""] * 2
    assert rows(database)["shown"] == 4


def test_a_lora_by_its_name_as_written(history: History) -> None:
    assert history.delete(lora="unknown 3") == Deleted(generations=1, images=1, outcomes=1)
    assert history.delete(lora="timeless") == Deleted(usage=1)


def test_a_lora_that_was_only_active_or_only_shown(history: History) -> None:
    assert history.delete(lora="id-active") == Deleted(), "not even where another name begins alike"
    assert history.delete(lora="id-active-3") == Deleted(impressions=1)
    assert [event.impression is None for event in history.events()] == [False, False, True, False]
    assert history.delete(lora="id-always") == Deleted(impressions=3)


def test_a_lora_in_a_period(history: History) -> None:
    assert history.delete(lora="id-odd", since=25.0).generations == 1
    assert left(history) == [[1, 2, 4]] * 4


def test_what_has_such_a_prompt_but_no_counts_which_have_none(history: History) -> None:
    assert [past.prompt for past in history.past(pattern="PROMPT [12]$")] == ["prompt 1", "prompt 2"]
    deleted = history.delete(pattern="PROMPT [12]$")
    assert deleted == Deleted(generations=2, images=2, outcomes=2, impressions=2, events=2, usage=0)
    assert left(history) == [[3, 4], [3, 4], [3, 4], [1, 2, 3, 4]]
    history.delete(pattern="prompt", since=40.0)
    assert left(history)[0] == [3]


@pytest.mark.parametrize("pattern", ["(", ""])
def test_a_pattern_that_is_none_deletes_nothing(history: History, pattern: str) -> None:
    with pytest.raises(UsageError):
        history.delete(pattern=pattern)
    assert left(history)[0] == [1, 2, 3, 4]


@pytest.mark.parametrize("what", [{"pattern": "castle"}, {"until": 20.0}, {"pattern": "castle", "until": 20.0}])
def test_what_was_said_of_a_lora_holds_on_without_its_prompt(history: History, what: dict[str, Any]) -> None:
    number = next(iter(history.impressions_of(range(999))))
    where = {"at": 15.0, "prompt": "a red castle", "project": "book", "impression": number}
    for kind, lora in ((EventKind.HIDE, "x"), (EventKind.LIKE, "y"), (EventKind.DISMISS, "z")):
        history.add_event(Event(kind=kind, lora=lora, **where))
    history.delete(**what)
    assert history.hidden() == {"x"} and history.opinions() == {"y": 1}
    told = {event.lora: (event.prompt, event.project, event.impression) for event in history.events()}
    assert told["x"] == told["y"] == ("", "", None) and "z" not in told


@pytest.mark.parametrize("what", [{"lora": "x"}, {"lora": "x", "pattern": "castle"}, {"everything": True}])
def test_what_was_said_of_a_lora_goes_with_the_lora_and_with_everything(history: History, what: dict[str, Any]) -> None:
    history.add_event(Event(kind=EventKind.HIDE, lora="x", at=15.0, prompt="a red castle"))
    history.delete(**what)
    assert history.hidden() == frozenset()


def test_everything(history: History, database: Database) -> None:
    deleted = history.delete(everything=True)
    assert deleted == Deleted(generations=4, images=4, outcomes=4, impressions=4, events=4, usage=5)
    assert {name for name, count in rows(database).items() if count} == {"state"}
    assert history.counts() == Counts()


def test_no_harvest_brings_a_deleted_period_back_but_all_begins_anew(history: History) -> None:
    history.delete(lora="id-odd")
    assert set(history.known_images("/out")) == {f"/out/{day}.png" for day in range(1, 5)}
    history.delete(everything=True)
    assert history.known_images("/out") == {}


@pytest.mark.parametrize("nothing", [{}, {"lora": ""}, {"lora": "", "since": 1.0}])
def test_nothing_in_particular_is_refused(history: History, nothing: dict) -> None:
    with pytest.raises(UsageError, match="say what to delete"):
        history.delete(**nothing)
    assert left(history) == [[1, 2, 3, 4]] * 4


def test_a_deleted_answer_never_lends_its_id_to_another(history: History) -> None:
    last = max(history.impressions_of(range(999)))
    history.delete(everything=True)
    assert history.add_impression(Impression(at=1.0, prompt="", shown=())) == last + 1


# -- no text is left in the files -------------------------------------------------------------------------------------


def write_marks(history: History, count: int = 300) -> None:
    """Rows full of marks, some of them changed later, so that pages were split and rows moved."""
    for start in range(0, count, 50):
        found = []
        for n in range(start, start + 50):
            generation = Generation(
                prompt=f"{MARK}prompt {n} " * (1 + n % 40),
                negative=f"{MARK}negative",
                loras=(Use(name=f"unknown {MARK}loraname{n}", strength=0.5), Use(name="odd")),
                checkpoint=f"{MARK}checkpoint",
                seed=n,
                made=1000.0 + n,
            )
            found.append((generation, ImageFile(f"/out/{MARK}image{n}.png", 1, 1)))
        history.add_generations(found, link)
    for n in range(count):
        at = 1000.0 + n
        id_ = history.add_impression(Impression(at=at, prompt=f"{MARK}answer", shown=(ShownLora("id-odd", 0.5),)))
        history.add_event(Event(kind=EventKind.INSERT, lora="id-odd", at=at, impression=id_, prompt=f"{MARK}event"))
    counted = [UsageCount(Use(name=f"unknown {MARK}usage{n}"), 1, 1000.0 + n) for n in range(count)]
    history.add_usage("tool", counted, link)
    history.relink(lambda use: Linked("id-odd" if use.name.endswith("7") else "", "name"))


def marks(folder: Path) -> set[str]:
    """Which of the texts stand in any file of the data folder."""
    data = b"".join(path.read_bytes() for path in folder.iterdir())
    return {text for text in TEXTS if (MARK + text).encode() in data}


@pytest.mark.parametrize("other_open", [False, True])
def test_no_text_of_what_was_deleted_is_left_in_the_files(tmp_path: Path, other_open: bool) -> None:
    with open_database(tmp_path) as database, open_database(tmp_path) as second:
        history = History(database)
        if other_open:
            assert History(second).counts() == Counts(), "another program has it open, but reads nothing now"
        write_marks(history)
        assert marks(tmp_path) == set(TEXTS), "the test looks where the texts are"
        assert history.delete(everything=True).wiped
        assert marks(tmp_path) == set()
        assert database.check() == "ok"
    assert marks(tmp_path) == set()


def test_no_text_of_a_deleted_period_is_left_but_the_paths_of_files(tmp_path: Path) -> None:
    with open_database(tmp_path) as database:
        history = History(database)
        write_marks(history)
        history.add_generations([(Generation(prompt="another time", made=1.0), None)], link)
        history.delete(since=900.0)
        assert marks(tmp_path) == {"image"}
        assert [past.prompt for past in history.past()] == ["another time"]


def test_a_reader_at_work_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its snapshot holds the journal: nothing can be done about that but to say so, and it ends with the reader."""
    monkeypatch.setattr("lorarec.database.READER_SECONDS", 0.05)
    with open_database(tmp_path) as database, open_database(tmp_path) as second:
        history = History(database)
        write_marks(history, 50)
        with second.read() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM history_generation").scalar()
            deleted = history.delete(everything=True)
            assert deleted.generations == 50 and not deleted.wiped
        assert history.counts() == Counts()
        assert history.delete(everything=True).wiped
        assert marks(tmp_path) == set()


# -- export -----------------------------------------------------------------------------------------------------------


def test_every_row_and_column_is_exported_as_json(history: History, database: Database) -> None:
    history.add_images([ImageFile("/out/bare.png", 7, 8)])
    seeded = Generation(prompt=None, seed=2**64 - 1, loras=(Use(name="odd", hashes=("ab", "cd"), version_id="5"),))
    history.add_generations([(seeded, None)], link, now=50.0)
    lines = [json.loads(json.dumps(row, allow_nan=False)) for row in history.export()]
    assert all(next(iter(row)) == "kind" for row in lines)
    stored = {name: count for name, count in rows(database).items() if name != "state"}
    assert {kind: sum(row["kind"] == kind for row in lines) for kind in stored} == stored
    for name, table in tables().metadata.tables.items():
        kind = name.removeprefix("history_")
        for row in lines:
            assert row["kind"] != kind or set(row) == {"kind", *table.columns.keys()}
    last = [row for row in lines if row["kind"] == "generation"][-1]
    assert (last["prompt"], last["seed"], last["made"], last["live"]) == (None, 2**64 - 1, 50.0, True)
    use = [row for row in lines if row["kind"] == "use"][-1]
    assert (use["generation"], use["hashes"], use["version_id"]) == (last["id"], ["ab", "cd"], "5")
    bare = [row for row in lines if row["kind"] == "image"][-1]
    assert (bare["path"], bare["generation"], bare["size"]) == ("/out/bare.png", None, 7)


def test_an_export_is_of_one_moment(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lorarec.database.READER_SECONDS", 0.05)
    lines = history.export()
    first = next(lines)
    history.delete(lora="id-odd")
    assert sum(row["kind"] == "event" for row in (first, *lines)) == 4
