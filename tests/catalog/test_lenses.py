"""The texts that are encoded and searched: content stays, boilerplate goes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.catalog import lenses
from lorarec.types import BaseModelGuess, Lora, Role, RoleGuess, Safety


def lora(**fields: object) -> Lora:
    base: dict[str, object] = {"id": "a", "root": "/r", "path": "x/red_knight_v2.safetensors", "size": 10**8}
    return Lora(**{**base, "modified": 0.0, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("description", "about"),
    [
        ("A knight in armor. Support me on Patreon! He rides.", "A knight in armor. He rides."),
        ("Recommended weight 0.8\nA watercolor look", "A watercolor look"),
        ("See https://example.com/x for a castle scene.", "See for a castle scene."),
        ("Mail someone@example.com\n● a fox ● an owl", "Mail a fox an owl"),
        ("点赞关注！水墨画风的山水。", "点赞关注！水墨画风的山水。"[:0]),
        ("", ""),
    ],
)
def test_sentences_about_the_lora_stay(description: str, about: str) -> None:
    assert lenses.about_text(description) == about


@given(st.text(max_size=400))
def test_any_description_and_name_is_read(text: str) -> None:
    found = lenses.texts(lora(description=text, title=text))
    assert found == lenses.texts(lora(description=text, title=text))
    assert len(found.semantic) <= 2 * len(text) + 100
    assert lenses.readable_name(text) or not text


@pytest.mark.parametrize("piece", ["a", " ", "好", "a@", "<", "● ", "www."])
def test_long_descriptions_take_no_time(piece: str) -> None:
    begun = time.process_time()
    lenses.about_text(piece * 60_000)
    assert time.process_time() - begun < 1.0


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("Red_Knight_v1.5 [LoRA]", "Red Knight"),
        ("RedKnight", "Red Knight"),
        ("Ink Wash (SDXL) | Pony", "Ink Wash"),
        ("v2.0", "v2.0"),
        ("___", "___"),
    ],
)
def test_names_are_read_without_noise(name: str, readable: str) -> None:
    assert lenses.readable_name(name) == readable


def test_each_lens_says_its_own() -> None:
    found = lenses.texts(
        lora(
            title="Ink Dragon",
            description="Dragons painted in the style of Hokusai.",
            trigger_sets=(("inkdragon", "ink wash painting"),),
            tags=("dragon", "sumi-e style"),
            base_models=(BaseModelGuess("SDXL", 1.0, "x"),),
            roles=(RoleGuess(Role.STYLE, 1.0, "x"),),
            rank=32,
            resolution=1024,
            network="lora",
            safety=Safety.SAFE,
        )
    )
    assert all(word in found.semantic for word in ("Ink Dragon", "inkdragon", "sumi-e style", "Hokusai"))
    assert all(word in found.artistic for word in ("ink wash painting", "sumi-e style", "Hokusai", "Ink Dragon"))
    assert "dragon," not in found.artistic
    assert found.technical == (
        "SDXL base model, style LoRA, lora, rank 32, trained at 1024 px, medium file, safe for work"
    )


def test_a_bare_file_has_its_name_and_size() -> None:
    found = lenses.texts(lora(size=5 * 10**8))
    assert found == lenses.LensTexts("red knight", "", "large file")
    fields = lenses.fields(lora())
    assert fields.names == ("red_knight_v2",) and fields.triggers == fields.tags == fields.content == ()


def test_fields_hold_what_words_are_searched_in() -> None:
    fields = lenses.fields(
        lora(title="Red", trigger_sets=(("a", "b"), ("c",)), tags=("t",), user_tags=("mine",), notes="my note")
    )
    assert fields.names == ("Red", "red_knight_v2") and fields.triggers == ("a, b", "c")
    assert fields.tags == ("mine", "t") and fields.content == ("my note",)
