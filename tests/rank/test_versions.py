"""Which files are versions of one model."""

from __future__ import annotations

import pytest

from lorarec.rank.versions import model_name, version_groups
from lorarec.types import BaseModelGuess, Lora, Role, RoleGuess


def lora(path: str, base: str = "SD 1.5", role: Role | None = None, **fields: object) -> Lora:
    return Lora(
        id=path,
        root="/r",
        path=path,
        size=1,
        modified=0.0,
        base_models=(BaseModelGuess(base, 1.0, "x"),) if base else (),
        roles=(RoleGuess(role, 1.0, "x"),) if role else (),
        **fields,  # type: ignore[arg-type]
    )


def groups(*loras: Lora) -> list[int]:
    return version_groups(loras).tolist()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("red_knight_v2.safetensors", "redknight"),
        ("red knight V1.5.safetensors", "redknight"),
        ("red-knight-000010.safetensors", "redknight"),
        ("red_knight_epoch10.safetensors", "redknight"),
        ("red_knight-step00004500.safetensors", "redknight"),
        ("red_knight_v2_fp16.safetensors", "redknight"),
        ("red_knight_final.safetensors", "redknight"),
        ("red_knight.safetensors", "redknight"),
        ("v2.safetensors", ""),
        ("000010.safetensors", ""),
        ("abc.safetensors", ""),
    ],
)
def test_names_without_version_words(path: str, name: str) -> None:
    assert model_name(lora(path)) == name


def test_epochs_of_one_file_name_are_versions() -> None:
    assert groups(lora("knight-000002.pt"), lora("owl.pt"), lora("x/knight-000010.pt"), lora("knight.pt")) == [
        0,
        1,
        0,
        0,
    ]


def test_one_page_is_one_model_whatever_the_files_are_called() -> None:
    assert groups(lora("a_thing.pt", model_id="7"), lora("something.pt", model_id="7")) == [0, 0]


def test_different_pages_are_different_models_even_under_one_name() -> None:
    assert groups(lora("knight_v1.pt", model_id="7"), lora("knight_v2.pt", model_id="8")) == [0, 1]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0), (2, 1, 0), (0, 2, 1), (2, 0, 1)])
def test_a_file_without_page_never_bridges_two_models(order: tuple[int, ...]) -> None:
    files = [lora("knight_v1.pt", model_id="7"), lora("knight_v2.pt"), lora("knight_v3.pt", model_id="8")]
    found = dict(zip(order, groups(*(files[at] for at in order)), strict=True))
    assert found[0] != found[2]


def test_other_base_models_roles_and_halves_are_no_versions() -> None:
    assert groups(lora("knight_v1.pt"), lora("knight_v2.pt", base="SDXL")) == [0, 1]
    assert groups(lora("a.pt", model_id="7"), lora("b.pt", base="Pony", model_id="7")) == [0, 1]
    assert groups(lora("a.pt", model_id="7", role=Role.STYLE), lora("b.pt", model_id="7", role=Role.CHARACTER)) == [
        0,
        1,
    ]
    assert groups(lora("a.pt", model_id="7", noise="high"), lora("b.pt", model_id="7", noise="low")) == [0, 1]


def test_copies_of_one_file_are_one() -> None:
    digest = "ab" * 32
    assert groups(lora("one.pt", hashes=(digest,)), lora("other.pt", hashes=(digest,))) == [0, 0]
    assert groups(lora("one.pt", hashes=("abcdef1234",)), lora("other.pt", hashes=("abcdef1234",))) == [
        0,
        1,
    ]  # too short


def test_like_texts_are_no_evidence() -> None:
    page = {"description": "Recommended weight 0.8. A character of the series.", "tags": ("character", "anime")}
    assert groups(lora("anna.pt", title="Anna", **page), lora("bella.pt", title="Bella", **page)) == [0, 1]


def test_titles_tell_equal_file_names_apart() -> None:
    assert groups(lora("x/model_v1.pt", title="Red knight"), lora("y/model_v2.pt", title="Blue owl")) == [0, 1]


def test_no_loras_no_groups() -> None:
    assert groups() == []
