"""A query's texts, read: chunks with weights, terms with attention, and what the negative prompt rules out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.prompt import background
from lorarec.prompt.read import MAX_CHUNKS, read
from lorarec.prompt.terms import terms
from lorarec.types import Active, Query


@given(st.text(max_size=150), st.text(max_size=80), st.lists(st.text(max_size=40), max_size=3))
def test_any_query_is_read(prompt: str, negative: str, second: list[str]) -> None:
    seen = read(Query(prompt=prompt, negative=negative, second=tuple(second)))
    assert len(seen.chunks) == len(seen.chunk_weights) <= MAX_CHUNKS
    assert all(0 <= weight <= 1.5 for weight in seen.chunk_weights)
    assert all(0.5 <= weight <= 1.5 for weight in seen.terms.values())
    assert not seen.terms.keys() & seen.unwanted.keys()
    assert all(seen.text[chunk.start : chunk.end] == chunk.text for chunk in seen.chunks)


def test_attention_is_bounded_and_the_strongest_mention_counts() -> None:
    seen = read(Query(prompt="(cat:9), dog, (dog:1.3), (owl:0)"))
    assert seen.terms == {"cat": 1.5, "dog": 1.3, "owl": 0.5}


def test_boilerplate_weighs_little_beside_names() -> None:
    seen = read(Query(prompt="masterpiece, best quality, zorgblat"))
    boilerplate, _, name = seen.chunk_weights
    assert boilerplate < 0.35 and name == pytest.approx(1.0)
    assert background.importance("masterpiece") < 0.35 < background.importance("watercolor") < 1


def test_texts_of_further_encoders_are_merged_and_equal_ones_count_once() -> None:
    seen = read(Query(prompt="a cat", second=("a cat", "snow")))
    assert seen.text == "a cat, snow"


def test_tags_in_the_prompt_are_active_loras() -> None:
    seen = read(Query(prompt="cat <lora:add_detail:0.6>"))
    assert seen.active == (Active("add_detail", 0.6),) and seen.text == "cat"


def test_what_every_negative_prompt_has_rules_nothing_out() -> None:
    seen = read(Query(prompt="a cat", negative="(worst quality:1.4), lowres, bad hands, dragon, cat"))
    assert seen.unwanted == {"dragon": 1.0}


def test_many_chunks_are_cut_but_their_terms_count() -> None:
    names = [f"thing{number}x" for number in range(2 * MAX_CHUNKS)]
    seen = read(Query(prompt=", ".join(names)))
    assert len(seen.chunks) == MAX_CHUNKS and set(names) <= seen.terms.keys()


def test_shares_of_a_background_are_counted_over_distinct_prompts() -> None:
    cat, dog = frozenset(terms("cat")), frozenset(terms("cat dog"))
    assert background.count([cat, cat, dog]) == {"cat": 1.0, "dog": 0.5}
    assert background.count([]) == {}


@pytest.mark.parametrize("prompt", ["", "   ", ",,,", "()", "<lora:x:1>"])
def test_a_prompt_without_text_has_nothing(prompt: str) -> None:
    seen = read(Query(prompt=prompt))
    assert (seen.text, seen.chunks, seen.terms) == ("", (), {})
