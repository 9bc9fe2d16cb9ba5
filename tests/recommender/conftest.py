"""Three LoRAs with pages, and recommenders that encode with an encoder of letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from letters import Lenses, LetterEncoder
from lorarec.recommender import Recommender


@pytest.fixture
def lender(monkeypatch: pytest.MonkeyPatch) -> Lenses:
    """What every recommender opened from now on borrows encoders from."""
    lender = Lenses(LetterEncoder())
    monkeypatch.setattr("lorarec.recommender.Lender", lambda *_: lender)
    return lender


@pytest.fixture
def letters(lender: Lenses) -> LetterEncoder:
    """Every recommender opened from now on encodes with this encoder."""
    return lender.encoder


@pytest.fixture
def roots(tmp_path: Path, make_lora: Callable[..., Path]) -> Path:
    """A folder of three LoRAs."""
    for number, (name, words) in enumerate({"red_knight": "redknight", "snow_owl": "snowowl", "cake": "cakes"}.items()):
        make_lora(
            tmp_path / "loras" / f"{name}.safetensors", sidecars={".civitai.info": _page(name, words)}, seed=number
        )
    return tmp_path / "loras"


@pytest.fixture
def opened(roots: Path, tmp_path: Path) -> Callable[..., Recommender]:
    """Opens a recommender of the three LoRAs, as another process would each time: ``with opened(user="anna")``."""
    return partial(Recommender.open, [roots], tmp_path / "data")


@pytest.fixture
def recommender(letters: LetterEncoder, opened: Callable[..., Recommender]) -> Iterator[Recommender]:
    """One of them, fully indexed."""
    with opened() as recommender:
        recommender.refresh()
        assert recommender.stage == "full"
        yield recommender


def _page(name: str, words: str) -> dict[str, Any]:
    return {
        "baseModel": "SD 1.5",
        "trainedWords": [words],
        "model": {"name": name.replace("_", " "), "type": "LORA", "tags": []},
        "images": [{"url": "", "nsfwLevel": 1, "meta": {"prompt": f"{words}, a picture"}}],
    }
