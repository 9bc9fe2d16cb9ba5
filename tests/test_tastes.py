"""What a user makes changes what is suggested: tastes are found, wishes kept; without a past nothing changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from lorarec.history_types import Event, EventKind, Generation, Use
from lorarec.recommender import Recommender
from lorarec.types import Active, Query, Suggestion
from waiting import wait_for
from words_only import WORDS_ONLY

CITY = ("alpha", "bravo", "charlie", "delta")
FOREST = ("echo", "foxtrot", "golf", "hotel")
CITY_PROMPTS = (
    "neon city at night, rain",
    "skyscrapers in fog, neon",
    "street of a city, wet asphalt",
    "neon signs, night",
)
FOREST_PROMPTS = ("mossy forest, morning light", "deer in a forest", "old oak, ferns, moss", "forest stream, moss")
Make = Callable[..., Path]


@pytest.fixture
def roots(loras_named: Callable[..., Path]) -> Path:
    """LoRAs whose names say nothing about a prompt, so that only the past can tell them apart."""
    return loras_named(*CITY, *FOREST, "india", "juliett", "kilo", "lima", "mike", "november")


@pytest.fixture
def recommender(roots: Path, tmp_path: Path) -> Iterator[Recommender]:
    with Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as opened:
        opened.refresh()
        yield opened


def made(prompt: str, names: Sequence[str], seed: int, strength: float = 0.8, **fields: object) -> Generation:
    uses = tuple(Use(name=name, strength=strength) for name in names)
    return Generation(prompt=prompt, loras=uses, made=1.7e9 + seed * 3600, seed=seed, **fields)  # type: ignore[arg-type]


def two_tastes() -> list[Generation]:
    """A city taste and a forest taste, each with three of its four LoRAs at a time."""
    past = []
    for taste, prompts in ((CITY, CITY_PROMPTS), (FOREST, FOREST_PROMPTS)):
        for at in range(24):
            prompt = prompts[at % len(prompts)]
            used = [name for place, name in enumerate(taste) if place != at % len(taste)]
            past.append(made(f"{prompt}, picture {at}", used, seed=len(past)))
    return past


def remember(recommender: Recommender, past: Sequence[Generation]) -> None:
    for generation in past:
        assert recommender.memory.record_generation(generation)
    recommender.learn()


def names(found: Sequence[Suggestion]) -> list[str]:
    return [suggestion.lora.removesuffix(".safetensors") for suggestion in found]


def asked(recommender: Recommender, prompt: str, top: int = 14, **fields: object) -> list[Suggestion]:
    query = Query(prompt=prompt, min_score=0.0, diversity=0.0, **fields)  # type: ignore[arg-type]
    return list(recommender.recommend(query, top).suggestions)


# Tastes


@pytest.mark.parametrize(("taste", "prompt"), [(CITY, "neon city, fog, rain"), (FOREST, "moss and ferns, forest")])
def test_each_of_two_tastes_gets_its_own_loras(recommender: Recommender, taste: tuple[str, ...], prompt: str) -> None:
    remember(recommender, two_tastes())
    assert set(names(asked(recommender, prompt))[:4]) == set(taste)


@pytest.mark.parametrize(("taste", "prompt"), [(CITY, "a city at night"), (FOREST, "deep in the forest")])
@pytest.mark.parametrize("withheld", range(4))
def test_the_one_withheld_lora_of_a_taste_is_found_first(
    recommender: Recommender, taste: tuple[str, ...], prompt: str, withheld: int
) -> None:
    remember(recommender, two_tastes())
    active = tuple(Active(name) for place, name in enumerate(taste) if place != withheld)
    found = asked(recommender, prompt, active=active)
    assert names(found)[0] == taste[withheld]
    assert any("together with" in reason.text or "prompts like this" in reason.text for reason in found[0].reasons)


def test_reasons_tell_the_users_own_use(recommender: Recommender) -> None:
    remember(recommender, [made(CITY_PROMPTS[0], ["alpha"], seed, strength=0.6) for seed in range(5)])
    best = asked(recommender, CITY_PROMPTS[0])[0]
    assert names([best]) == ["alpha"]
    assert best.reasons[0].text == "used 5× with prompts like this, usually at 0.6"


def test_without_a_past_scores_are_the_blends_to_the_last_digit(roots: Path, tmp_path: Path) -> None:
    with Recommender.open([roots], tmp_path / "a", settings=WORDS_ONLY, user=None) as nobody:
        nobody.refresh()
        cold = asked(nobody, "neon alpha city")
    with Recommender.open([roots], tmp_path / "b", settings=WORDS_ONLY) as fresh:
        fresh.refresh()
        assert [(one.lora, one.score) for one in asked(fresh, "neon alpha city")] == [
            (one.lora, one.score) for one in cold
        ]


def test_one_image_does_not_turn_the_list_around(recommender: Recommender) -> None:
    before = asked(recommender, "bravo, portrait of a knight")[0]
    remember(recommender, [made("a bowl of fruit", ["november"], 1)])
    after = asked(recommender, "bravo, portrait of a knight")
    assert names([before]) == ["bravo"] and names(after)[0] == "bravo"


# Wishes


def wish(recommender: Recommender, kind: EventKind, name: str, prompt: str = "") -> None:
    lora = recommender.find(name).id
    assert recommender.memory.record_event(Event(kind=kind, lora=lora, at=time.time(), prompt=prompt)) is not None


def test_what_is_hidden_never_shows_again_until_it_is_shown(recommender: Recommender) -> None:
    wish(recommender, EventKind.HIDE, "alpha")
    assert "alpha" not in names(asked(recommender, "alpha"))
    assert "alpha" not in names(list(recommender.similar("bravo", 13).suggestions))
    wish(recommender, EventKind.SHOW, "alpha")
    assert names(asked(recommender, "alpha"))[0] == "alpha"


def test_what_is_disliked_sinks_and_what_is_liked_rises(recommender: Recommender) -> None:
    plain = {one.lora: one.score for one in asked(recommender, "alpha bravo")}
    wish(recommender, EventKind.DISLIKE, "alpha")
    wish(recommender, EventKind.LIKE, "bravo")
    after = {one.lora: one.score for one in asked(recommender, "alpha bravo")}
    assert after["alpha.safetensors"] < plain["alpha.safetensors"] / 2
    assert after["bravo.safetensors"] > plain["bravo.safetensors"]
    liked = next(one for one in asked(recommender, "alpha bravo") if one.lora == "bravo.safetensors")
    assert any(reason.text == "you liked it" for reason in liked.reasons)
    wish(recommender, EventKind.NEUTRAL, "alpha")
    assert {one.lora: one.score for one in asked(recommender, "alpha bravo")}["alpha.safetensors"] == pytest.approx(
        plain["alpha.safetensors"]
    )


def test_a_dismissal_counts_at_its_prompt_more_than_elsewhere(recommender: Recommender) -> None:
    here, elsewhere = "alpha in a neon city", "alpha beside a mossy oak"
    plain = {prompt: asked(recommender, prompt)[0].score for prompt in (here, elsewhere)}
    wish(recommender, EventKind.DISMISS, "alpha", here)
    lost = {
        prompt: plain[prompt] - next(one.score for one in asked(recommender, prompt) if "alpha" in one.lora)
        for prompt in plain
    }
    assert lost[here] > lost[elsewhere] > 0
    wish(recommender, EventKind.UNDISMISS, "alpha", here)
    assert {prompt: asked(recommender, prompt)[0].score for prompt in plain} == pytest.approx(plain)


def test_wishes_hold_with_the_history_off_and_nothing_else_is_recorded(roots: Path, tmp_path: Path) -> None:
    off = replace(WORDS_ONLY, history=False)
    with Recommender.open([roots], tmp_path / "data", settings=off) as recommender:
        recommender.refresh()
        assert not recommender.memory.record_generation(made("alpha", ["alpha"], 1))
        query = Query(prompt="neon")
        assert recommender.memory.record_shown(query, recommender.recommend(query)) is None
        wish(recommender, EventKind.HIDE, "alpha", "a secret prompt")
        assert "alpha" not in names(asked(recommender, "alpha"))
        assert recommender.memory.history.past() == []
    raw = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("lorarec.sqlite3*"))
    assert b"a secret prompt" not in raw


def test_history_switched_off_falls_back_to_the_shared_ranking(roots: Path, tmp_path: Path) -> None:
    with Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as recommender:
        recommender.refresh()
        cold = [(one.lora, one.score) for one in asked(recommender, "neon city")]
        remember(recommender, two_tastes())
        assert [(one.lora, one.score) for one in asked(recommender, "neon city")] != cold
    off = replace(WORDS_ONLY, history=False)
    with Recommender.open([roots], tmp_path / "data", settings=off) as recommender:
        recommender.refresh()
        assert [(one.lora, one.score) for one in asked(recommender, "neon city")] == cold


# Strengths


def test_the_users_own_strength_wins_with_use(recommender: Recommender) -> None:
    plain = recommender.strength("alpha", Query(prompt="neon city")).model
    remember(recommender, [made(f"neon city {seed}", ["alpha"], seed, strength=0.4) for seed in range(3)])
    few = recommender.strength("alpha", Query(prompt="neon city"))
    remember(recommender, [made(f"neon city {seed}", ["alpha"], seed, strength=0.4) for seed in range(3, 40)])
    many = recommender.strength("alpha", Query(prompt="neon city"))
    assert plain > few.model > many.model
    assert many.model == pytest.approx(0.4, abs=0.05)
    assert many.source.startswith("your own use (n=40, usually 0.4)")
    assert many.low <= many.model <= many.high


def test_a_fuller_stack_lowers_the_users_own_strength(recommender: Recommender) -> None:
    remember(recommender, [made(f"neon city {seed}", ["alpha"], seed, strength=0.9) for seed in range(30)])
    alone = recommender.strength("alpha", Query(prompt="neon city"))
    crowded = recommender.strength("alpha", Query(prompt="neon city", active=(Active("bravo"), Active("charlie"))))
    assert crowded.model < alone.model


# Keeping and forgetting


def test_what_was_learned_is_there_in_the_next_process(roots: Path, tmp_path: Path) -> None:
    with Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as recommender:
        recommender.refresh()
        remember(recommender, two_tastes())
        before = [(one.lora, one.score) for one in asked(recommender, "neon city")]
    with Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as recommender:
        assert [(one.lora, one.score) for one in asked(recommender, "neon city")] == before


def test_what_is_deleted_is_forgotten_at_once_everywhere(roots: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Recommender.open([roots], data, settings=WORDS_ONLY) as recommender:
        recommender.refresh()
        cold = [(one.lora, one.score) for one in asked(recommender, "neon city")]
        remember(recommender, [made(f"neon city, xyzzyplugh {seed}", ["alpha"], seed) for seed in range(9)])
        assert names(asked(recommender, "neon city"))[0] == "alpha"
        recommender.memory.delete(everything=True)
        assert [(one.lora, one.score) for one in asked(recommender, "neon city")] == cold
    left = [path for path in data.rglob("*") if path.is_file() and b"xyzzyplugh" in path.read_bytes()]
    assert left == []


def test_another_project_counts_little(roots: Path, tmp_path: Path) -> None:
    settings = replace(WORDS_ONLY, project="book")
    with Recommender.open([roots], tmp_path / "data", settings=settings) as recommender:
        recommender.refresh()
        past = [made("neon city", ["alpha"], seed, project="poster") for seed in range(12)]
        past += [made("neon city", ["bravo"], seed, project="book") for seed in range(12, 24)]
        remember(recommender, past)
        assert names(asked(recommender, "neon city"))[:2] == ["bravo", "alpha"]


def test_a_file_that_appears_later_takes_over_its_past(roots: Path, tmp_path: Path, make_lora: Make) -> None:
    with Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as recommender:
        recommender.refresh()
        remember(recommender, [made("neon city", ["oscar"], seed) for seed in range(9)])
        make_lora(roots / "oscar.safetensors", seed=99)
        recommender.refresh()
        assert names(asked(recommender, "neon city"))[0] == "oscar"


def test_another_process_records_and_this_one_learns(
    roots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lorarec.watching.LOOK_EVERY", 0.0)
    monkeypatch.setattr("lorarec.watching.LEARN_EVERY", 0.0)
    with (
        Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as here,
        Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as there,
    ):
        here.refresh()
        there.refresh()
        for seed in range(9):
            there.memory.record_generation(made("neon city", ["kilo"], seed))
        wait_for(lambda: names(asked(here, "neon city"))[0] == "kilo", 20)
