"""What is remembered is what was said: generations, answers, events, counts; whose it is; what may not be stored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lorarec.database import Database, open_database
from lorarec.errors import UsageError
from lorarec.history.adding import Added, UsageCount
from lorarec.history.reading import Counts, PastCount
from lorarec.history.store import History, Policy
from lorarec.types import (
    Event,
    EventKind,
    Generation,
    ImageFile,
    Impression,
    Linked,
    OutcomeKind,
    PastGeneration,
    PastUse,
    ShownLora,
    Use,
)

CASTLE = Generation(
    prompt="a castle <lora:rain:0.6>",
    negative="people",
    loras=(Use(name="rain", strength=0.6, hashes=("0123456789ab",)), Use(name="dunes", strength=0.8, clip=0.5)),
    checkpoint="dream_v8.safetensors",
    base_model="SD 1.5",
    seed=42,
    steps=20,
    sampler="Euler",
    cfg=7.0,
    width=512,
    height=768,
    made=1000.0,
    host="a1111",
    reader="a1111:PNG parameters",
    project="book",
)


def link(use: Use) -> Linked:
    """An installed "rain"; nothing else is known."""
    return Linked("id-rain", "name") if use.name == "rain" else Linked("", "")


def picture(name: str, modified: float = 5000.0) -> ImageFile:
    return ImageFile(f"/out/{name}.png", 1000, int(modified * 1e9))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path) as opened:
        yield opened


@pytest.fixture
def history(database: Database) -> History:
    return History(database)


def exported(history: History, kind: str) -> list[dict]:
    return [row for row in history.export() if row["kind"] == kind]


# -- generations ------------------------------------------------------------------------------------------------------


def test_a_generation_is_remembered_with_its_loras_and_links(history: History) -> None:
    assert history.add_generations([(CASTLE, picture("1"))], link) == Added(1, 1, 0)
    [past] = history.past()
    assert past == PastGeneration(
        id=past.id,
        made=1000.0,
        prompt="a castle <lora:rain:0.6>",
        negative="people",
        base_model="SD 1.5",
        checkpoint="dream_v8.safetensors",
        project="book",
        host="a1111",
        loras=(PastUse("id-rain", "rain", 0.6, "name"), PastUse("", "dunes", 0.8, "")),
        images=1,
        deleted=0,
        liked=0,
    )


def test_the_same_content_is_one_generation_with_all_its_images(history: History) -> None:
    copy = replace(CASTLE, made=2000.0, reader="comfyui:prompt", loras=CASTLE.loras[::-1])
    assert history.add_generations([(CASTLE, None)], link) == Added(1, 0, 0)
    assert history.add_generations([(CASTLE, picture("1")), (copy, picture("2"))], link) == Added(0, 2, 0)
    assert history.add_generations([(CASTLE, picture("1")), (CASTLE, None)], link) == Added(0, 0, 0)
    [past] = history.past()
    assert (past.images, past.made) == (2, 1000.0)


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "a castle"},
        {"prompt": None},
        {"negative": None},
        {"negative": ""},
        {"checkpoint": "other"},
        {"seed": 43},
        {"seed": None},
        {"steps": 21},
        {"sampler": "DDIM"},
        {"width": 513},
        {"height": None},
        {"loras": CASTLE.loras[:1]},
        {"loras": (replace(CASTLE.loras[0], strength=0.61), CASTLE.loras[1])},
        {"loras": (replace(CASTLE.loras[0], clip=0.6), CASTLE.loras[1])},
        {"loras": (replace(CASTLE.loras[0], name="snow"), CASTLE.loras[1])},
    ],
    ids=str,
)
def test_other_content_is_another_generation(history: History, other: dict) -> None:
    assert history.add_generations([(CASTLE, None), (replace(CASTLE, **other), None)], link).generations == 2


@pytest.mark.parametrize(
    "same",
    [
        {"made": 9.0},
        {"host": "x", "reader": "y", "project": "z", "base_model": "SDXL", "cfg": 1.0},
        {"loras": (replace(CASTLE.loras[0], hashes=()), CASTLE.loras[1])},
        {"loras": (replace(CASTLE.loras[0], strength=0.6000000238418579), CASTLE.loras[1])},
    ],
    ids=str,
)
def test_what_is_not_content_makes_no_other_generation(history: History, same: dict) -> None:
    assert history.add_generations([(CASTLE, None), (replace(CASTLE, **same), None)], link).generations == 1


def test_loras_without_names_differ_by_hash_and_version(history: History) -> None:
    uses = [Use(name="", hashes=("ab",)), Use(name="", hashes=("cd",)), Use(name="", version_id="1")]
    assert history.add_generations([(replace(CASTLE, loras=(use,)), None) for use in uses], link).generations == 3


def test_the_time_is_stated_else_the_files_else_now(history: History) -> None:
    one, two, three = (replace(CASTLE, seed=seed, made=None) for seed in range(3))
    history.add_generations(
        [(replace(one, made=1.5), picture("1")), (two, picture("2", 777.25)), (three, None)], link, 9e9
    )
    assert [past.made for past in history.past()] == [1.5, 777.25, 9e9]


@pytest.mark.parametrize("seed", [0, 2**63 - 1, 2**63, 2**64 - 1, -1, None])
def test_every_seed_of_a_host_survives(history: History, seed: int | None) -> None:
    history.add_generations([(replace(CASTLE, seed=seed), None)], link)
    assert exported(history, "generation")[0]["seed"] == seed


def test_absurd_metadata_breaks_no_batch(history: History) -> None:
    absurd = Generation(
        prompt="half \ud83d of a pair, \0, 🏰",
        negative="\udc00",
        loras=(Use(name="\ud800", strength=float("inf"), clip=float("nan"), hashes=("a b", "\udfff")),),
        steps=10**30,
        width=-(10**30),
        cfg=float("-inf"),
        made=float("nan"),
        seed=10**40,
    )
    file = ImageFile("/out/\udce4.png", 1, 5_000_000_000)
    assert history.add_generations([(absurd, file), (CASTLE, picture("1"))], link) == Added(2, 2, 0)
    first, last = history.past()
    assert first.prompt == "half \\ud83d of a pair, \0, 🏰" and first.negative == "\\udc00"
    assert first.made == 5.0, "no time, so that of the file"
    assert first.loras == (PastUse("", "\\ud800", None, ""),)
    assert last.prompt == CASTLE.prompt
    assert history.add_generations([(absurd, file)], link) == Added(0, 0, 0), "and is known again"


def test_past_is_chosen_by_time_lora_project_and_count(history: History) -> None:
    other = replace(CASTLE, loras=(Use(name="dunes", strength=1.0),), project="")
    history.add_generations([(replace(CASTLE, seed=n, made=float(n)), None) for n in (5, 3, 4)], link)
    history.add_generations([(replace(other, seed=n, made=float(n)), None) for n in (2, 1)], link)

    def times(**chosen: object) -> list[float]:
        return [past.made for past in history.past(**chosen)]  # type: ignore[arg-type]

    assert times() == [1, 2, 3, 4, 5]
    assert times(since=2.0, until=4.0) == [2, 3]
    assert times(limit=2) == [4, 5]
    assert times(limit=0) == []
    assert times(lora="id-rain") == [3, 4, 5]
    assert times(lora="dunes") == [1, 2, 3, 4, 5], "by its name as written, since it is not linked"
    assert times(project="book", until=4.5) == [3, 4]
    assert times(project="") == [1, 2]
    assert times(lora="unheard of") == []
    assert [len(past.loras) for past in history.past(limit=4)] == [1, 2, 2, 2]


def test_a_batch_of_thousands(history: History) -> None:
    batch = [(replace(CASTLE, seed=n, made=float(n)), picture(str(n))) for n in range(2500)]
    assert history.add_generations(batch, link) == Added(2500, 2500, 0)
    assert history.add_generations(batch, link) == Added(0, 0, 0)
    past = history.past()
    assert len(past) == 2500 and {len(one.loras) for one in past} == {2} and {one.images for one in past} == {1}
    assert len(history.known_images("/out")) == 2500


def test_each_lora_of_a_batch_is_looked_up_once(history: History) -> None:
    asked: list[str] = []

    def counting(use: Use) -> Linked:
        asked.append(use.name)
        return link(use)

    history.add_generations([(replace(CASTLE, seed=n), None) for n in range(50)], counting)
    assert sorted(asked) == ["dunes", "rain"]


# -- linking ----------------------------------------------------------------------------------------------------------


def test_names_are_linked_when_their_lora_appears(history: History) -> None:
    uses = (Use(name="dunes"), Use(name="both"), Use(name="rain"), Use(name="never"))
    linked = {"rain": Linked("id-rain", "name"), "both": Linked("", "ambiguous")}

    def by_name(use: Use) -> Linked:
        return linked.get(use.name, Linked("", ""))

    history.add_generations([(replace(CASTLE, loras=uses, seed=n), None) for n in range(3)], by_name)
    history.add_usage("tool", [UsageCount(Use(name="dunes"), 4)], by_name)
    before = history.version()
    assert history.relink(by_name) == 0 and history.version() == before, "nothing has appeared"

    linked.update(dunes=Linked("id-dunes", "hash"), both=Linked("id-both", "version"))
    del linked["rain"]  # vanished from the catalogue: what was linked stays linked
    assert history.relink(by_name) == 3 + 3 + 1
    assert history.version() != before
    expected = (("id-dunes", "hash"), ("id-both", "version"), ("id-rain", "name"), ("", ""))
    for past in history.past():
        assert tuple((use.lora, use.how) for use in past.loras) == expected
    assert [(one.lora, one.how) for one in history.usage()] == [("id-dunes", "hash")]


def test_relinking_tells_names_apart_by_their_hashes(history: History) -> None:
    uses = (Use(name="x", hashes=("aa", "bb")), Use(name="x", hashes=("cc",)), Use(name="x", version_id="7"))
    history.add_generations([(replace(CASTLE, loras=uses), None)], lambda use: Linked("", "ambiguous"))

    def by_hash(use: Use) -> Linked:
        if use.version_id:
            return Linked("id-7", "version")
        return Linked("id-a", "hash") if use.hashes == ("aa", "bb") else Linked("", "")

    assert history.relink(by_hash) == 2
    assert [(use.lora, use.how) for use in history.past()[0].loras] == [("id-a", "hash"), ("", ""), ("id-7", "version")]


# -- answers, events, counts ------------------------------------------------------------------------------------------


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
    assert id_ is not None and history.impressions() == {id_: answer}
    event = Event(
        kind=EventKind.STRENGTH, lora="b", at=11.0, strength=0.7, before=1.0, impression=id_, prompt="a", project="p"
    )
    assert history.add_event(event) is not None
    assert history.events() == [event]


def test_an_event_about_a_forgotten_answer_is_kept_without_it(history: History) -> None:
    event = Event(kind=EventKind.INSERT, lora="a", at=1.0, impression=99)
    assert history.add_event(event) is not None
    assert history.events() == [replace(event, impression=None)]


def test_events_and_answers_are_chosen_by_time_kind_and_lora(history: History) -> None:
    kinds = [EventKind.INSERT, EventKind.REMOVE, EventKind.DISMISS]
    for at in (3, 1, 2, 5, 4):
        history.add_event(Event(kind=kinds[at % 3], lora="a" if at % 2 else "b", at=float(at)))
        history.add_impression(Impression(at=float(at), prompt=str(at), shown=(ShownLora("a", 0.5),)))

    def times(**chosen: object) -> list[float]:
        return [event.at for event in history.events(**chosen)]  # type: ignore[arg-type]

    assert times() == [1, 2, 3, 4, 5]
    assert times(since=2.0, until=5.0) == [2, 3, 4]
    assert times(lora="b") == [2, 4]
    assert times(kinds=[EventKind.DISMISS, EventKind.INSERT]) == [2, 3, 5]
    assert times(kinds=[EventKind.DISMISS], limit=1) == [5]
    assert times(limit=2) == [4, 5]
    assert [one.prompt for one in history.impressions(since=2.0, limit=3).values()] == ["3", "4", "5"]


def test_the_latest_word_on_a_lora_counts(history: History) -> None:
    said = [("a", "like"), ("b", "dislike"), ("c", "like"), ("a", "dislike"), ("c", "neutral"), ("d", "hide")]
    said += [("e", "hide"), ("e", "show"), ("a", "hide"), ("f", "insert")]
    for at, (lora, kind) in enumerate(said):
        history.add_event(Event(kind=EventKind(kind), lora=lora, at=float(at)))
    assert history.opinions() == {"a": -1, "b": -1}
    assert history.hidden() == {"a", "d"}
    history.add_event(Event(kind=EventKind.LIKE, lora="a", at=0.5))  # noted late: not the latest word
    assert history.opinions()["a"] == -1


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


# -- whose it is, and what may be stored ------------------------------------------------------------------------------


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
    assert (bob.past(), bob.events(), bob.usage(), bob.impressions(), bob.known_images("/out")) == ([], [], [], {}, {})
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


# -- many at once -----------------------------------------------------------------------------------------------------


def test_threads_that_add_the_same_make_it_once(history: History) -> None:
    batches = [[(replace(CASTLE, seed=n), picture(str(n))) for n in range(k, k + 60)] for k in (0, 20, 40)]
    added: list[Added] = []

    def work(batch: list) -> Callable[[], None]:
        return lambda: added.append(history.add_generations(batch, link))

    threads = [threading.Thread(target=work(batch)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.generations for one in added) == 100 == len(history.past())
    assert len(history.known_images("/out")) == 100


_words = st.text("ab ,<>:", max_size=6)
_strength = st.none() | st.integers(-4, 4).map(lambda quarters: quarters / 4)
_uses = st.builds(Use, name=st.sampled_from(["a", "b", ""]), strength=_strength, clip=_strength)
_generations = st.builds(
    Generation,
    prompt=st.none() | _words,
    negative=st.none() | _words,
    loras=st.lists(_uses, max_size=3).map(tuple),
    seed=st.none() | st.integers(0, 2**64 - 1),
    steps=st.none() | st.integers(1, 50),
    made=st.floats(0, 1e10),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(found=st.lists(_generations, max_size=6))
def test_adding_twice_and_in_any_order_is_adding_once(database: Database, found: list[Generation]) -> None:
    def content(history: History) -> set:
        columns = ("prompt", "negative", "seed", "steps")
        uses: dict[int, list] = {}
        for row in exported(history, "use"):
            uses.setdefault(row["generation"], []).append((row["name"], row["strength"], row["clip"]))
        return {
            (*(row[name] for name in columns), tuple(sorted(uses.get(row["id"], []), key=repr)))
            for row in exported(history, "generation")
        }

    once, again = History(database, "once"), History(database, "again")
    once.delete(everything=True)
    again.delete(everything=True)
    once.add_generations([(one, None) for one in found], link)
    for one in reversed(found):
        again.add_generations([(replace(one, loras=one.loras[::-1]), None)], link)
    again.add_generations([(one, None) for one in found], link)
    expected = {
        (
            g.prompt,
            g.negative,
            g.seed,
            g.steps,
            tuple(sorted(((u.name, u.strength, u.clip) for u in g.loras), key=repr)),
        )
        for g in found
        if g.teaches
    }
    assert content(once) == content(again) == expected
    assert once.counts().generations == again.counts().generations == len(expected)
