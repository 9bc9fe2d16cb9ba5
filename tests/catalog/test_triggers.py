"""Trigger words as sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.catalog.triggers import (
    clean_word,
    from_activation_text,
    from_dataset_folders,
    from_entries,
    from_fake_frequency,
    word_set,
)


def test_an_entry_with_commas_is_one_set() -> None:
    assert from_entries(["chibi, full body,", "portrait, close-up"]) == [
        ["chibi", "full body"],
        ["portrait", "close-up"],
    ]


def test_entries_without_commas_are_alternatives() -> None:
    assert from_entries(["kirasummer", "kirawinter", "kiraschool"]) == [["kirasummer"], ["kirawinter"], ["kiraschool"]]


def test_a_name_followed_by_her_looks_is_one_set() -> None:
    entries = ["kira stone", "red dress", "long hair", "white gloves"]
    assert from_entries(entries) == [entries]


def test_a_run_beside_sets_follows_the_same_rule() -> None:
    found = from_entries(["kira", "kira, red dress, boots", "red dress"])
    assert found == [["kira", "red dress"], ["kira", "red dress", "boots"]]


def test_duplicates_and_empty_entries_vanish() -> None:
    assert from_entries(["Kira", "kira ", "", " , ", "none", "N/A", "<lora:kira:0.7>"]) == [["Kira"]]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("(kira:1.2)", "kira"),
        ("((kira))", "kira"),
        ("[kira]", "kira"),
        ("kira:0.8", "kira"),
        (r"kira \(game\)", "kira (game)"),
        ("kira (game)", "kira (game)"),
        ("{color} house of {item}", "{color} house of {item}"),
        ('"kira".', "kira"),
        ("kira\u200b", "kira"),
        ("No trigger words", ""),
        ("x" * 300, ""),
    ],
)
def test_words_are_cleaned(text: str, word: str) -> None:
    assert clean_word(text) == word


def test_lora_tags_and_other_commas_split() -> None:
    assert word_set("kira，红裙、<lora:kira_v1:0.8>, hat; gloves") == ("kira", "红裙", "hat", "gloves")


def test_activation_text_holds_alternatives() -> None:
    assert from_activation_text("kira, hat || kira, coat ||") == [["kira", "hat"], ["kira", "coat"]]


def test_ai_toolkit_hides_a_trigger_in_the_frequencies() -> None:
    assert from_fake_frequency({"1_k1ra": {"k1ra": 1}}) == "k1ra"
    assert from_fake_frequency({"10_kira": {"1girl": 40, "solo": 38}}) == ""
    assert from_fake_frequency({}) == ""


def test_dataset_folders_are_a_guess() -> None:
    assert from_dataset_folders(["10_kirastone woman", "5_img", "images", "3_style", "2_99"]) == [["kirastone"]]


@given(st.lists(st.text(max_size=60), max_size=20))
def test_any_entries_give_clean_sets(entries: list[str]) -> None:
    for words in from_entries(entries):
        assert words and all(word and word == word.strip() and "\n" not in word for word in words)
        assert len({word.lower() for word in words}) == len(words)
