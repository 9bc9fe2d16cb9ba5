"""Terms: the words that both sides of lexical search count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.prompt.terms import ALIASES, STOP, terms


@given(st.text(max_size=300), st.booleans())
def test_terms_are_deterministic_clean_and_bounded(text: str, split: bool) -> None:
    found = terms(text, split_case=split)
    assert found == terms(text, split_case=split)
    assert all(1 <= len(term) <= 40 and " " not in term and "_" not in term for term in found)
    assert not STOP & set(found) - {"do"}
    assert len(found) <= 30 * len(text) + 1  # one character of NFKC may stand for a phrase


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=80))
def test_case_does_not_matter(text: str) -> None:
    assert terms(text) == terms(text.upper()) == terms(text.lower())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the Cats of a Forest", ["cat", "forest"]),
        ("long_hair, blue-eyes", ["long", "hair", "blue", "eye"]),
        ("1girl", ["1girl", "girl"]),
        ("2boys", ["2boy", "boy"]),
        ("women", ["women", "woman"]),
        ("photorealistic", ["photorealistic", "realistic", "photo"]),
        ("grey colour", ["grey", "gray", "colour", "color"]),
        ("artist's don't", ["artist", "dont"]),
        ("ponies boxes dresses glass bus", ["pony", "box", "dress", "glass", "bus"]),
        ("ＡＢＣ　ｃａｔ", ["abc", "cat"]),
        ("x" * 41, []),
        ("!!! ??? __", []),
        ("", []),
    ],
)
def test_known_texts(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("少女", {"girl"}),
        ("女の子", {"girl"}),
        ("水墨画风", {"ink", "wash", "style"}),
        ("猫耳", {"cat", "ear"}),
        ("眼睛", {"eye"}),
        ("黒髪の少女", {"black", "hair", "girl"}),
        ("アニメ", {"anime"}),
    ],
)
def test_chinese_and_japanese_meet_english_pages(text: str, english: set[str]) -> None:
    found = terms(text)
    assert english <= set(found)
    assert english <= set(terms(" ".join(english)))  # folded as the English words are
    assert text[:2] in found  # and still found by their own pairs


def test_file_names_are_split_at_case_and_digits() -> None:
    assert terms("CuteGirlMix4", split_case=True) == ["cute", "girl", "mix", "4"]
    assert terms("SDXLLightning", split_case=True) == ["sdxl", "lightning"]
    assert terms("CuteGirlMix4") == ["cutegirlmix4"]


def test_aliases_are_one_step_from_terms() -> None:
    for word, aliases in ALIASES.items():
        assert set(aliases) <= set(terms(word))
