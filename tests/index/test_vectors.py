"""Both index backends against plain arithmetic, and against each other after any sequence of changes."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorarec.index.vectors import FaissIndex, NumpyIndex, make_index

needs_faiss = pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="faiss is not installed")
BACKENDS = [NumpyIndex, pytest.param(FaissIndex, marks=needs_faiss)]


def unit(count: int, dim: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_known_neighbours(backend: type[NumpyIndex]) -> None:
    index = backend(2)
    index.add(np.array([7, 3, 9]), np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32))
    scores, ids = index.search(np.array([[1, 0], [0, -1]], np.float32), 2)
    assert ids.tolist() == [[7, 9], [7, 9]]
    np.testing.assert_allclose(scores, [[1, 0.6], [0, -0.8]], atol=1e-7)
    assert scores.dtype == np.float32 and ids.dtype == np.int64


@pytest.mark.parametrize("backend", BACKENDS)
def test_fewer_vectors_than_asked_for_are_padded(backend: type[NumpyIndex]) -> None:
    index = backend(2)
    scores, ids = index.search(np.eye(2, dtype=np.float32), 3)
    assert (ids == -1).all() and np.isneginf(scores).all() and scores.shape == (2, 3)
    index.add(np.array([5]), np.array([[0, 1]], np.float32))
    scores, ids = index.search(np.eye(2, dtype=np.float32), 3)
    assert ids.tolist() == [[5, -1, -1], [5, -1, -1]] and scores[1].tolist() == [1, -np.inf, -np.inf]
    assert index.search(np.empty((0, 2), np.float32), 3)[0].shape == (0, 3)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("k", [1, 5, 40, 300])
def test_equal_vectors_come_by_rising_id_wherever_they_lie(backend: type[NumpyIndex], k: int) -> None:
    same, others = unit(1, 33, 1), unit(200, 33, 2)
    ids = np.random.default_rng(3).permutation(300)
    index = backend(33)
    index.add(ids[:200], others)
    index.add(ids[200:], np.repeat(same, 100, axis=0))
    scores, found = index.search(same, k)
    twins = np.sort(ids[200:])
    assert found[0, : min(k, 100)].tolist() == twins[:k].tolist()
    assert len(set(scores[0, : min(k, 100)].tolist())) == 1
    assert (np.diff(scores[0][:k]) <= 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_changes(backend: type[NumpyIndex]) -> None:
    vectors = unit(6, 8)
    index = backend(8)
    for number in range(5):
        index.add(np.array([number * 10]), vectors[number : number + 1])
    index.update(np.array([20, 60]), vectors[[5, 2]])
    assert index.search(vectors[5:6], 1)[1][0, 0] == 20
    assert index.search(vectors[2:3], 1)[1][0, 0] == 60
    assert index.remove(np.array([0, 20, 20, 999])) == 2
    assert len(index) == 4
    assert set(index.search(vectors[:1], 4)[1][0].tolist()) == {10, 30, 40, 60}
    np.testing.assert_array_equal(index.reconstruct(np.array([60, 10])), vectors[[2, 1]])
    with pytest.raises(KeyError):
        index.reconstruct(np.array([20]))


def test_wrong_input_is_refused() -> None:
    index = make_index(4)
    with pytest.raises(ValueError, match="shape"):
        index.add(np.array([1]), np.zeros((1, 3), np.float32))
    with pytest.raises(ValueError, match="different"):
        index.add(np.array([1, 1]), np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match="negative"):
        index.update(np.array([-1]), np.zeros((1, 4), np.float32))
    index.add(np.array([1]), np.zeros((1, 4), np.float32))
    with pytest.raises(ValueError, match="already"):
        index.add(np.array([1]), np.zeros((1, 4), np.float32))
    with pytest.raises(ValueError, match="k >= 1"):
        index.search(np.zeros((1, 4), np.float32), 0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_mapped_matrix_is_used_without_a_copy_and_never_written(backend: type[NumpyIndex], tmp_path) -> None:  # type: ignore[no-untyped-def]
    vectors = unit(50, 16)
    vectors.tofile(tmp_path / "m.f32")
    mapped = np.memmap(tmp_path / "m.f32", np.float32, "r", shape=(50, 16))
    index = backend.from_matrix(np.arange(50), mapped)
    assert np.shares_memory(index._matrix, mapped)
    np.testing.assert_array_equal(index.search(vectors, 1)[1][:, 0], np.arange(50))
    index.update(np.array([3]), -vectors[3:4])
    index.remove(np.array([4]))
    assert index.search(-vectors[3:4], 1)[1][0, 0] == 3
    np.testing.assert_array_equal(mapped, vectors)
    own = vectors.copy()
    backend.from_matrix(np.arange(50), own)
    own[0, 0] = 5  # the caller's array stays writeable


step = st.tuples(st.sampled_from(["add", "update", "remove"]), st.lists(st.integers(0, 60), max_size=25, unique=True))


@needs_faiss
@settings(max_examples=60, deadline=None)
@given(steps=st.lists(step, max_size=12), k=st.integers(1, 30), seed=st.integers(0, 1000), dim=st.sampled_from([3, 32]))
def test_faiss_equals_numpy_and_both_equal_a_dictionary(steps: list, k: int, seed: int, dim: int) -> None:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    palette = unit(12, dim, seed)  # few different vectors, so that ties abound
    plain, fast = NumpyIndex(dim), FaissIndex(dim)
    truth: dict[int, np.ndarray] = {}
    for action, numbers in steps:
        ids = np.array([n for n in numbers if action != "add" or n not in truth], np.int64)
        vectors = palette[rng.integers(0, len(palette), len(ids))]
        for index in (plain, fast):
            if action == "remove":
                index.remove(ids)
            else:
                getattr(index, action)(ids, vectors)
        for n, vector in zip(ids.tolist(), vectors, strict=True):
            if action == "remove":
                truth.pop(n, None)
            else:
                truth[n] = vector
    queries = np.concatenate([palette[:2], unit(2, dim, seed + 1)])
    scores, ids = plain.search(queries, k)
    scores2, ids2 = fast.search(queries, k)
    np.testing.assert_array_equal(ids, ids2)
    np.testing.assert_allclose(scores, scores2, atol=1e-6)
    assert len(plain) == len(fast) == len(truth)
    for row, query in enumerate(queries):
        exact = {n: float(np.einsum("i,i->", v, query)) for n, v in truth.items()}
        best = sorted(exact.values(), reverse=True)[:k]
        np.testing.assert_allclose(scores[row][: len(best)], best, atol=1e-6)
        real = ids[row][ids[row] >= 0].tolist()
        assert len(real) == len(best) and len(set(real)) == len(real)
        np.testing.assert_allclose([exact[n] for n in real], best, atol=1e-6)


@needs_faiss
def test_the_threads_of_faiss_are_left_as_they_were() -> None:
    import faiss

    before = faiss.omp_get_max_threads()
    index = FaissIndex(4)
    index.add(np.arange(4), np.eye(4, dtype=np.float32))
    index.search(np.eye(4, dtype=np.float32)[:1], 2)
    assert faiss.omp_get_max_threads() == before
