"""Exact nearest neighbours by inner product: one contract, a numpy reference, and FAISS with the same answers.

Both backends keep their vectors in one plain matrix, so an index can stand on a memory-mapped file without a copy, and
adding, replacing and removing never rebuild anything. They differ only in who finds the best rows; the final scores
and their order come from one shared function, which makes answers equal to the last bit, ties included.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from ..arrays import distinct, dot, dots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Scores = NDArray[np.float32]
    Ids = NDArray[np.int64]

_log = logging.getLogger(__name__)

_AT_ONCE = 8  # queries whose scores of all vectors are in memory together


class VectorIndex(Protocol):
    """Vectors by id, searched exactly by inner product. Searches may run at once; changes need the index alone."""

    dim: int

    def __len__(self) -> int:
        """Number of vectors."""
        ...

    def add(self, ids: Ids, vectors: Scores) -> None:
        """Add vectors, shape (n, dim), under new ids >= 0, shape (n,).

        Raises:
            ValueError: shapes do not match, an id is negative, repeated or known already.
        """
        ...

    def update(self, ids: Ids, vectors: Scores) -> None:
        """Replace the vectors of known ids and add those of new ones.

        Raises:
            ValueError: shapes do not match, an id is negative or repeated.
        """
        ...

    def remove(self, ids: Ids) -> int:
        """Remove vectors and return how many there were; unknown ids are ignored."""
        ...

    def search(self, queries: Scores, k: int) -> tuple[Scores, Ids]:
        """The k best vectors of each query.

        Args:
            queries: shape (q, dim).
            k: at least 1.

        Returns:
            Scores (inner products, falling) and ids, both (q, k). Equal scores are ordered by rising id. Where there
            are fewer than k vectors the rest is -inf and -1.

        Raises:
            ValueError: the queries have another dimension or k < 1.
        """
        ...

    def reconstruct(self, ids: Ids) -> Scores:
        """The vectors of ids, a copy of shape (n, dim).

        Raises:
            KeyError: an id is unknown.
        """
        ...


_Self = TypeVar("_Self", bound="NumpyIndex")


class NumpyIndex:
    """The reference: a matrix product per search."""

    slack = 16  # rows fetched beyond k, to see whether a tie goes on
    tolerance = 1e-5  # backends sum in different orders; relative to the longest vectors, here of length 1

    def __init__(self, dim: int) -> None:
        """Start an empty index for vectors of ``dim`` numbers."""
        self.dim = dim
        self._count = 0
        self._ids: Ids = np.empty(0, np.int64)
        self._matrix: Scores = np.empty((0, dim), np.float32)
        self._order: Ids | None = None  # rows by rising id, made when needed

    @classmethod
    def from_matrix(cls: type[_Self], ids: Ids, matrix: Scores) -> _Self:
        """Take over a C-contiguous float32 matrix, shape (n, dim), without copying it; it may be memory-mapped.

        The matrix is never written to: the first change copies it.

        Raises:
            ValueError: shapes or types do not match, an id is negative or repeated.
        """
        if matrix.ndim != 2 or matrix.dtype != np.float32 or not matrix.flags.c_contiguous:
            raise ValueError("the matrix must be two-dimensional, float32 and contiguous")
        index = cls(matrix.shape[1])
        index._check(ids, matrix)
        index._ids = np.array(ids, np.int64)
        index._matrix = matrix.view(np.ndarray)
        index._matrix.flags.writeable = False  # of this view only
        index._count = len(ids)
        return index

    def __len__(self) -> int:
        """Number of vectors."""
        return self._count

    def add(self, ids: Ids, vectors: Scores) -> None:
        """Add vectors under new ids; see `VectorIndex`."""
        self._check(ids, vectors)
        _, known = self._rows(ids)
        if known.any():
            raise ValueError(f"id {int(np.asarray(ids)[known][0])} is in the index already")
        self._append(ids, vectors)

    def update(self, ids: Ids, vectors: Scores) -> None:
        """Replace or add vectors; see `VectorIndex`."""
        self._check(ids, vectors)
        ids = np.asarray(ids, np.int64)
        rows, known = self._rows(ids)
        self._own(self._count + int((~known).sum()))
        self._matrix[rows[known]] = vectors[known]
        if not known.all():
            self._append(ids[~known], vectors[~known])

    def remove(self, ids: Ids) -> int:
        """Remove vectors; see `VectorIndex`. The last rows fill the gaps."""
        rows, known = self._rows(np.unique(np.asarray(ids, np.int64)))
        gone = rows[known]
        left = self._count - len(gone)
        if len(gone):
            self._own(self._count)
            tail = np.setdiff1d(np.arange(left, self._count), gone)
            holes = gone[gone < left]
            self._matrix[holes] = self._matrix[tail]
            self._ids[holes] = self._ids[tail]
            self._count = left
            self._order = None
        return len(gone)

    def search(self, queries: Scores, k: int) -> tuple[Scores, Ids]:
        """The k best vectors of each query; see `VectorIndex`."""
        queries = np.ascontiguousarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.dim or k < 1:
            raise ValueError(f"queries of shape (q, {self.dim}) and k >= 1 are needed, got {queries.shape} and {k}")
        scores = np.full((len(queries), k), -np.inf, np.float32)
        ids = np.full((len(queries), k), -1, np.int64)
        if self._count and len(queries):
            wanted = min(k + self.slack, self._count)
            for number, (near, rows) in enumerate(zip(*self._nearest(queries, wanted), strict=True)):
                best, rows = self._settle(queries[number], near, rows, min(k, self._count))
                scores[number, : len(rows)] = best
                ids[number, : len(rows)] = self._ids[rows]
        return scores, ids

    def reconstruct(self, ids: Ids) -> Scores:
        """The vectors of ids; see `VectorIndex`."""
        ids = np.asarray(ids, np.int64)
        rows, known = self._rows(ids)
        if not known.all():
            raise KeyError(int(ids[~known][0]))
        return np.array(self._matrix[rows])

    def _nearest(self, queries: Scores, k: int) -> tuple[Scores, Ids]:
        """Scores and rows of the k best of each query, (q, k); ties and the order are not settled."""
        matrix = self._matrix[: self._count]
        found = []
        for start in range(0, len(queries), _AT_ONCE):
            for scores in dots(matrix, queries[start : start + _AT_ONCE]).T:
                rows = np.argpartition(scores, len(scores) - k)[len(scores) - k :]
                found.append((scores[rows], rows))
        return np.stack([scores for scores, _ in found]), np.stack([rows for _, rows in found])

    def _settle(self, query: Scores, near: Scores, rows: Ids, k: int) -> tuple[Scores, Ids]:
        """The exact k best among the candidate rows, or among more if a tie goes on beyond the candidates."""
        rows = rows.astype(np.int64, copy=False)
        # Summed row by row, not by BLAS: there equal vectors can get unequal scores, depending on where they lie.
        scores = np.einsum("ij,j->i", self._matrix[rows], query)
        order = np.lexsort((self._ids[rows], -scores))[:k]
        bound = self.tolerance * max(1.0, float(np.abs(near).max()))
        if len(rows) < self._count and float(near.min()) > float(scores[order[-1]]) - bound:
            every = dot(self._matrix[: self._count], query)
            return self._settle_all(query, every, k, bound)
        return scores[order], rows[order]

    def _settle_all(self, query: Scores, every: Scores, k: int, bound: float) -> tuple[Scores, Ids]:
        edge = float(np.partition(every, len(every) - k)[len(every) - k])
        rows = np.flatnonzero(every >= edge - bound)
        scores = np.einsum("ij,j->i", self._matrix[rows], query)
        order = np.lexsort((self._ids[rows], -scores))[:k]
        return scores[order], rows[order]

    def _rows(self, ids: Ids) -> tuple[Ids, NDArray[np.bool_]]:
        """Row of each id, and whether there is one."""
        ids = np.asarray(ids, np.int64)
        if not self._count:
            return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
        if self._order is None:
            self._order = np.argsort(self._ids[: self._count])
        places = np.searchsorted(self._ids[: self._count], ids, sorter=self._order)
        rows = self._order[np.minimum(places, self._count - 1)]
        return rows, self._ids[rows] == ids

    def _append(self, ids: Ids, vectors: Scores) -> None:
        end = self._count + len(ids)
        self._own(end)
        self._ids[self._count : end] = ids
        self._matrix[self._count : end] = vectors
        self._count = end
        self._order = None

    def _own(self, rows: int) -> None:
        """Make the matrix ours and large enough; it grows by half, so that many small additions stay cheap."""
        if rows <= len(self._matrix) and self._matrix.flags.writeable:
            return
        size = max(rows, self._count + self._count // 2) if rows > len(self._matrix) else len(self._matrix)
        matrix = np.empty((size, self.dim), np.float32)
        matrix[: self._count] = self._matrix[: self._count]
        ids = np.empty(size, np.int64)
        ids[: self._count] = self._ids[: self._count]
        self._matrix, self._ids = matrix, ids

    def _check(self, ids: Ids, vectors: Scores) -> None:
        ids = np.asarray(ids)
        if ids.ndim != 1 or vectors.shape != (len(ids), self.dim):
            raise ValueError(f"{len(ids)} ids need vectors of shape ({len(ids)}, {self.dim}), got {vectors.shape}")
        if len(ids) and (int(ids.min()) < 0 or len(distinct(ids)[0]) < len(ids)):
            raise ValueError("ids must be different from each other and not negative")


class FaissIndex(NumpyIndex):
    """FAISS's exhaustive inner product, that of IndexFlatIP, over the same matrix."""

    def _nearest(self, queries: Scores, k: int) -> tuple[Scores, Ids]:
        faiss = faiss_package()
        if faiss is None:
            return super()._nearest(queries, k)
        before = faiss.omp_get_max_threads()
        if len(queries) == 1 and before > 1:  # threads make one query slower, not faster
            faiss.omp_set_num_threads(1)
        try:
            scores, rows = faiss.knn(queries, self._matrix[: self._count], k, metric=faiss.METRIC_INNER_PRODUCT)
        finally:
            if len(queries) == 1 and before > 1:
                faiss.omp_set_num_threads(before)
        return np.asarray(scores, np.float32), np.asarray(rows, np.int64)


@functools.cache
def faiss_package() -> Any:
    """FAISS, or None where it is installed but does not load: built for another numpy, or parts of it are missing."""
    try:
        import faiss
    except (ImportError, OSError, AttributeError) as error:
        _log.warning("faiss does not load (%s); numpy searches instead, with the same results", error)
        return None
    return faiss


def make_index(dim: int) -> VectorIndex:
    """An empty index: FAISS where it is installed, else numpy."""
    return index_class()(dim)


def index_class() -> type[NumpyIndex]:
    """The best backend that is installed; `NumpyIndex.from_matrix` of it opens a stored matrix."""
    return FaissIndex if importlib.util.find_spec("faiss") is not None else NumpyIndex
