"""Generations are remembered as they were said: once each, with their LoRAs, links and images."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from castle import CASTLE, exported, link, picture
from lorarec.database import Database
from lorarec.history.adding import Added, UsageCount
from lorarec.history.store import History
from lorarec.history_types import Generation, ImageFile, Linked, PastGeneration, PastUse, Use


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


# -- linking -----------------------------------------------------------------------------------------------------------


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


# -- many at once ------------------------------------------------------------------------------------------------------


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


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
