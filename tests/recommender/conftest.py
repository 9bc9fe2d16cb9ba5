"""Three LoRAs with pages, and recommenders that encode with an encoder of letters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from letters import Lenses, LetterEncoder


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> LetterEncoder:
    """Every recommender opened from now on encodes with this encoder."""
    encoder = LetterEncoder()
    monkeypatch.setattr("lorarec.recommender.Lender", lambda *_: Lenses(encoder))
    return encoder


@pytest.fixture
def roots(tmp_path: Path, make_lora: Callable[..., Path]) -> Path:
    """A folder of three LoRAs."""
    for number, (name, words) in enumerate({"red_knight": "redknight", "snow_owl": "snowowl", "cake": "cakes"}.items()):
        make_lora(
            tmp_path / "loras" / f"{name}.safetensors", sidecars={".civitai.info": _page(name, words)}, seed=number
        )
    return tmp_path / "loras"


def _page(name: str, words: str) -> dict[str, Any]:
    return {
        "baseModel": "SD 1.5",
        "trainedWords": [words],
        "model": {"name": name.replace("_", " "), "type": "LORA", "tags": []},
        "images": [{"url": "", "nsfwLevel": 1, "meta": {"prompt": f"{words}, a picture"}}],
    }
