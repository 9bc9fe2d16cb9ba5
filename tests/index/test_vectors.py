"""Both index backends against plain arithmetic and against each other."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorarec.index.vectors import FaissIndex, NumpyIndex

needs_faiss = pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="faiss is not installed")
BACKENDS = [NumpyIndex, pytest.param(FaissIndex, marks=needs_faiss)]


def unit(count: int, dim: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_known_neighbours(backend: type[NumpyIndex]) -> None:
    index = backend(np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32))
    scores, rows = index.search(np.array([[1, 0], [0, -1]], np.float32), 2)
    assert rows.tolist() == [[0, 2], [0, 2]]
    np.testing.assert_allclose(scores, [[1, 0.6], [0, -0.8]], atol=1e-7)
    assert scores.dtype == np.float32 and rows.dtype == np.int64 and (len(index), index.dim) == (3, 2)


@pytest.mark.parametrize("backend", BACKENDS)
def test_fewer_vectors_than_asked_for_are_padded(backend: type[NumpyIndex]) -> None:
    scores, rows = backend(np.empty((0, 2), np.float32)).search(np.eye(2, dtype=np.float32), 3)
    assert (rows == -1).all() and np.isneginf(scores).all() and scores.shape == (2, 3)
    index = backend(np.array([[0, 1]], np.float32))
    scores, rows = index.search(np.eye(2, dtype=np.float32), 3)
    assert rows.tolist() == [[0, -1, -1], [0, -1, -1]] and scores[1].tolist() == [1, -np.inf, -np.inf]
    assert index.search(np.empty((0, 2), np.float32), 3)[0].shape == (0, 3)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("k", [1, 5, 40, 300])
def test_equal_vectors_come_by_rising_row_wherever_they_lie(backend: type[NumpyIndex], k: int) -> None:
    same = unit(1, 33, 1)
    twins = np.sort(np.random.default_rng(3).permutation(300)[:100])
    matrix = unit(300, 33, 2)
    matrix[twins] = same
    scores, found = backend(matrix).search(same, k)
    assert found[0, : min(k, 100)].tolist() == twins[:k].tolist()
    assert len(set(scores[0, : min(k, 100)].tolist())) == 1
    assert (np.diff(scores[0][:k]) <= 0).all()


def test_wrong_input_is_refused() -> None:
    index = NumpyIndex(unit(1, 4))
    for queries, k in ((np.zeros((1, 4), np.float32), 0), (np.zeros((1, 3), np.float32), 1)):
        with pytest.raises(ValueError, match="k >= 1"):
            index.search(queries, k)
    for matrix in (unit(1, 4).astype(np.float64), unit(1, 4)[0], np.asfortranarray(unit(3, 4))):
        with pytest.raises(ValueError, match="contiguous"):
            NumpyIndex(matrix)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_mapped_matrix_is_used_without_a_copy(backend: type[NumpyIndex], tmp_path: Path) -> None:
    vectors = unit(50, 16)
    vectors.tofile(tmp_path / "m.f32")
    mapped = np.memmap(tmp_path / "m.f32", np.float32, "r", shape=(50, 16))
    index = backend(mapped)
    assert np.shares_memory(index._matrix, mapped)
    np.testing.assert_array_equal(index.search(vectors, 1)[1][:, 0], np.arange(50))


@needs_faiss
@settings(max_examples=60)
@given(
    drawn=st.lists(st.integers(0, 11), max_size=120),
    k=st.integers(1, 30),
    seed=st.integers(0, 1000),
    dim=st.sampled_from([3, 32]),
)
def test_faiss_equals_numpy_and_both_equal_plain_arithmetic(drawn: list[int], k: int, seed: int, dim: int) -> None:
    palette = unit(12, dim, seed)  # few different vectors, so that ties abound
    matrix = palette[np.asarray(drawn, np.int64)]
    queries = np.concatenate([palette[:2], unit(2, dim, seed + 1)])
    scores, rows = NumpyIndex(matrix).search(queries, k)
    scores2, rows2 = FaissIndex(matrix).search(queries, k)
    np.testing.assert_array_equal(rows, rows2)
    np.testing.assert_array_equal(scores, scores2)
    for number, query in enumerate(queries):
        exact = [float(np.einsum("i,i->", vector, query)) for vector in matrix]
        best = sorted(exact, reverse=True)[:k]
        np.testing.assert_allclose(scores[number][: len(best)], best, atol=1e-6)
        real = rows[number][rows[number] >= 0].tolist()
        assert len(real) == len(best) and len(set(real)) == len(real)
        np.testing.assert_allclose([exact[row] for row in real], best, atol=1e-6)


@needs_faiss
def test_the_threads_of_faiss_are_left_as_they_were() -> None:
    import faiss

    before = faiss.omp_get_max_threads()
    index = FaissIndex(np.eye(4, dtype=np.float32))
    index.search(np.eye(4, dtype=np.float32)[:1], 2)
    assert faiss.omp_get_max_threads() == before
