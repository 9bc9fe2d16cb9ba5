"""Candidates and their evidence, with vectors stated by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lorarec.index.lexical import Document, LexicalIndex
from lorarec.index.retrieve import EVERYTHING, PER_SOURCE, QueryVectors, Vectors, View, match, read_ahead, retrieve
from lorarec.index.vectors import index_class
from lorarec.types import Candidates

NOBODY = np.zeros(0, np.int64)


def unit(*rows: list[float]) -> np.ndarray:
    matrix = np.asarray(rows, np.float32).reshape(len(rows), -1)
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)


def library(*documents: Document) -> LexicalIndex:
    return LexicalIndex.build(documents, lambda term: 1.0)


def vectors(semantic: np.ndarray, examples: np.ndarray | None = None, artistic: np.ndarray | None = None) -> Vectors:
    """The semantic matrix stands for names and example means as well."""
    count, width = semantic.shape
    artistic = semantic if artistic is None else artistic
    means = {"semantic": semantic, "artistic": artistic, "technical": semantic, "example_mean": semantic}
    return Vectors(
        semantic=semantic,
        artistic=artistic,
        technical=semantic,
        names=semantic,
        examples=np.zeros((0, width), np.float32) if examples is None else examples,
        example_mean=semantic,
        example_spread=np.full(count, np.nan, np.float32),
        means={name: m.sum(0) / max(1, count) for name, m in {**means, "name_near": semantic}.items()},
    )


def query(semantic: list[float], chunks: np.ndarray | None = None, weights: list[float] | None = None) -> QueryVectors:
    [vector] = unit(semantic)
    chunks = np.zeros((0, len(vector)), np.float32) if chunks is None else chunks
    return QueryVectors(vector, vector, vector, chunks, np.asarray(weights or [1.0] * len(chunks), np.float32))


def column(found: Candidates, name: str) -> list[float]:
    return found.columns[name].tolist()


def test_a_small_library_is_ranked_whole_and_evidence_is_right() -> None:
    index = library(
        Document(names=[["red", "knight"]], triggers=[["redknight"], ["red", "cape"]], tags=[["armor"], ["red"]]),
        Document(names=[["owl"]], examples=[["snow", "owl"], ["forest"]]),
        Document(),
    )
    found = retrieve(index, None, View(match(index, {"red": 1.0, "cape": 1.0, "owl": 1.0})), NOBODY)
    assert found.rows.tolist() == [0, 1, 2]
    weight = {term: float(index.importance[at]) for term, at in index.vocabulary.items()}
    share = weight["red"] / (weight["red"] + weight["knight"])
    assert column(found, "name_cover") == pytest.approx([share, 1.0, np.nan], nan_ok=True)
    assert column(found, "name_mass") == pytest.approx([share * weight["red"], weight["owl"], np.nan], nan_ok=True)
    assert column(found, "trigger_cover") == pytest.approx([1.0, np.nan, np.nan], nan_ok=True)
    both = weight["red"] + weight["cape"]
    assert column(found, "trigger_mass") == pytest.approx([both, np.nan, np.nan], nan_ok=True)
    assert column(found, "tag_overlap") == pytest.approx([weight["red"], np.nan, np.nan], nan_ok=True)
    owl = weight["owl"] / np.sqrt(sum(weight[term] ** 2 for term in ("red", "cape", "owl")))
    owl *= weight["owl"] / np.hypot(weight["snow"], weight["owl"])
    assert column(found, "example_words") == pytest.approx([np.nan, owl, np.nan], nan_ok=True)
    assert np.isnan(found.columns["training_lift"]).all() and "semantic" not in found.columns


def test_cosines_chunks_and_examples_by_hand() -> None:
    index = library(Document(names=[["a"]], examples=[["x"], ["y"]]), Document(names=[["b"]]), Document())
    matrix = unit([1, 0, 0], [0, 1, 0], [0, 0, 0])
    known = vectors(matrix, examples=unit([0, 0, 1], [1, 1, 0]))
    asked = query([1, 1, 0], chunks=unit([1, 0, 0], [0, 1, 0]), weights=[0.5, 1.0])
    found = retrieve(index, known, View(match(index, {}), asked), NOBODY)
    half = float(np.sqrt(0.5))
    assert column(found, "semantic") == pytest.approx([half, half, np.nan], nan_ok=True)  # a row of zeros cannot say
    mean = 2 * half / 3
    assert column(found, "semantic_centred") == pytest.approx([half - mean, half - mean, np.nan], nan_ok=True)
    assert column(found, "chunk")[:2] == pytest.approx([1.0, 1.0])
    assert column(found, "chunk_weighted")[:2] == pytest.approx([0.5, 1.0])
    assert found.best_chunk[:2].tolist() == [0, 1]
    assert column(found, "example_meaning") == pytest.approx([1.0, np.nan, np.nan], nan_ok=True)


read: dict[int, set[int]] = {}  # matrix -> rows


class Watched(np.ndarray):
    """A matrix that knows which of its rows were read."""

    def take(self, rows: np.ndarray, axis: int) -> np.ndarray:  # type: ignore[override]
        read.setdefault(id(self), set()).update(rows.tolist())
        return np.asarray(self)[rows]


def test_what_words_find_is_read_ahead_and_nothing_else() -> None:
    index = library(
        Document(names=[["red"]], examples=[["x"], ["y"]]), Document(names=[["owl"]], examples=[["red"]]),
        Document(names=[["elk"]], examples=[["z"]]),
    )  # fmt: skip
    known = vectors(unit([1, 0], [0, 1], [1, 1]).view(Watched), examples=np.ones((4, 2), np.float32).view(Watched))
    read.clear()
    read_ahead(index, known, match(index, {"red": 1.0}))
    assert read == {id(known.semantic): {0, 1}, id(known.examples): {0, 1, 2}}


def test_examples_that_have_no_vector_cannot_say() -> None:
    index = library(Document(examples=[["x"]]), Document(examples=[["y"], ["z"]]))
    known = vectors(unit([1, 0], [0, 1]), examples=unit([0, 0], [0, 0], [-1, 0]))
    found = retrieve(index, known, View(match(index, {}), query([1, 0])), NOBODY)
    assert column(found, "example_meaning") == pytest.approx([np.nan, -1.0], nan_ok=True)


def test_a_lens_without_any_text_cannot_say() -> None:
    index = library(Document(names=[["a"]]))
    found = retrieve(
        index,
        vectors(unit([1, 0]), artistic=np.zeros((1, 0), np.float32)),
        View(match(index, {}), query([1, 0])),
        NOBODY,
    )
    assert np.isnan(found.columns["artistic"]).all() and column(found, "semantic") == [1.0]
    silent = query([1, 0])
    silent.artistic[:] = 0  # shared with the other lenses
    found = retrieve(index, vectors(unit([1, 0])), View(match(index, {}), silent), NOBODY)
    assert np.isnan(found.columns["artistic"]).all()


@pytest.fixture(scope="module")
def large() -> tuple[LexicalIndex, Vectors]:
    """1,200 LoRAs: "cat 0" .. on a circle."""
    count = 3 * EVERYTHING
    index = library(
        *(Document(names=[["cat", f"name{at}"]], tags=[["even"]] if at % 2 == 0 else []) for at in range(count))
    )
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return index, vectors(np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32))


@pytest.mark.parametrize("backend", ["numpy", "index"])
def test_every_source_gives_its_best(large: tuple[LexicalIndex, Vectors], backend: str) -> None:
    index, known = large
    search = None
    if backend == "index":
        search = index_class()(known.semantic).search
    popular = np.asarray([777, 778])
    found = retrieve(index, known, View(match(index, {"name900": 1.0}), query([1, 0])), popular, search)
    assert {900, 777, 778, 0, 1, index.count - 1} <= set(found.rows.tolist())
    assert np.all(np.diff(found.rows) > 0) and len(found.rows) <= 20 * PER_SOURCE
    assert all(values.shape == found.rows.shape for values in found.columns.values())


@pytest.mark.parametrize("backend", ["numpy", "index"])
def test_a_filter_is_applied_before_the_best_are_taken(large: tuple[LexicalIndex, Vectors], backend: str) -> None:
    index, known = large
    search = None
    if backend == "index":
        search = index_class()(known.semantic).search
    allowed = np.zeros(index.count, np.bool_)
    allowed[200:700] = True  # none of the nearest 199 of either side
    found = retrieve(index, known, View(match(index, {"cat": 1.0}), query([1, 0])), np.arange(9), search, allowed)
    assert allowed[found.rows].all()
    assert set(range(200, 200 + PER_SOURCE)) <= set(found.rows.tolist())


def test_a_filter_that_leaves_few_leaves_them_all(large: tuple[LexicalIndex, Vectors]) -> None:
    index, known = large
    allowed = np.zeros(index.count, np.bool_)
    allowed[[3, 500, 1100]] = True
    found = retrieve(index, known, View(match(index, {"name7": 1.0}), query([1, 0])), NOBODY, None, allowed)
    assert found.rows.tolist() == [3, 500, 1100]
    nothing = retrieve(index, known, View(match(index, {}), query([1, 0])), NOBODY, None, ~np.ones_like(allowed))
    assert len(nothing.rows) == 0


def test_where_nothing_matches_there_is_still_something_to_rank(large: tuple[LexicalIndex, Vectors]) -> None:
    index, _ = large
    assert len(retrieve(index, None, View(match(index, {"zebra": 1.0})), NOBODY).rows) == PER_SOURCE
    assert len(retrieve(index, None, View(match(index, {"cat": 1.0})), NOBODY, per_source=500).rows) >= 500


def test_an_empty_library_has_no_candidates() -> None:
    index = library()
    known = vectors(np.zeros((0, 0), np.float32))
    found = retrieve(index, known, View(match(index, {"cat": 1.0}), query([1, 0], chunks=unit([1, 0]))), NOBODY)
    assert len(found.rows) == 0
