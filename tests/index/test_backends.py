"""Backends that propose candidates: the same answers as numpy, or, for millions only, a recall that is told.

Without a graphics card FAISS's CPU index stands in its place, rounded to half precision where that would be; everything
else is what runs there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lorarec.index import backends
from lorarec.index.backends import ApproximateIndex, CardIndex, QuantizedIndex, open_index
from lorarec.index.vectors import NumpyIndex

faiss: Any = pytest.importorskip("faiss")


@pytest.fixture(autouse=True)
def beyond_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every library is large enough for FAISS here."""
    monkeypatch.setattr(backends, "FAISS_BEYOND", 0)


def clustered(count: int, dim: int = 32, seed: int = 0) -> np.ndarray:
    """Vectors of length 1 around a few centres, every tenth a copy of the one before: ties must be settled alike."""
    draw = np.random.default_rng(seed)
    centres = draw.standard_normal((20, dim))
    vectors = centres[draw.integers(20, size=count)] + 0.4 * draw.standard_normal((count, dim))
    vectors[10::10] = vectors[9:-1:10]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class Card:
    """FAISS with a graphics card."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails, self.half, self.built = False, False, 0
        self.takes, self.alone = 0.0, threading.Lock()

        class Config:
            useFloat16 = False

        class Resources:
            def setTempMemory(self, size: int) -> None:
                pass

        class Index:
            def __init__(index, resources: Resources, dim: int, config: Config) -> None:
                self.half, self.built = config.useFloat16, self.built + 1
                index.real = faiss.IndexFlatIP(dim)

            def add(index, vectors: np.ndarray) -> None:
                index.real.add(vectors.astype(np.float16).astype(np.float32) if self.half else vectors)

            def search(index, queries: np.ndarray, k: int) -> Any:
                if self.fails:
                    raise RuntimeError("Error in virtual void* allocMemory: out of memory")
                assert k <= 2048
                assert self.alone.acquire(blocking=False), "two at once, which the card's resources do not bear"
                try:
                    time.sleep(self.takes)
                    return index.real.search(queries, k)
                finally:
                    self.alone.release()

        monkeypatch.setattr(faiss, "GpuIndexFlatConfig", Config, raising=False)
        monkeypatch.setattr(faiss, "StandardGpuResources", Resources, raising=False)
        monkeypatch.setattr(faiss, "GpuIndexFlatIP", Index, raising=False)
        monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    return Card(monkeypatch)


def same(ours: NumpyIndex, matrix: np.ndarray, queries: np.ndarray, k: int = 20) -> None:
    reference = NumpyIndex(matrix).search(queries, k)
    for mine, theirs in zip(ours.search(queries, k), reference, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def always(size: int) -> bool:
    return True


@pytest.mark.parametrize("slack", [QuantizedIndex.slack, 0])  # without any, all answers are in doubt
@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_rounded_vectors_find_the_exact_neighbours(scale: float, slack: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuantizedIndex, "slack", slack)
    matrix, queries = clustered(3000), scale * clustered(40, seed=1)
    matrix[7] = 0
    matrix[:, 3] = 0.25  # says nothing: there is no step to round to
    index = open_index(matrix)
    assert type(index) is QuantizedIndex
    same(index, matrix, queries)
    same(index, matrix, queries[:2], k=3000)


def test_without_memory_for_rounded_vectors_they_are_searched_as_they_are(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[int] = []

    class Index:
        def __init__(self, *_: Any) -> None:
            tried.append(1)

        def train(self, vectors: np.ndarray) -> None:
            raise MemoryError("std::bad_alloc")

    monkeypatch.setattr(faiss, "IndexScalarQuantizer", Index)
    matrix, queries = clustered(3000), clustered(10, seed=1)
    index = open_index(matrix)
    assert tried == [], "a library that is only opened is not rounded"
    same(index, matrix, queries)
    same(index, matrix, queries[:1])
    assert tried == [1] and "3000 vectors are searched unrounded" in caplog.text


def test_rounding_is_never_further_off_than_it_says() -> None:
    matrix, queries = clustered(500), 3 * clustered(50, seed=1)
    index = QuantizedIndex(matrix)
    scores, rows = index._nearest(queries, 500)
    away = np.abs(scores - np.einsum("qkd,qd->qk", matrix[rows], queries)).max(1)
    assert away.max() > 1e-4, "it does round"
    assert all(off <= index._error(query, near) for off, query, near in zip(away, queries, scores, strict=True))


@pytest.mark.parametrize("half_beyond", [10**9, 100])
def test_the_card_answers_as_numpy_does(half_beyond: int, card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "HALF_BEYOND", half_beyond)
    matrix, queries = clustered(3000), clustered(40, seed=1)
    index = open_index(matrix, always)
    assert isinstance(index, CardIndex)
    same(index, matrix, queries)
    same(index, matrix, queries[:2], k=2999)  # more than a card can give
    assert card.half is (half_beyond == 100) and card.built == 1


def test_a_card_without_room_is_not_used_nor_asked_for(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: pytest.fail("this ends the process where there is no driver"))
    asked: list[int] = []

    def never(size: int) -> bool:
        asked.append(size)
        return False

    matrix = clustered(500)
    index = open_index(matrix, never)
    assert type(index) is QuantizedIndex and asked == [matrix.nbytes] and card.built == 0
    assert type(open_index(matrix)) is QuantizedIndex, "nor without being told that there is"


def test_room_for_what_faiss_does_not_see_is_not_used(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0)
    assert type(open_index(clustered(500), always)) is QuantizedIndex


def test_a_card_that_fails_leaves_the_cpu(card: Card) -> None:
    matrix, queries = clustered(500), clustered(5, seed=1)
    index = open_index(matrix, always)
    same(index, matrix, queries)
    card.fails = True
    same(index, matrix, queries)
    card.fails = False
    same(index, matrix, queries)
    assert card.built == 1, "it is not tried again"


def test_many_may_search_at_once_on_a_card(card: Card) -> None:
    card.takes = 0.02
    matrix, queries = clustered(500), clustered(8, seed=1)
    index, reference = open_index(matrix, always), NumpyIndex(matrix)
    with ThreadPoolExecutor(8) as pool:
        for query, (_, rows) in zip(
            queries, pool.map(lambda query: index.search(query[None], 5), queries), strict=True
        ):
            np.testing.assert_array_equal(rows, reference.search(query[None], 5)[1])
    assert card.built == 1


def test_a_build_without_cards_is_exact_on_the_cpu() -> None:
    index = open_index(clustered(100), always)
    assert type(index) is (CardIndex if hasattr(faiss, "GpuIndexFlatIP") else QuantizedIndex)


def test_millions_are_searched_approximately_and_the_recall_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(backends, "APPROXIMATE_BEYOND", 4000)
    matrix, queries = clustered(5000), clustered(50, seed=1)
    caplog.set_level("INFO", "lorarec")
    index = open_index(matrix, folder=tmp_path)
    assert isinstance(index, ApproximateIndex) and 0.99 <= index.recall <= 1
    assert f"a recall of {index.recall:.4f}" in caplog.text
    scores, ids = index.search(queries, 20)
    exact = NumpyIndex(matrix).search(queries, 20)
    found = [len(np.intersect1d(mine, theirs)) / 20 for mine, theirs in zip(ids, exact[1], strict=True)]
    assert float(np.mean(found)) > 0.9
    np.testing.assert_allclose(scores, np.einsum("qkd,qd->qk", matrix[ids], queries), atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all(), "what it finds is scored and ordered exactly"
    assert type(open_index(matrix[:4000], folder=tmp_path)) is not ApproximateIndex
    same(open_index(matrix), matrix, queries)  # not worth the training for vectors that will soon be others


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all approximate indexes that were trained; 400 vectors are many here."""
    monkeypatch.setattr(backends, "APPROXIMATE_BEYOND", 400)
    real, sizes = ApproximateIndex.train, []

    def train(index: ApproximateIndex) -> None:
        sizes.append(len(index))
        real(index)

    monkeypatch.setattr(ApproximateIndex, "train", train)
    return sizes


def test_what_an_approximate_index_learned_is_kept_for_the_next_start(
    tmp_path: Path, trained: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    matrix, queries = clustered(500), clustered(20, seed=1)
    first = open_index(matrix, folder=tmp_path, key="a")
    caplog.set_level("INFO", "lorarec")
    again = open_index(matrix, folder=tmp_path, key="a")
    assert trained == [500] and isinstance(first, ApproximateIndex) and isinstance(again, ApproximateIndex)
    assert again.recall == first.recall and f"a recall of {first.recall:.4f}" in caplog.text
    for mine, theirs in zip(again.search(queries, 20), first.search(queries, 20), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    open_index(-matrix, folder=tmp_path, key="b")
    assert trained == [500, 500], "other vectors"
    assert len(list(tmp_path.glob("*.cells"))) == 1, "what was learned of the former is gone"
    open_index(matrix, folder=tmp_path, key="a")
    open_index(matrix[:450], folder=tmp_path, key="a")
    assert trained == [500, 500, 500, 450], "as many vectors as there are now, whatever the key says"
    open_index(matrix[:400], folder=tmp_path, key="c")
    assert list(tmp_path.iterdir()) == [], "a smaller library needs none"


def flipped(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


@pytest.mark.parametrize("change", [flipped, lambda data: data[: len(data) // 2], lambda data: b"", None])
@pytest.mark.parametrize("file", ["0.npy", "cells.msgpack"])
def test_a_damaged_one_is_made_anew(
    file: str, change: Callable[[bytes], bytes] | None, tmp_path: Path, trained: list[int]
) -> None:
    matrix = clustered(500)
    open_index(matrix, folder=tmp_path, key="a")
    path = next(tmp_path.glob(f"*.cells/{file}"))
    if change:
        path.write_bytes(change(path.read_bytes()))
    else:
        path.unlink()
    again = open_index(matrix, folder=tmp_path, key="a")
    assert again.search(matrix[:1], 1)[1].tolist() == [[0]] and trained == [500, 500]
    open_index(matrix, folder=tmp_path, key="a")
    assert trained == [500, 500], "and kept"


def test_one_of_another_faiss_is_made_anew(tmp_path: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = clustered(500)
    with monkeypatch.context() as patch:
        real = faiss.serialize_index
        patch.setattr(faiss, "serialize_index", lambda index: np.append(np.frombuffer(b"New?", np.uint8), real(index)))
        open_index(matrix, folder=tmp_path, key="a")
    assert open_index(matrix, folder=tmp_path, key="a").search(matrix[:1], 1)[1].tolist() == [[0]]
    assert trained == [500, 500]


def test_a_disk_that_is_full_only_costs_the_next_start(
    tmp_path: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    matrix = clustered(500)
    assert open_index(matrix, folder=tmp_path, key="a").search(matrix[:1], 1)[1].tolist() == [[0]]
    assert "could not be kept" in caplog.text and list(tmp_path.iterdir()) == []


def test_a_mapped_matrix_is_not_copied(tmp_path: Any, card: Card) -> None:
    path = tmp_path / "matrix.npy"
    np.save(path, clustered(300))
    mapped = np.load(path, mmap_mode="r")
    rooms: list[Callable[[int], bool]] = [always, lambda size: False]
    for room in rooms:
        index = open_index(mapped, room)
        assert np.shares_memory(index._matrix, mapped)


def test_small_libraries_do_without_faiss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "FAISS_BEYOND", 500)
    monkeypatch.setattr(backends, "faiss_package", lambda: pytest.fail("FAISS was loaded"))
    matrix = clustered(500)
    assert type(open_index(matrix)) is NumpyIndex
    with pytest.raises(pytest.fail.Exception):
        open_index(np.concatenate([matrix, matrix[:1]]))
