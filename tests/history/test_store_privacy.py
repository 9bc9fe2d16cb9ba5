"""Whose a history is, and what may not be stored."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from castle import CASTLE, link, picture
from lorarec.database import Database
from lorarec.errors import UsageError
from lorarec.history.adding import Added, UsageCount
from lorarec.history.reading import Counts
from lorarec.history.store import History, Policy
from lorarec.history_types import Event, EventKind, Impression, OutcomeKind, ShownLora, Use


def fill(history: History) -> None:
    history.add_generations([(CASTLE, picture("1"))], link)
    history.add_images([picture("2")])
    history.add_outcomes([("/out/1.png", OutcomeKind.LIKED, 1.0)])
    history.add_impression(Impression(at=1.0, prompt="p", shown=(ShownLora("a", 0.5),)))
    history.add_event(Event(kind=EventKind.INSERT, lora="a", at=1.0, prompt="p"))
    history.add_usage("tool", [UsageCount(Use(name="rain"), 1)], link)


def test_users_do_not_see_each_other(database: Database) -> None:
    ada, bob = History(database, "ada"), History(database, "bob")
    fill(ada)
    assert bob.counts() == Counts() and bob.version() == "" and list(bob.export()) == []
    assert (bob.past(), bob.events(), bob.usage(), bob.impressions_of(range(999)), bob.known_images("/out")) == (
        [],
        [],
        [],
        {},
        {},
    )
    assert bob.relink(link) == 0 and bob.mark_gone(["/out/1.png"], 1.0) == 0
    fill(bob)
    assert bob.counts() == ada.counts()
    bob.delete(everything=True)
    assert bob.counts() == Counts()
    assert ada.counts() == Counts(
        generations=1,
        loras=1,
        unlinked=1,
        images=2,
        outcomes=1,
        impressions=1,
        events=1,
        usage=1,
        first=1000.0,
        last=1000.0,
    )


@pytest.mark.parametrize(("user", "policy"), [(None, Policy()), ("local", Policy(enabled=False))])
def test_nothing_is_recorded_without_a_user_or_with_history_off(
    database: Database, user: str | None, policy: Policy
) -> None:
    history = History(database, user, policy)
    assert history.recording is False
    assert history.add_generations([(CASTLE, picture("1"))], link) == Added()
    assert history.add_impression(Impression(at=1.0, prompt="p", shown=())) is None
    assert history.add_event(Event(kind=EventKind.INSERT, lora="a", at=1.0)) is None
    assert history.add_usage("tool", [UsageCount(Use(name="rain"), 1)], link) == 0
    history.add_images([picture("2")])
    assert history.counts() == Counts() and history.version() == "" and history.past() == []


def test_what_was_recorded_can_be_read_and_deleted_with_history_off(database: Database) -> None:
    fill(History(database))
    off = History(database, policy=Policy(enabled=False))
    assert len(off.past()) == 1 and off.counts().events == 1
    assert off.mark_gone(["/out/1.png"], 1.0) == 0 and off.add_outcomes([("/out/1.png", OutcomeKind.KEPT, 1.0)]) == 0
    off.delete(everything=True)
    assert off.counts() == Counts()


def test_wishes_are_kept_with_history_off_but_no_trace_of_the_prompt(database: Database) -> None:
    off = History(database, policy=Policy(enabled=False))
    for kind in EventKind:
        off.add_event(Event(kind=kind, lora=kind.value, at=1.0, prompt="secret", project="secret"))
    kept = {event.kind for event in off.events()}
    assert kept == {EventKind.LIKE, EventKind.DISLIKE, EventKind.NEUTRAL, EventKind.HIDE, EventKind.SHOW}
    assert {(event.prompt, event.project) for event in off.events()} == {("", "")}
    assert off.hidden() == {"hide"} and off.opinions() == {"like": 1, "dislike": -1}
    nobody = History(database, None)
    assert nobody.add_event(Event(kind=EventKind.HIDE, lora="x", at=1.0)) is None
    assert nobody.hidden() == frozenset() and nobody.opinions() == {}


def test_excluded_prompts_are_not_stored(database: Database) -> None:
    history = History(database, policy=Policy(exclude=("secret|hush", r"\bcat$")))
    found = [
        (replace(CASTLE, prompt="a SECRET castle"), picture("1")),
        (replace(CASTLE, prompt="a cat"), picture("2")),
        (replace(CASTLE, prompt="a cathedral", negative="secret"), picture("3")),
        (replace(CASTLE, prompt=None), picture("4")),
        (replace(CASTLE, prompt="hush"), None),
    ]
    assert history.add_generations(found, link) == Added(2, 2, 3)
    assert {past.prompt for past in history.past()} == {"a cathedral", None}
    assert set(history.known_images("/out")) == {f"/out/{n}.png" for n in range(1, 5)}, "not to be read again"
    assert history.add_impression(Impression(at=1.0, prompt="hush, hush", shown=())) is None
    assert history.add_event(Event(kind=EventKind.INSERT, lora="a", at=1.0, prompt="hush")) is None
    assert history.add_event(Event(kind=EventKind.LIKE, lora="a", at=1.0, prompt="hush", impression=1)) is not None
    assert [(event.kind, event.prompt) for event in history.events()] == [(EventKind.LIKE, "")]


def test_a_pattern_that_is_none_is_named(database: Database) -> None:
    with pytest.raises(UsageError, match=r"history_exclude holds '\(oops'"):
        History(database, policy=Policy(exclude=("fine", "(oops")))


def test_an_excluded_prompt_takes_what_was_known_of_its_file_along(database: Database) -> None:
    """A pattern chosen later takes effect on files that are read again."""
    History(database).add_generations([(CASTLE, picture("1")), (replace(CASTLE, seed=1), None)], link)
    history = History(database, policy=Policy(exclude=("castle",)))
    history.add_generations([(CASTLE, picture("1"))], link)
    assert [past.images for past in history.past()] == [0], "what was recorded from the act itself stays"
