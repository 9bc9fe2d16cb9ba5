"""Lexical search on libraries small enough to score by hand."""

from __future__ import annotations

from collections import Counter
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorarec.index import postings as postings_module
from lorarec.index.lexical import GROUPS, Document, LexicalIndex
from lorarec.index.phrases import KINDS, PHRASES, PhraseIndex, TagIndex, Texts
from lorarec.index.postings import Postings, QueryTerms

WORDS = ["cat", "dog", "owl", "fox", "elk", "bee"]


def build(*documents: Document) -> LexicalIndex:
    return LexicalIndex.build(documents, lambda term: 1.0)


def terms_of(*ids: int, weights: list[float] | None = None) -> QueryTerms:
    return QueryTerms(np.asarray(ids, np.int32), np.asarray(weights or [1.0] * len(ids), np.float32))


def bm25(rows: list[list[str]], query: dict[str, float]) -> list[float]:
    """Lucene's BM25 as its formula says; k1 = 1.2, b = 0.5."""
    mean = sum(map(len, rows)) / len(rows)
    scores = []
    for row in rows:
        count, score = Counter(row), 0.0
        for term, weight in query.items():
            having = sum(term in other for other in rows)
            if count[term]:
                idf = log(1 + (len(rows) - having + 0.5) / (having + 0.5))
                length = 1 - 0.5 + 0.5 * len(row) / mean
                score += weight * idf * count[term] / (count[term] + 1.2 * length)
        scores.append(score)
    return scores


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=8), min_size=1, max_size=8).filter(any),
    st.dictionaries(st.sampled_from([*WORDS, "unknown"]), st.floats(0.5, 1.5), max_size=5),
)
def test_bm25_is_that_of_the_formula(rows: list[list[str]], query: dict[str, float]) -> None:
    index = build(*(Document(content=row) for row in rows))
    asked = index.query(query)
    by_term = {term: weight * index.importance[index.vocabulary[term]] for term, weight in query.items()
               if term in index.vocabulary}  # fmt: skip
    scores = index.bm25["content"].score(asked.ids, asked.weights)
    np.testing.assert_allclose(scores, bm25(rows, by_term), rtol=1e-4, atol=1e-6)


WEIGHTS = st.floats(-2, 2, width=32).filter(bool)


@given(st.lists(st.dictionaries(st.integers(0, 5), WEIGHTS), max_size=6), st.booleans(), st.data())
def test_postings_are_a_sparse_matrix(rows: list[dict[int, float]], plain: bool, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if plain:  # common terms get columns of their own
            patch.setattr(postings_module, "_MANY", 1)
        postings = Postings.build([row.items() for row in rows], 6)
    assert plain or not len(postings.columns)
    dense = np.zeros((len(rows), 6), np.float32)
    for at, row in enumerate(rows):
        dense[at, list(row)] = list(row.values())
        assert all(postings.has(term, at) == (term in row) for term in range(6))
    ids = data.draw(st.lists(st.integers(0, 5), unique=True))
    weights = np.asarray([1.0 + at for at in range(len(ids))], np.float32)
    np.testing.assert_allclose(postings.score(np.asarray(ids, np.int32), weights), dense[:, ids] @ weights, atol=1e-5)


def test_plain_columns_are_added_up_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings_module, "_MANY", 1)
    monkeypatch.setattr(postings_module, "_BLOCK", 3)
    draw = np.random.default_rng(0)
    dense = draw.uniform(0.1, 1, (10, 4)).astype(np.float32)
    dense[4:, 3] = 0
    dense[1:, 2] = 0  # too rare for a column
    postings = Postings.build([[(term, float(row[term])) for term in np.flatnonzero(row)] for row in dense], 4)
    assert postings.common.tolist() == [0, 1, -1, 2]
    weights = np.asarray([0.5, 2.0, 3.0], np.float32)
    np.testing.assert_allclose(
        postings.score(np.asarray([3, 0, 2], np.int32), weights), dense[:, [3, 0, 2]] @ weights, rtol=1e-6
    )


def texts_of(importance: np.ndarray, count: int, **kinds: list[list[list[int]]]) -> Texts:
    """A table of these texts; no LoRA has any of the other kinds."""
    return Texts.build({kind: kinds.get(kind, [[]] * count) for kind in KINDS}, importance)


def test_coverage_of_phrases_by_hand() -> None:
    importance = np.asarray([1.0, 0.5, 0.25], np.float32)
    texts = texts_of(importance, 3, triggers=[[[0, 1], [2]], [], [[1, 1, 2]]], tags=[[], [[0]], []])
    phrases = PhraseIndex.build(texts, "triggers", importance)
    np.testing.assert_allclose(phrases.totals, [1.5, 0.25, 0.75])
    query = terms_of(0, 2)
    np.testing.assert_allclose(phrases.mass(query), [1 / 1.5, 0.0, 0.25 * 0.25 / 0.75], rtol=1e-6)
    np.testing.assert_allclose(phrases.covered(query), [0.25, 0.0, 0.0])
    known = importance * np.asarray([1, 0, 1], np.float32)
    matched = texts.matched(np.asarray([2, 1, 0]), known, known, 1.0)
    none = [np.nan] * 3
    np.testing.assert_allclose(matched.mass, [none, [0.25 * 0.25 / 0.75, np.nan, 1 / 1.5], [np.nan, 1, np.nan]], 1e-6)
    np.testing.assert_allclose(matched.cover, [none, [1 / 3, np.nan, 1.0], [np.nan, 1, np.nan]], rtol=1e-6)
    np.testing.assert_allclose(matched.rarest, [none, [0.25, np.nan, 1.0], [np.nan, 1, np.nan]], rtol=1e-6)
    np.testing.assert_array_equal(matched.example, none)


def test_a_word_that_says_next_to_nothing_may_be_missing() -> None:
    importance = np.asarray([1.0, 0.9, 0.01, 0.1], np.float32)
    texts = texts_of(importance, 2, tags=[[[0, 1, 2]], [[0, 3]]])
    phrases = PhraseIndex.build(texts, "tags", importance)
    np.testing.assert_allclose(phrases.covered(terms_of(0, 1)), [1.9, 0.0], rtol=1e-6)
    np.testing.assert_allclose(TagIndex.build(texts, importance).covered(terms_of(0, 1)), [1.9, 0.0], rtol=1e-6)


PHRASES_OF_LORAS = st.lists(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=4), max_size=3), max_size=6)


@given(PHRASES_OF_LORAS, st.sets(st.integers(0, 5)), st.sampled_from(PHRASES), st.sampled_from([1, 512]))
def test_posting_lists_and_phrases_agree(phrases: list[list[list[int]]], asked: set[int], kind: str, many: int) -> None:
    importance = np.asarray([1.0, 0.8, 0.5, 0.25, 0.1, 0.05], np.float32)
    texts = texts_of(importance, len(phrases), **{kind: phrases})
    index = PhraseIndex.build(texts, kind, importance)
    query, known = terms_of(*asked), np.zeros(6, np.float32)
    known[list(asked)] = importance[list(asked)]
    everywhere = texts.matched(np.arange(len(phrases)), known, known, 1.0)
    mass = everywhere.mass[PHRASES.index(kind)]
    np.testing.assert_allclose(index.mass(query), np.nan_to_num(mass), rtol=1e-5)
    whole = [sum(importance[list(set(p))].sum() for p in owned if set(p) <= asked) for owned in phrases]
    np.testing.assert_allclose(index.covered(query), np.asarray(whole), rtol=1e-5)
    if kind == "tags":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postings_module, "_MANY", many)  # common words get plain columns, or none do
            tags = TagIndex.build(texts, importance)
        np.testing.assert_allclose(tags.covered(query), np.asarray(whole), rtol=1e-5)


def test_best_example_by_hand() -> None:
    importance = np.asarray([1.0, 0.5, 0.25], np.float32)
    texts = texts_of(importance, 3, names=[[[1]], [[1]], []], examples=[[[0, 1]], [], [[2], [0], []]])
    weights = np.asarray([1.0, 0.0, 0.25], np.float32) * importance  # attention 1 on terms 0 and 2
    matched = texts.matched(np.asarray([2, 1, 0]), np.zeros(3, np.float32), weights, sqrt(1 + 0.0625))
    np.testing.assert_allclose(matched.example, [1 / 1.0308, np.nan, 1 / (sqrt(1.25) * 1.0308)], rtol=1e-4)
    owned = matched.examples
    assert owned.texts.tolist() == [1, 2, 3, 0] and owned.having.tolist() == [0, 2]
    np.testing.assert_array_equal(owned.best(np.asarray([2.0, np.nan, 3.0, np.nan], np.float32)), [3.0, np.nan, np.nan])
    alone = texts.matched(np.asarray([1]), np.zeros(3, np.float32), weights, 1.0)
    assert alone.examples.texts.tolist() == [] and np.isnan(alone.example).all()
    assert [terms.tolist() for terms in texts.of_lora("examples", 2)] == [[2], [0], []]


def test_what_every_page_says_tells_less_than_a_name() -> None:
    documents = [Document(names=[["anime", f"name{number}"]]) for number in range(20)]
    index = build(*documents)
    importance = {term: float(index.importance[at]) for term, at in index.vocabulary.items()}
    assert importance["anime"] == pytest.approx(0.5) and importance["name3"] > 0.8
    dull = LexicalIndex.build(documents, lambda term: 0.0)
    assert np.all(dull.importance == np.float32(0.02))


def test_training_tags_count_by_their_lift_over_the_library() -> None:
    index = build(
        Document(training={"girl": 1.0, "sword": 1.0}), Document(training={"girl": 1.0, "hat": 0.5}), Document()
    )
    asked = index.query({"girl": 1.0, "sword": 1.0})
    lift = index.training.score(asked.ids, np.ones(len(asked.ids), np.float32))
    np.testing.assert_allclose(lift, [log(1.02 / 0.52), 0.0, 0.0], rtol=1e-5)  # all have girls: no lift
    assert index.trained.tolist() == [True, True, False]


def test_unknown_terms_are_left_out_and_attention_counts() -> None:
    index = build(Document(names=[["cat"]]), Document(names=[["dog"]]))
    asked = index.query({"cat": 1.5, "zebra": 1.0})
    assert asked.ids.tolist() == [index.vocabulary["cat"]]
    np.testing.assert_allclose(asked.weights, [1.5 * index.importance[index.vocabulary["cat"]]])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_libraries_without_any_words(count: int) -> None:
    index = build(*[Document()] * count)
    asked = index.query({"cat": 1.0})
    assert index.count == count and len(asked.ids) == 0
    for name in GROUPS:
        assert index.bm25[name].score(asked.ids, asked.weights).tolist() == [0.0] * count
    for phrases in index.phrases.values():
        assert phrases.mass(asked).tolist() == [0.0] * count
    assert index.tags.covered(asked).tolist() == [0.0] * count
    matched = index.matched(asked, np.arange(count))
    for values in (matched.mass, matched.cover, matched.rarest, matched.example):
        assert values.size == count * (1 if values is matched.example else 3) and np.isnan(values).all()
