"""A user's past prompts: nearness by words and by meaning against plain arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.index.prompts import PromptIndex

WEIGHTS = {"cat": 1.0, "dog": 0.5, "owl": 0.25, "fox": 2.0}
PRIOR = 20.0

TEXTS = st.lists(st.lists(st.sampled_from(list(WEIGHTS)), max_size=4).map(" ".join), max_size=8, unique=True)
ASKED = st.dictionaries(st.sampled_from([*WEIGHTS, "unknown"]), st.floats(0.1, 3), max_size=4)


def weigh(text: str) -> dict[str, float]:
    return {term: WEIGHTS[term] for term in text.split()}


def cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    product = sum(value * other.get(term, 0.0) for term, value in one.items())
    norms = sqrt(sum(v * v for v in one.values()) * sum(v * v for v in other.values()))
    return product / norms if norms else 0.0


def unit(count: int, dim: int, seed: int = 0) -> np.ndarray:
    matrix = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def arrays(index: PromptIndex) -> list[np.ndarray]:
    postings = index.postings
    return [
        *(index.starts, index.terms, index.weights, index.vectors, index.mean),
        *(postings.starts, postings.rows, postings.weights),
    ]


def test_nearness_by_words_is_a_cosine() -> None:
    index = PromptIndex.build(["cat dog", "owl", ""], weigh)
    near = index.near({"cat": 2.0, "dog": 1.0}, None)
    assert near.words.tolist() == pytest.approx([1, 0, 0]) and near.meaning is None
    assert index.near({"cat": 1.0, "owl": 1.0}, None).words.tolist() == pytest.approx(
        [1 / sqrt(1.25) / sqrt(2), 1 / sqrt(2), 0]
    )
    assert index.count == 3


def test_words_that_no_past_prompt_has_make_the_query_longer_and_match_nothing() -> None:
    index = PromptIndex.build(["cat"], weigh)
    assert index.near({"cat": 3.0, "unknown": 4.0}, None).words.tolist() == pytest.approx([0.6])
    assert index.near({"unknown": 1.0}, None).words.tolist() == [0]
    assert index.near({}, None).words.tolist() == [0]


@given(TEXTS, ASKED)
def test_words_are_compared_as_the_formula_says(texts: list[str], asked: dict[str, float]) -> None:
    words = PromptIndex.build(texts, weigh).near(asked, None).words
    np.testing.assert_allclose(words, [cosine(weigh(text), asked) for text in texts], rtol=1e-5, atol=1e-6)
    assert (words >= 0).all() and (words <= 1 + 1e-6).all()


def test_nearness_by_meaning_is_a_cosine_of_vectors_less_their_mean() -> None:
    vectors, query = unit(5, 8), unit(1, 8, seed=1)[0]
    near = PromptIndex.build([f"p{n}" for n in range(5)], lambda _: {}, vectors).near({}, query)
    mean = vectors.mean(0)
    expected = [
        float((v - mean) @ (query - mean) / np.linalg.norm(v - mean) / np.linalg.norm(query - mean)) for v in vectors
    ]
    assert near.meaning is not None
    np.testing.assert_allclose(near.meaning, expected, rtol=1e-4, atol=1e-6)


def test_few_prompts_make_no_mean_of_their_own() -> None:
    vectors, ordinary = unit(3, 8), unit(1, 8, seed=2)[0]
    index = PromptIndex.build(["a", "b", "c"], lambda _: {}, vectors, ordinary)
    np.testing.assert_allclose(index.mean, (vectors.sum(0) + PRIOR * ordinary) / (3 + PRIOR), rtol=1e-5, atol=1e-6)
    strange = PromptIndex.build(["a", "b", "c"], lambda _: {}, vectors, unit(1, 4)[0])
    np.testing.assert_allclose(strange.mean, vectors.mean(0), rtol=1e-5, atol=1e-6)


def test_prompts_without_vector_are_near_to_nothing_and_leave_the_mean_alone() -> None:
    vectors = unit(4, 8)
    vectors[1] = vectors[3] = 0
    index = PromptIndex.build(list("abcd"), lambda _: {}, vectors)
    np.testing.assert_allclose(index.mean, vectors[[0, 2]].mean(0), rtol=1e-6)
    meaning = index.near({}, vectors[0]).meaning
    assert meaning is not None and meaning[1] == meaning[3] == 0
    assert meaning[0] == pytest.approx(1, abs=1e-5) and meaning[2] < 0


@pytest.mark.parametrize("query", [None, np.zeros(0, np.float32), unit(1, 4)[0]])
def test_another_encoder_or_none_compares_by_words_only(query: np.ndarray | None) -> None:
    index = PromptIndex.build(["cat"], weigh, unit(1, 8))
    near = index.near({"cat": 1.0}, query)
    assert near.meaning is None and near.words.tolist() == pytest.approx([1])


@pytest.mark.parametrize("vectors", [None, np.zeros((0, 0), np.float32), np.zeros((0, 8), np.float32)])
def test_no_prompts_at_all(vectors: np.ndarray | None) -> None:
    index = PromptIndex.build([], weigh, vectors)
    near = index.near({"cat": 1.0}, unit(1, 8)[0])
    assert index.count == 0 and near.words.shape == (0,)
    assert near.meaning is None or near.meaning.shape == (0,)


def test_a_query_just_like_the_mean_is_near_to_nothing() -> None:
    vectors = unit(3, 8)
    index = PromptIndex.build(list("abc"), lambda _: {}, vectors)
    meaning = index.near({}, index.mean).meaning
    assert meaning is not None and np.isfinite(meaning).all() and np.abs(meaning).max() < 1e-3


@given(TEXTS, st.data())
def test_going_on_from_an_earlier_index_gives_the_same_as_starting_over(texts: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(texts)))
    with_meaning = data.draw(st.booleans())
    vectors = unit(len(texts), 4) if with_meaning else None
    read: list[str] = []

    def noting(text: str) -> dict[str, float]:
        read.append(text)
        return weigh(text)

    known = PromptIndex.build(texts[:cut], weigh, None if vectors is None else vectors[:cut])
    went_on = PromptIndex.build(texts, noting, vectors, known=known)
    afresh = PromptIndex.build(texts, weigh, vectors)
    assert read == texts[cut:] and went_on.vocabulary == afresh.vocabulary
    for ours, theirs in zip(arrays(went_on), arrays(afresh), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@given(TEXTS, ASKED, st.randoms(use_true_random=False))
def test_the_order_of_prompts_does_not_matter(texts: list[str], asked: dict[str, float], dice: object) -> None:
    order = list(range(len(texts)))
    dice.shuffle(order)  # type: ignore[attr-defined]
    vectors, query = unit(len(texts), 4), unit(1, 4, seed=1)[0]
    one = PromptIndex.build(texts, weigh, vectors).near(asked, query)
    other = PromptIndex.build([texts[at] for at in order], weigh, vectors[order]).near(asked, query)
    assert one.meaning is not None and other.meaning is not None
    np.testing.assert_allclose(other.words, one.words[order], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(other.meaning, one.meaning[order], rtol=1e-4, atol=1e-5)
