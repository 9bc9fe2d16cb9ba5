"""Answers, events and counts are remembered as they were said, and any of it changes the version."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from castle import CASTLE, link, picture
from lorarec.database import Database, open_database
from lorarec.history.adding import UsageCount
from lorarec.history.reading import PastCount
from lorarec.history.store import History
from lorarec.history_types import Event, EventKind, Impression, OutcomeKind, ShownLora, Use


def test_answers_and_events_come_back_as_given(history: History) -> None:
    answer = Impression(
        at=10.0,
        prompt="a castle",
        shown=(ShownLora("b", 0.9, 0.5), ShownLora("a", 0.4)),
        base_model="SDXL",
        active=("c", "d"),
        project="book",
    )
    id_ = history.add_impression(answer)
    assert id_ is not None and history.impressions_of(range(999)) == {id_: answer}
    event = Event(
        kind=EventKind.STRENGTH, lora="b", at=11.0, strength=0.7, before=1.0, impression=id_, prompt="a", project="p"
    )
    assert history.add_event(event) is not None
    assert history.events() == [event]


def test_an_event_about_a_forgotten_answer_is_kept_without_it(history: History) -> None:
    event = Event(kind=EventKind.INSERT, lora="a", at=1.0, impression=99)
    assert history.add_event(event) is not None
    assert history.events() == [replace(event, impression=None)]


def test_events_are_chosen_by_kind_and_lora(history: History) -> None:
    kinds = [EventKind.INSERT, EventKind.REMOVE, EventKind.DISMISS]
    for at in (3, 1, 2, 5, 4):
        history.add_event(Event(kind=kinds[at % 3], lora="a" if at % 2 else "b", at=float(at)))

    def times(**chosen: object) -> list[float]:
        return [event.at for event in history.events(**chosen)]  # type: ignore[arg-type]

    assert times() == [3, 1, 2, 5, 4], "as they were recorded"
    assert times(lora="b") == [2, 4]
    assert times(kinds=[EventKind.DISMISS, EventKind.INSERT]) == [3, 2, 5]
    assert times(kinds=[EventKind.DISMISS], limit=1) == [5]
    assert times(limit=2) == [5, 4]


def test_answers_are_had_by_their_ids_and_by_their_user_only(database: Database) -> None:
    mine, other = History(database, "me"), History(database, "other")
    ids = [
        mine.add_impression(Impression(at=float(at), prompt=str(at), shown=(ShownLora("a", 0.5),))) for at in range(3)
    ]
    foreign = other.add_impression(Impression(at=9.0, prompt="x", shown=(ShownLora("a", 0.5),)))
    assert foreign is not None and ids[0] is not None and ids[2] is not None
    found = mine.impressions_of({ids[2], ids[0], foreign, 10_000, *range(20_000, 21_000)})
    assert [(number, one.prompt, len(one.shown)) for number, one in found.items()] == [
        (ids[0], "0", 1),
        (ids[2], "2", 1),
    ]
    assert mine.impressions_of(()) == {}


def test_the_latest_word_on_a_lora_counts(history: History) -> None:
    said = [("a", "like"), ("b", "dislike"), ("c", "like"), ("a", "dislike"), ("c", "neutral"), ("d", "hide")]
    said += [("e", "hide"), ("e", "show"), ("a", "hide"), ("f", "insert")]
    for at, (lora, kind) in enumerate(said):
        history.add_event(Event(kind=EventKind(kind), lora=lora, at=float(at)))
    assert history.opinions() == {"a": -1, "b": -1}
    assert history.hidden() == {"a", "d"}
    for lora, kind in (("a", EventKind.LIKE), ("a", EventKind.SHOW)):
        history.add_event(Event(kind=kind, lora=lora, at=0.5))  # the clock was set back
    assert history.opinions()["a"] == 1 and history.hidden() == {"d"}


def test_counts_of_another_tool_replace_what_it_said_before(history: History) -> None:
    rows = [UsageCount(Use(name="rain", strength=9.0), 3, 86400.0), UsageCount(Use(name="", hashes=("ab",)), 1)]
    assert history.add_usage("manager", rows, link) == 2
    assert history.add_usage("tags", rows[:1], link) == 1
    first = PastCount("manager", "id-rain", "rain", "name", 3, 86400.0)
    assert history.usage() == [first, PastCount("manager", "", "", "", 1, None), replace(first, source="tags")]
    version = history.version()
    assert history.add_usage("manager", rows, link) == 2
    assert history.version() == version, "the same counts again are no news"
    assert history.add_usage("manager", [], link) == 0
    assert [one.source for one in history.usage()] == ["tags"]
    assert history.version() != version


def test_the_version_changes_with_what_readers_would_see(history: History, tmp_path: Path) -> None:
    seen = [history.version()]
    assert seen == [""]

    def changed() -> bool:
        seen.append(history.version())
        return seen[-1] not in seen[:-1]

    history.add_generations([(CASTLE, picture("1"))], link)
    assert changed()
    history.add_event(Event(kind=EventKind.INSERT, lora="a", at=1.0))
    assert changed()
    history.mark_gone(["/out/1.png"], at=2000.0)
    assert changed(), "an image is gone"
    history.add_generations([(CASTLE, picture("1"))], link)
    assert changed(), "and is back"
    history.add_outcomes([("/out/1.png", OutcomeKind.LIKED, 2.0)])
    assert changed()
    history.delete(lora="id-rain")
    assert changed()
    history.delete(everything=True)
    assert changed()
    history.add_generations([], link)
    history.add_outcomes([("/out/unknown.png", OutcomeKind.LIKED, 2.0)])
    history.mark_gone(["/out/unknown.png"], at=1.0)
    history.add_impression(Impression(at=1.0, prompt="", shown=()))
    assert not changed()
    with open_database(tmp_path / "other") as database:
        other = History(database)
        other.add_generations([(CASTLE, None)], link)
        assert other.version() not in seen, "another history never repeats a version of this one"
