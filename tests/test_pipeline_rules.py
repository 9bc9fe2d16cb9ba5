"""The rules of an answer, on small libraries searched by words alone: what is left out, marked, joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lorarec.errors import UsageError
from lorarec.recommender import Recommender
from lorarec.settings import Settings
from lorarec.types import Active, Query, Role, Safety, Suggestion, Suggestions
from words_only import WORDS_ONLY

PLAIN = replace(WORDS_ONLY, diversity=0.0, min_score=0.0)

Make = Callable[..., Path]
Open = Callable[..., Recommender]


def page(
    name: str,
    words: list[str] | None = None,
    *,
    tags: list[str] | None = None,
    examples: list[str] | None = None,
    base: str = "SD 1.5",
    model_id: int | None = None,
    level: int = 1,
    downloads: int | None = None,
    description: str = "",
) -> dict[str, Any]:
    """A ``.civitai.info`` file."""
    info: dict[str, Any] = {
        "name": "v1",
        "baseModel": base,
        "trainedWords": words or [],
        "description": "",
        "model": {"name": name, "type": "LORA", "nsfw": level > 2, "tags": tags or [], "description": description},
        "images": [
            {"url": "", "nsfwLevel": level, "meta": {"prompt": prompt}} for prompt in (examples or ["a picture"])
        ],
    }
    if model_id is not None:
        info |= {"modelId": model_id, "id": model_id * 100}
    if downloads is not None:
        info["stats"] = {"downloadCount": downloads}
    return {".civitai.info": info}


@pytest.fixture
def open_library(tmp_path: Path, make_lora: Make) -> Iterator[Open]:
    """``open_library({path: sidecars})`` lays the files down, indexes them and opens a recommender."""
    opened: list[Recommender] = []

    def open_(files: dict[str, dict[str, Any] | None], settings: Settings = PLAIN) -> Recommender:
        place = tmp_path / f"{len(opened)}"
        for number, (path, sidecars) in enumerate(files.items()):
            make_lora(place / "loras" / path, sidecars=sidecars, seed=number)
        recommender = Recommender.open([place / "loras"], place / "data", settings=settings)
        opened.append(recommender)
        recommender.refresh()
        assert recommender.stage == "lexical"
        return recommender

    yield open_
    for recommender in opened:
        recommender.close()


KNIGHT = page("Red Knight", ["redknight"], tags=["character"], examples=["redknight in a castle"], model_id=1)
OWL = page("Snow Owl", ["snowowl"], tags=["animal"], examples=["snowowl on a branch"], model_id=2)
CAKE = page("Cake", ["cakestyle"], tags=["food"], examples=["cakestyle, strawberries"], model_id=3)
THREE = {"knight.safetensors": KNIGHT, "birds/owl.safetensors": OWL, "food/cake.safetensors": CAKE}


def paths(answer: Suggestions) -> list[str]:
    return [suggestion.lora for suggestion in answer.suggestions]


def ask(recommender: Recommender, prompt: str, top: int = 1000, **fields: Any) -> list[str]:
    return paths(recommender.recommend(Query(prompt=prompt, **fields), top=top))


def only(recommender: Recommender, prompt: str, **fields: Any) -> Suggestion:
    return recommender.recommend(Query(prompt=prompt, **fields), top=1).suggestions[0]


@pytest.mark.parametrize(
    ("prompt", "first"),
    [
        ("redknight, castle", "knight.safetensors"),
        ("a snow owl in the forest", "birds/owl.safetensors"),
        ("(cakestyle:1.2), strawberries", "food/cake.safetensors"),
    ],
)
def test_the_one_that_is_named_comes_first(open_library: Open, prompt: str, first: str) -> None:
    answer = open_library(THREE).recommend(Query(prompt=prompt), top=3)
    assert paths(answer)[0] == first and len(answer.suggestions) == 3
    scores = [suggestion.score for suggestion in answer.suggestions]
    assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)


def test_a_suggestion_says_why_and_how(open_library: Open) -> None:
    found = only(open_library(THREE), "redknight in a castle", base_model="SD 1.5")
    assert found.trigger_words == ("redknight",) and found.name == "Red Knight" and found.role == "character"
    assert found.base_model is not None and found.base_model.name == "SD 1.5" and not found.base_model_doubt
    assert 1 <= len(found.reasons) <= 3 and any("redknight" in reason.text for reason in found.reasons)
    assert found.signals["trigger_cover"] == 1.0 and found.signals["semantic"] is None
    assert found.strength.low <= found.strength.model <= found.strength.high


# What is left out


def test_active_loras_are_not_suggested_again_by_whatever_name(open_library: Open) -> None:
    recommender = open_library(THREE)
    for name in ("knight", "knight.safetensors", "Red Knight"):
        assert "knight.safetensors" not in ask(recommender, "redknight", active=(Active(name),))
    assert "birds/owl.safetensors" not in ask(recommender, "snowowl", active=(Active("birds\\owl.safetensors"),))
    assert "knight.safetensors" not in ask(recommender, "redknight <lora:knight:0.7>")


def test_an_unknown_active_lora_is_noted_and_counts_in_the_stack(open_library: Open) -> None:
    recommender = open_library(THREE)
    alone = recommender.recommend(Query(prompt="redknight"), top=1)
    beside = recommender.recommend(Query(prompt="redknight", active=(Active("stranger", 1.0),)), top=1)
    assert any("stranger" in note for note in beside.notes) and paths(alone) == paths(beside)
    assert beside.suggestions[0].strength.model < alone.suggestions[0].strength.model


def test_a_lora_named_by_stack_and_tag_counts_once(open_library: Open) -> None:
    recommender = open_library(THREE)
    once = only(recommender, "redknight", active=(Active("owl", 1.0),))
    twice = only(recommender, "redknight <lora:owl:1.0>", active=(Active("birds/owl.safetensors", 1.0),))
    assert once.strength == twice.strength
    unknown = only(recommender, "redknight <lora:stranger:1.0>", active=(Active("Stranger", 1.0),))
    assert unknown.strength == once.strength


def test_an_ambiguous_active_lora_is_noted(open_library: Open) -> None:
    recommender = open_library({"a/x.safetensors": KNIGHT, "b/x.safetensors": OWL})
    answer = recommender.recommend(Query(prompt="redknight", active=(Active("x"),)))
    assert any("a/x.safetensors" in note and "b/x.safetensors" in note for note in answer.notes)


def test_a_wrong_base_model_is_left_out_when_certain_and_marked_when_likely(open_library: Open) -> None:
    recommender = open_library(
        {
            "old.safetensors": page("Knight A", ["redknight"], base="SD 1.5"),
            "new.safetensors": page("Knight B", ["redknight"], base="Illustrious"),
            "pony.safetensors": page("Knight C", ["redknight"], base="Pony"),
        }
    )
    answer = recommender.recommend(Query(prompt="redknight", base_model="Pony"), top=5)
    assert paths(answer) == ["pony.safetensors", "new.safetensors"]
    right, doubtful = answer.suggestions
    assert right.base_model_doubt == "" and "Illustrious" in doubtful.base_model_doubt
    assert doubtful.score < right.score
    assert ask(recommender, "redknight", base_model="v1-5-pruned-emaonly.safetensors") == ["old.safetensors"]
    assert len(ask(recommender, "redknight")) == 3


def test_an_unknown_base_model_leaves_nobody_out_and_is_noted(open_library: Open) -> None:
    recommender = open_library(THREE)
    answer = recommender.recommend(Query(prompt="redknight", base_model="my own mix"), top=5)
    assert len(answer.suggestions) == 3 and any("my own mix" in note for note in answer.notes)


def test_a_safe_prompt_gets_no_unsafe_suggestion(open_library: Open) -> None:
    recommender = open_library(
        {
            "safe.safetensors": page("Knight A", ["redknight"], level=1),
            "mature.safetensors": page("Knight B", ["redknight"], level=4),
            "explicit.safetensors": page("Knight C", ["redknight"], level=16),
            "unknown.safetensors": None,
        }
    )
    assert set(ask(recommender, "redknight")) == {"safe.safetensors", "unknown.safetensors"}
    assert "explicit.safetensors" in ask(recommender, "redknight, nude")
    assert set(ask(recommender, "redknight, nude", safety=Safety.SAFE)) == {"safe.safetensors", "unknown.safetensors"}
    assert "mature.safetensors" in ask(recommender, "redknight", safety=Safety.MATURE)
    assert "explicit.safetensors" not in ask(recommender, "redknight", safety=Safety.MATURE)


def test_the_setting_decides_where_the_query_does_not(open_library: Open) -> None:
    files = {"explicit.safetensors": page("Knight", ["redknight"], level=16), "other.safetensors": OWL}
    recommender = open_library(files, replace(PLAIN, safety="explicit"))
    assert ask(recommender, "redknight")[0] == "explicit.safetensors"


def test_accelerators_wait_until_they_are_asked_for(open_library: Open) -> None:
    recommender = open_library({**THREE, "lcm-lora-sdv1-5.safetensors": page("LCM LoRA", tags=["lcm"])})
    assert recommender.find("lcm-lora-sdv1-5").role is Role.ACCELERATOR
    assert "lcm-lora-sdv1-5.safetensors" not in ask(recommender, "redknight at turbo speed")
    assert ask(recommender, "lcm, 4 steps")[0] == "lcm-lora-sdv1-5.safetensors"
    assert ask(recommender, "redknight", roles=(Role.ACCELERATOR,)) == ["lcm-lora-sdv1-5.safetensors"]


def test_roles_and_folders_can_be_chosen_and_excluded(open_library: Open) -> None:
    recommender = open_library(THREE)
    assert ask(recommender, "snowowl", roles=(Role.CHARACTER,)) == ["knight.safetensors"]
    assert "knight.safetensors" not in ask(recommender, "redknight", exclude_roles=(Role.CHARACTER,))
    assert ask(recommender, "redknight", folders=("birds",)) == ["birds/owl.safetensors"]
    assert set(ask(recommender, "x", folders=("Birds\\", "/food/"))) == {
        "birds/owl.safetensors",
        "food/cake.safetensors",
    }
    assert "birds/owl.safetensors" not in ask(recommender, "snowowl", exclude_folders=("birds",))
    assert len(ask(recommender, "x", folders=("", "."))) == 3  # the root is no restriction
    assert len(ask(recommender, "x", exclude_folders=("",))) == 3
    assert ask(recommender, "x", folders=("bird",)) == []


def test_what_the_negative_prompt_names_sinks(open_library: Open) -> None:
    files = {f"{name}.safetensors": page(name, tags=["dragon"]) for name in ("zorgon", "blixen")}
    recommender = open_library(files)

    def scores(negative: str) -> dict[str, float]:
        answer = recommender.recommend(Query(prompt="a dragon", negative=negative))
        return {suggestion.name: suggestion.score for suggestion in answer.suggestions}

    assert scores("lowres, bad hands, dragon") == scores("")
    assert scores("blixen, lowres")["blixen"] == pytest.approx(0.4 * scores("")["blixen"], abs=2e-4)
    assert scores("blixen, lowres")["zorgon"] == scores("")["zorgon"]


# What is joined


def test_versions_collapse_to_the_best_one(open_library: Open) -> None:
    files = {
        "knight_v1.safetensors": page("Red Knight", ["redknight"], model_id=1),
        "knight_v2.safetensors": page("Red Knight", ["redknight", "castle"], model_id=1),
        "xl/knight_xl.safetensors": page("Red Knight", ["redknight"], base="SDXL 1.0", model_id=1),
        "owl.safetensors": OWL,
    }
    recommender = open_library(files)
    answer = recommender.recommend(Query(prompt="redknight, castle"), top=9)
    found = {suggestion.lora: suggestion.versions for suggestion in answer.suggestions}
    assert found["knight_v2.safetensors"] == ("knight_v1.safetensors",)
    assert "knight_v1.safetensors" not in found and found["xl/knight_xl.safetensors"] == ()
    assert set(ask(recommender, "redknight", collapse=False)) == files.keys()
    assert ask(recommender, "redknight", active=(Active("knight_v1"),))[:1] != ["knight_v2.safetensors"]


def test_halves_of_a_pair_are_one_suggestion(open_library: Open) -> None:
    wan = page("Cave flight", ["caveflight"], base="Wan Video 2.2 T2V-A14B")
    recommender = open_library(
        {"cave_high_noise.safetensors": wan, "cave_low_noise.safetensors": wan, "owl.safetensors": OWL}
    )
    answer = recommender.recommend(Query(prompt="caveflight"), top=9)
    assert set(paths(answer)) == {"cave_high_noise.safetensors", "owl.safetensors"}
    [pair] = [s for s in answer.suggestions if s.lora == "cave_high_noise.safetensors"]
    assert pair.partner == "cave_low_noise.safetensors"
    for half in ("cave_high_noise", "cave_low_noise"):
        assert ask(recommender, "caveflight", active=(Active(half),)) == ["owl.safetensors"]


# Nothing fits


@pytest.mark.parametrize("prompt", ["", "   ", "!!! ???", ",,,", "<lora:stranger:1>"])
def test_a_prompt_that_says_nothing_abstains_but_never_empties_the_list(open_library: Open, prompt: str) -> None:
    answer = open_library(THREE).recommend(Query(prompt=prompt, min_score=0.01), top=2)
    assert answer.abstained and len(answer.suggestions) == 2


def test_the_threshold_decides_about_abstaining(open_library: Open) -> None:
    recommender = open_library(THREE)
    score = only(recommender, "redknight").score
    assert not recommender.recommend(Query(prompt="redknight", min_score=score), top=1).abstained
    above = recommender.recommend(Query(prompt="redknight", min_score=min(1.0, score + 0.01)), top=1)
    assert above.abstained and paths(above) == ["knight.safetensors"]


def test_libraries_of_none_and_one(open_library: Open) -> None:
    assert open_library({"x.txt": None}).recommend(Query(prompt="cat")).abstained is True
    bare = open_library({"___.safetensors": None})
    assert ask(bare, "cat") == ["___.safetensors"] and ask(bare, "___") == ["___.safetensors"]
    assert bare.similar("___").suggestions == ()


# Order, filters on many, and repeatability


@pytest.fixture
def many(open_library: Open) -> Recommender:
    """450 LoRAs, more than are all ranked; the 30 of one folder match nothing that is popular or frequent."""
    files: dict[str, dict[str, Any] | None] = {}
    for number in range(420):
        files[f"big/{number}.safetensors"] = page(f"Forest thing {number}", [f"thing{number}"], downloads=1000 + number)
    for number in range(30):
        files[f"small/{number}.safetensors"] = page(f"Harbour {number}", [f"harbour{number}"], base="Flux.1 D")
    return open_library(files)


def test_filters_hold_before_candidates_are_chosen(many: Recommender) -> None:
    assert len(ask(many, "forest thing 7", folders=("small",))) == 30
    assert len(ask(many, "forest thing 7", base_model="Flux.1 D")) == 30
    assert ask(many, "harbour12", folders=("small",))[0] == "small/12.safetensors"


def test_a_long_answer_is_long_and_holds_everything_once(many: Recommender) -> None:
    found = ask(many, "forest thing", top=400)
    assert len(found) == len(set(found)) == 400
    assert len(ask(many, "nothing known here", top=20)) == 20


def test_same_prompt_same_index_same_answer(many: Recommender, tmp_path: Path) -> None:
    query = Query(prompt="forest thing 7, harbour3, (castle:1.2)", diversity=0.4, explore=0.3, seed=5)

    def answer(recommender: Recommender) -> tuple[Suggestion, ...]:
        return recommender.recommend(query, top=20).suggestions

    first = answer(many)
    assert all(answer(many) == first for _ in range(3))
    with Recommender.open(many.roots, many.data_dir, settings=PLAIN) as other:
        assert other.version == many.version and answer(other) == first


def test_exploration_shows_new_loras_repeatably(many: Recommender) -> None:
    import os

    for number in range(5):
        os.utime(many.roots[0] / f"small/{number}.safetensors", (4e9, 4e9))
    many.refresh()
    plain = ask(many, "forest thing 7 harbour", top=10)
    explored = ask(many, "forest thing 7 harbour", top=10, explore=0.3, seed=1)
    assert explored[:7] == plain[:7] and explored == ask(many, "forest thing 7 harbour", top=10, explore=0.3, seed=1)


def test_exploration_offers_nothing_below_the_least_score_that_was_asked_for(open_library: Open) -> None:
    recommender = open_library(THREE, replace(PLAIN, min_score=0.9))
    assert len(set(ask(recommender, "redknight", top=2))) == 2
    known = ask(recommender, "redknight", top=2)
    tried = {tuple(ask(recommender, "redknight", top=2, explore=0.5, min_score=0.0, seed=seed)) for seed in range(9)}
    assert any(set(found) != set(known) for found in tried)
    for least in (1.0, None):  # None: the setting
        assert ask(recommender, "redknight", top=2, explore=0.5, min_score=least) == known


@pytest.mark.parametrize("field", ["min_score", "diversity", "explore"])
@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_dials_out_of_bounds_are_usage_errors(open_library: Open, field: str, value: float) -> None:
    recommender = open_library({"owl.safetensors": OWL})
    with pytest.raises(UsageError, match=field):
        recommender.recommend(Query(prompt="owl", **{field: value}))
    for top in (0, 1001):
        with pytest.raises(UsageError, match="top"):
            recommender.recommend(Query(prompt="owl"), top=top)


# Fairness


def test_missing_metadata_never_pushes_a_lora_to_the_bottom(open_library: Open) -> None:
    """A file of which only the name is known, named by the prompt, beats twenty well described strangers."""
    files: dict[str, dict[str, Any] | None] = {
        f"described_{number}.safetensors": page(
            f"Pretty picture {number}",
            [f"pretty{number}"],
            tags=["style"],
            examples=["a pretty picture of a girl in a garden"],
            downloads=100_000 * number,
            description="A pretty picture of many things.",
        )
        for number in range(20)
    }
    recommender = open_library({**files, "harbour_lighthouse.safetensors": None})
    assert ask(recommender, "a harbour with a lighthouse", top=1) == ["harbour_lighthouse.safetensors"]
    bottom = ask(recommender, "a quiet valley")[-3:]
    assert "harbour_lighthouse.safetensors" not in bottom  # nothing matches: unknown is average, not worst


def test_similar_loras(open_library: Open) -> None:
    files = {
        **THREE,
        "blue_knight.safetensors": page(
            "Blue Knight", ["blueknight"], tags=["character"], examples=["blueknight, castle"]
        ),
    }
    recommender = open_library(files)
    answer = recommender.similar("knight", top=9)
    assert paths(answer)[0] == "blue_knight.safetensors" and "knight.safetensors" not in paths(answer)
    assert not answer.abstained and len(answer.suggestions) == 3
