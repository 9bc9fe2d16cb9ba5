"""What an image made from another one says about that: enlarged, made again larger, or started from."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from lorarec.database import Database
from lorarec.history.store import History, Policy
from lorarec.history_types import Generation, ImageFile, Linked, Use

Image = tuple[Generation, ImageFile]


def link(use: Use) -> Linked:
    return Linked(f"id-{use.name}", "name")


def image(path: str, at: float, size: int = 1000, **fields: Any) -> Image:
    """An image file of that time below /out; by default of one prompt, LoRA, checkpoint and seed."""
    usual = {"prompt": "a fox", "loras": (Use(name="ink", strength=0.7),), "checkpoint": "base", "seed": 7}
    stated = {**usual, "steps": 20, "width": 512, "height": 768, **fields}
    return Generation(**stated), ImageFile(f"/out/{path}", size, int(at * 1e9))


def outcomes(history: History) -> dict[str, tuple[str, float]]:
    """Kind and time of what became of each image, by its path below /out."""
    rows = list(history.export())
    paths = {row["id"]: row["path"] for row in rows if row["kind"] == "image"}
    found = [row for row in rows if row["kind"] == "outcome"]
    assert len({row["image"] for row in found}) == len(found), "one for each image in these tests"
    return {paths[row["image"]].removeprefix("/out/"): (row["what"], row["at"]) for row in found}


def told(history: History, *images: Image) -> dict[str, tuple[str, float]]:
    """Outcomes after all of these are stored at once."""
    history.add_generations(list(images), link)
    history.mark_sources()
    return outcomes(history)


# -- enlarged or made again larger ------------------------------------------------------------------------------------

SMALL = image("small.png", 10)
LARGER: dict[str, Image] = {
    "extras": image("large.png", 20, upscaled=1),
    "hires fix": image("large.png", 20, upscaled=1, steps=30, sampler="other"),
    "a larger size": image("large.png", 20, width=768, height=1152, steps=30),
    "both": image("large.png", 20, width=768, height=1152, upscaled=1),
}
NOT: dict[str, Image] = {
    "the same again": image("other.png", 20),
    "before": image("other.png", 5, upscaled=1),
    "at the same time": image("other.png", 10, upscaled=1),
    "wider only": image("other.png", 20, width=768),
    "smaller": image("other.png", 20, width=256, height=384, upscaled=1),
    "another prompt": image("other.png", 20, prompt="a fix", upscaled=1),
    "another negative": image("other.png", 20, negative="x", upscaled=1),
    "another seed": image("other.png", 20, seed=8, upscaled=1),
    "another LoRA": image("other.png", 20, loras=(), upscaled=1),
    "another strength": image("other.png", 20, loras=(Use(name="ink", strength=0.8),), upscaled=1),
    "another checkpoint": image("other.png", 20, checkpoint="x", upscaled=1),
    "no size known": image("other.png", 20, width=None, height=None, upscaled=1),
}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("how", LARGER)
def test_the_smaller_one_made_before_is_upscaled(history: History, how: str, order: int) -> None:
    for one in [SMALL, LARGER[how]][::order]:
        history.add_generations([one], link)
    assert outcomes(history) == {"small.png": ("upscaled", 20.0)}
    assert sum(past.liked for past in history.past()) == 1


@pytest.mark.parametrize("why", NOT)
def test_what_is_no_enlargement_of_it(history: History, why: str) -> None:
    assert told(history, SMALL, NOT[why]) == {}


@pytest.mark.parametrize("unknown", ["seed", "prompt"])
def test_without_seed_or_prompt_nothing_is_known_to_be_a_redo(history: History, unknown: str) -> None:
    pair = [image("a.png", 10, **{unknown: None}), image("b.png", 20, **{unknown: None}, upscaled=1)]
    assert told(history, *pair) == {}


def test_an_enlarged_image_is_no_further_generation(history: History) -> None:
    history.add_generations([SMALL, LARGER["extras"]], link)
    [past] = history.past()
    assert (past.images, past.liked, past.deleted) == (2, 1, 0)


def test_who_always_enlarges_has_chosen_nothing(history: History) -> None:
    """Two files of one run, a copy, and a grid: all say the same of themselves."""
    assert told(history, *(image(f"{n}.png", n, upscaled=2) for n in range(4))) == {}


def test_of_a_batch_one_image_is_upscaled(history: History) -> None:
    batch = [image(f"{n}.png", n) for n in range(1, 5)]
    redone = [image(f"large {n}.png", 10 + n, upscaled=1) for n in range(4)]
    assert told(history, *batch, *redone) == {"4.png": ("upscaled", 10.0)}


def test_each_step_up_marks_the_one_before(history: History) -> None:
    steps = [image("1.png", 1), image("2.png", 2, upscaled=1), image("3.png", 3, upscaled=2)]
    assert told(history, *steps) == {"1.png": ("upscaled", 2.0), "2.png": ("upscaled", 3.0)}


def test_another_user_is_another_matter(database: Database) -> None:
    one, other = History(database, "one"), History(database, "other")
    one.add_generations([SMALL], link)
    other.add_generations([LARGER["extras"]], link)
    assert outcomes(one) == outcomes(other) == {}


# -- started from -----------------------------------------------------------------------------------------------------

FOX = image("day/fox_00001_.png", 10)


def owl(at: float = 20, *sources: str, **fields: Any) -> Image:
    return image("owl.png", at, prompt="an owl", seed=9, sources=sources, **fields)


@pytest.mark.parametrize("named", ["fox_00001_.png", "day/fox_00001_.png", "day\\fox_00001_.png", FOX[1].path])
def test_the_image_that_another_one_names_is_reused(history: History, named: str) -> None:
    assert told(history, FOX, owl(20, named)) == {"day/fox_00001_.png": ("reused", 20.0)}
    assert history.mark_sources() == 0, "it was said before"
    assert {past.prompt: past.liked for past in history.past()} == {"a fox": 1, "an owl": 0}


@pytest.mark.parametrize("named", ["x_00001_.png", "_00001_.png", "night/fox_00001_.png", "Fox_00001_.png"])
def test_a_name_that_is_another_one_means_nothing(history: History, named: str) -> None:
    assert told(history, FOX, owl(20, named)) == {}


def test_enlarged_in_the_act_it_is_upscaled(history: History) -> None:
    assert told(history, FOX, owl(20, "fox_00001_.png", upscaled=1)) == {"day/fox_00001_.png": ("upscaled", 20.0)}


def test_what_teaches_nothing_tells_of_its_source_all_the_same(history: History) -> None:
    """A graph that loads an image, enlarges it and saves it: no prompt, no LoRA, no checkpoint."""
    only = (
        Generation(prompt=None, sources=("fox_00001_.png",), upscaled=1),
        ImageFile("/out/large.png", 5, 20 * 10**9),
    )
    assert told(history, FOX, only) == {"day/fox_00001_.png": ("upscaled", 20.0)}
    assert len(history.past()) == 1 and set(history.known_images("/out")) == {FOX[1].path, "/out/large.png"}


def test_several_sources_count_each(history: History) -> None:
    cat = image("cat.png", 11, prompt="a cat")
    found = told(history, FOX, cat, owl(20, "cat.png", "fox_00001_.png", "photo.jpg"))
    assert found == {"cat.png": ("reused", 20.0), "day/fox_00001_.png": ("reused", 20.0)}


def test_a_name_must_be_unique_among_what_was_there_before(history: History) -> None:
    """Hosts count from 1 again in every folder."""
    later = image("later/fox_00001_.png", 30, prompt="a later fox")
    assert told(history, FOX, later, owl(20, "fox_00001_.png")) == {"day/fox_00001_.png": ("reused", 20.0)}
    earlier = image("earlier/fox_00001_.png", 5, prompt="an earlier fox", seed=3)
    history.delete(everything=True)
    assert told(history, FOX, earlier, owl(20, "fox_00001_.png")) == {}
    assert told(history, owl(21, "day/fox_00001_.png")) == {"day/fox_00001_.png": ("reused", 21.0)}


def test_copies_of_one_file_are_one(history: History) -> None:
    """An input folder that is harvested too, and favourites copied together."""
    copies = [image("input/fox_00001_.png", 15), image("best/fox_00001_.png", 12)]
    assert told(history, FOX, *copies, owl(20, "fox_00001_.png")) == {"day/fox_00001_.png": ("reused", 20.0)}


def test_a_file_that_moves_is_not_marked_twice(history: History) -> None:
    told(history, FOX, owl(20, "fox_00001_.png"))
    history.add_generations([image("best/fox_00001_.png", 10)], link)
    history.mark_gone([FOX[1].path], 25.0)
    assert history.mark_sources() == 0
    assert {past.prompt: past.liked for past in history.past()} == {"a fox": 1, "an owl": 0}


def test_images_that_taught_nothing_are_no_sources(history: History) -> None:
    history.add_images([ImageFile("/out/photo.png", 1, 1)])
    assert told(history, owl(20, "photo.png", "owl.png")) == {}, "nor is it its own"


def test_all_orders_and_any_pauses_give_the_same(database: Database) -> None:
    cat = image("cat.png", 30, prompt="a cat", sources=("owl.png",))
    for user, order in enumerate(permutations([FOX, owl(20, "fox_00001_.png"), cat])):
        history = History(database, str(user))
        for one in order:
            history.add_generations([one], link)
        history.mark_sources()
        assert outcomes(history) == {"day/fox_00001_.png": ("reused", 20.0), "owl.png": ("reused", 30.0)}


def test_what_a_file_said_before_it_changed_is_forgotten(history: History) -> None:
    history.add_generations([owl(20, "fox_00001_.png")], link)
    assert told(history, FOX, owl(21)) == {}


def test_deleted_is_deleted(history: History, database: Database) -> None:
    told(history, FOX, owl(20, "fox_00001_.png"))
    history.delete(since=15.0)
    assert outcomes(history) == {} and history.mark_sources() == 0
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM history_source").scalar() == 0


@pytest.mark.parametrize("policy", [Policy(enabled=False), Policy(exclude=("owl",))])
def test_what_may_not_be_recorded_tells_nothing(database: Database, policy: Policy) -> None:
    History(database).add_generations([FOX], link)
    assert told(History(database, policy=policy), owl(20, "fox_00001_.png")) == {}
