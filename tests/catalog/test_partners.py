"""Pairs of Wan 2.2 files by their names."""

from __future__ import annotations

import pytest

from lorarec.catalog.partners import pair, suspected
from lorarec.types import BaseModelGuess, Lora


def lora(path: str, base: str = "Wan 2.2 14B", root: str = "/r") -> Lora:
    guesses = (BaseModelGuess(base, 0.9, "test"),) if base else ()
    return Lora(id=f"{root}:{path}", root=root, path=path, size=1, modified=0.0, base_models=guesses)


def pairs(*loras: Lora) -> set[tuple[str, str]]:
    """(high path, low path) of every pair, checked to be mutual."""
    by_id = {one.id: one for one in loras}
    found = pair(loras)
    for id_, partner in found.items():
        assert found[partner.id].id == id_
        assert {partner.noise, found[partner.id].noise} == {"high", "low"}
        assert partner.evidence
    return {(by_id[i].path, by_id[p.id].path) for i, p in found.items() if p.noise == "high"}


@pytest.mark.parametrize(
    ("high", "low"),
    [
        ("wan/x_high_noise.safetensors", "wan/x_low_noise.safetensors"),
        ("Wan2.2-HighNoise-Cat-v1.safetensors", "Wan2.2-LowNoise-Cat-v1.safetensors"),
        ("cat_HN.safetensors", "cat_LN.safetensors"),
        ("HIGH-cat.safetensors", "LOW-cat.safetensors"),
        ("cat high.safetensors", "cat_low.safetensors"),
        ("catHigh_v2.safetensors", "catLow_v2.safetensors"),
        ("wan22-cat-H.safetensors", "wan22-cat-L.safetensors"),
        ("cat/high/v1.safetensors", "cat/low/v1.safetensors"),
        ("high_noise/cat.safetensors", "low_noise/cat.safetensors"),
        ("a/cat_high.safetensors", "b/cat_low.safetensors"),
    ],
)
def test_halves_that_differ_in_nothing_else(high, low):
    assert suspected(high) and suspected(low)
    assert pairs(lora(high), lora(low)) == {(high, low)}
    assert pairs(lora(low), lora(high), lora("other_high.safetensors")) == {(high, low)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cat_high.safetensors", "dog_low.safetensors"),
        ("cat_high_v1.safetensors", "cat_low_v2.safetensors"),
        ("cat_high.safetensors", "cat_HIGH.safetensors"),
        ("highland.safetensors", "lowland.safetensors"),
        ("a/cat.safetensors", "b/cat.safetensors"),
    ],
)
def test_what_is_no_pair(one, other):
    assert pairs(lora(one), lora(other)) == set()


def test_the_base_model_must_allow_it():
    names = "detail_high.safetensors", "detail_low.safetensors"
    assert pairs(*(lora(name, "SDXL") for name in names)) == set()
    assert pairs(*(lora(name, "Wan 2.1 14B") for name in names)) == set()
    assert pairs(*(lora(name, "") for name in names)) == set()
    assert len(pairs(*(lora(name, "Wan 2.2 5B") for name in names))) == 1
    unknown = "wan22_high.safetensors", "wan22_low.safetensors"
    assert len(pairs(*(lora(name, "") for name in unknown))) == 1
    explicit = "x_highnoise.safetensors", "x_lownoise.safetensors"
    assert len(pairs(*(lora(name, "") for name in explicit))) == 1
    assert len(pairs(lora(explicit[0], ""), lora(explicit[1]))) == 1


def test_the_same_folder_comes_first_and_the_ambiguous_is_left_alone():
    loras = [lora(f"{folder}/cat_{half}.safetensors") for folder in "ab" for half in ("high", "low")]
    assert pairs(*loras) == {
        ("a/cat_high.safetensors", "a/cat_low.safetensors"),
        ("b/cat_high.safetensors", "b/cat_low.safetensors"),
    }
    assert pairs(*loras[:3]) == {("a/cat_high.safetensors", "a/cat_low.safetensors")}
    assert pairs(lora("a/cat_high.pt"), lora("b/cat_low.pt"), lora("c/cat_low.pt")) == set()


def test_pairs_stay_within_one_root():
    assert pairs(lora("cat_high.pt"), lora("cat_low.pt", root="/s")) == set()
