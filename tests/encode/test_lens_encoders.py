"""Which encoder serves which lens, on models made for the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lorarec.encode import lens_encoders as module
from lorarec.encode.lens_encoders import LensEncoders
from lorarec.encode.models import ModelFolder
from lorarec.errors import BadFile, MissingPart
from lorarec.settings import Settings

NOBODY = "nobody/has-this-model"
Save = Callable[..., Path]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Models are not loaded, only noted."""
    names: list[str] = []

    def open_encoder(folder: ModelFolder, data_dir: Path, *, threads: int) -> str:
        names.append(folder.name)
        return f"encoder of {folder.name}"

    monkeypatch.setattr(module, "open_encoder", open_encoder)
    return names


def chosen(semantic: object, artistic: object, technical: object) -> Settings:
    return Settings(encoder_semantic=str(semantic), encoder_artistic=str(artistic), encoder_technical=str(technical))


def test_lenses_that_share_a_model_share_its_encoder(tmp_path: Path, save: Save, opened: list[str]) -> None:
    one, two = save(tmp_path / "one"), save(tmp_path / "two", seed=1)
    lenses = LensEncoders(chosen(one, two, one), tmp_path)
    assert lenses.available and lenses.problems == [] and opened == []
    ids = lenses.model_ids()
    assert ids["semantic"] == ids["technical"] != ids["artistic"]
    assert lenses.get("semantic") is lenses.get("technical") and opened == [str(one)]
    lenses.get("artistic")
    assert opened == [str(one), str(two)]


def test_a_missing_lens_borrows_the_semantic_model_and_says_so(tmp_path: Path, save: Save, opened: list[str]) -> None:
    one = save(tmp_path / "one")
    lenses = LensEncoders(chosen(one, NOBODY, one), tmp_path)
    assert len(set(lenses.model_ids().values())) == 1 and NOBODY in lenses.problems[0]


def test_without_a_semantic_model_there_is_none(tmp_path: Path, save: Save, opened: list[str]) -> None:
    lenses = LensEncoders(chosen(NOBODY, save(tmp_path / "one"), NOBODY), tmp_path)
    assert not lenses.available and lenses.model_ids() == {}
    with pytest.raises(MissingPart, match=NOBODY):
        lenses.get("artistic")


def test_a_damaged_model_is_a_problem_not_an_error(tmp_path: Path, save: Save) -> None:
    damaged = save(tmp_path / "one")
    (damaged / "config.json").write_text("{")
    lenses = LensEncoders(chosen(damaged, damaged, damaged), tmp_path)
    assert not lenses.available and len(lenses.problems) == 1 and "config.json" in lenses.problems[0]


def test_giving_up_is_final_and_said_once(tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    one = save(tmp_path / "one")

    def fail(*_: object, **__: object) -> None:
        raise BadFile("weights are damaged")

    monkeypatch.setattr(module, "open_encoder", fail)
    lenses = LensEncoders(chosen(one, one, one), tmp_path)
    with pytest.raises(BadFile):
        lenses.get("semantic")
    lenses.give_up("weights are damaged")
    lenses.give_up("weights are damaged")
    assert lenses.problems == ["weights are damaged"] and not lenses.available
    with pytest.raises(MissingPart, match="weights are damaged"):
        lenses.get("semantic")
