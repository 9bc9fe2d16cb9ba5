"""Exact nearest neighbours by inner product: a numpy reference, and FAISS with the same answers.

Both search one plain matrix as it is, which may be memory-mapped: there is no structure beside it that a changed vector
would make stale. They differ only in who finds the best rows; the final scores and their order come from one shared
function, which makes answers equal to the last bit, ties included.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import dot, dots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Scores = NDArray[np.float32]
    Rows = NDArray[np.int64]

_log = logging.getLogger(__name__)

_BLOCK = 65_536  # rows read at once where all are read
_AT_ONCE = 8  # queries whose scores of all vectors are in memory together


class NumpyIndex:
    """The reference: a matrix product per search. Searches may run at once."""

    slack = 16  # rows fetched beyond k, to see whether a tie goes on
    tolerance = 1e-5  # backends sum in different orders; relative to the longest vectors, here of length 1

    def __init__(self, matrix: Scores) -> None:
        """Search a C-contiguous float32 matrix, shape (n, dim), without copying or changing it.

        Raises:
            ValueError: it has another shape or type.
        """
        if matrix.ndim != 2 or matrix.dtype != np.float32 or not matrix.flags.c_contiguous:
            raise ValueError("the matrix must be two-dimensional, float32 and contiguous")
        self._matrix = matrix.view(np.ndarray)

    def __len__(self) -> int:
        """Number of vectors."""
        return len(self._matrix)

    def _blocks(self) -> Iterator[Scores]:
        """The matrix in parts, each contiguous and in memory."""
        for start in range(0, len(self), _BLOCK):
            yield np.ascontiguousarray(self._matrix[start : start + _BLOCK])

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        return int(self._matrix.shape[1])

    def search(self, queries: Scores, k: int) -> tuple[Scores, Rows]:
        """The k best vectors of each query.

        Args:
            queries: shape (q, dim).
            k: at least 1.

        Returns:
            Scores (inner products, falling) and rows of the matrix, both (q, k). Equal scores are ordered by rising
            row. Where there are fewer than k vectors the rest is -inf and -1.

        Raises:
            ValueError: the queries have another dimension or k < 1.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.dim or k < 1:
            raise ValueError(f"queries of shape (q, {self.dim}) and k >= 1 are needed, got {queries.shape} and {k}")
        scores = np.full((len(queries), k), -np.inf, np.float32)
        found = np.full((len(queries), k), -1, np.int64)
        if len(self) and len(queries):
            wanted = min(k + self.slack, len(self))
            for number, (near, rows) in enumerate(zip(*self._nearest(queries, wanted), strict=True)):
                best, rows = self._settle(queries[number], near, rows, min(k, len(self)))
                scores[number, : len(rows)] = best
                found[number, : len(rows)] = rows
        return scores, found

    def _nearest(self, queries: Scores, k: int) -> tuple[Scores, Rows]:
        """Scores and rows of the k best of each query, (q, k); ties and the order are not settled."""
        found = []
        for start in range(0, len(queries), _AT_ONCE):
            for scores in dots(self._matrix, queries[start : start + _AT_ONCE]).T:
                rows = np.argpartition(scores, len(scores) - k)[len(scores) - k :]
                found.append((scores[rows], rows))
        return np.stack([scores for scores, _ in found]), np.stack([rows for _, rows in found])

    def _settle(self, query: Scores, near: Scores, rows: Rows, k: int) -> tuple[Scores, Rows]:
        """The exact k best among the candidate rows, or among more if a tie goes on beyond the candidates."""
        scores, best = self._exact(query, rows, k)
        bound = self._error(query, near)
        if len(rows) < len(self) and float(near.min()) > float(scores[-1]) - bound:
            every = dot(self._matrix, query)
            edge = float(np.partition(every, len(every) - k)[len(every) - k])
            return self._exact(query, np.flatnonzero(every >= edge - bound), k)
        return scores, best

    def _error(self, query: Scores, near: Scores) -> float:
        """How far a score of `_nearest` is from the exact one at most."""
        return self.tolerance * max(1.0, float(np.abs(near).max()))

    def _exact(self, query: Scores, rows: Rows, k: int) -> tuple[Scores, Rows]:
        """The k best of some rows, scored and in order."""
        rows = rows.astype(np.int64, copy=False)
        # Summed row by row, not by BLAS: there equal vectors can get unequal scores, depending on where they lie.
        scores = np.einsum("ij,j->i", self._matrix[rows], query)
        order = np.lexsort((rows, -scores))[:k]
        return scores[order], rows[order]


class FaissIndex(NumpyIndex):
    """FAISS's exhaustive inner product, that of IndexFlatIP, over the same matrix."""

    def _nearest(self, queries: Scores, k: int) -> tuple[Scores, Rows]:
        faiss = faiss_package()
        if faiss is None:
            return super()._nearest(queries, k)
        with one_thread(queries):
            scores, rows = faiss.knn(queries, self._matrix, k, metric=faiss.METRIC_INNER_PRODUCT)
        return np.asarray(scores, np.float32), np.asarray(rows, np.int64)


@contextlib.contextmanager
def one_thread(queries: Scores) -> Iterator[None]:
    """FAISS on the calling thread for a single query: more threads make that slower, not faster."""
    import faiss

    before = faiss.omp_get_max_threads()
    alone = len(queries) == 1 and before > 1
    if alone:
        faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        if alone:
            faiss.omp_set_num_threads(before)


@functools.cache
def faiss_package() -> Any:
    """FAISS, or None where it is installed but does not load: built for another numpy, or parts of it are missing."""
    try:
        import faiss
    except (ImportError, OSError, AttributeError) as error:
        _log.warning("faiss does not load (%s); numpy searches instead, with the same results", error)
        return None
    return faiss


def index_class() -> type[NumpyIndex]:
    """The best exact backend that is installed."""
    return FaissIndex if importlib.util.find_spec("faiss") is not None else NumpyIndex
