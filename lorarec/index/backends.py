"""Which index serves a library: numpy, beyond a size FAISS on the CPU or on the graphics card, and an approximate one
for millions.

All but the last answer alike, ids and scores: they only propose candidates, and `NumpyIndex` settles scores and order
with the exact vectors, looking at all of them where a proposal leaves doubt. The approximate one also scores exactly
what it finds, but may miss some, and says how many.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graphics import out_of_memory
from .vectors import FaissIndex, NumpyIndex, faiss_package, index_class

if TYPE_CHECKING:
    from .vectors import Ids, Scores

_log = logging.getLogger(__name__)

FAISS_BEYOND = 50_000  # vectors; up to there numpy is as fast for one query, and loading FAISS takes half a second
HALF_BEYOND = 100_000  # vectors; more are kept in half precision on the graphics card
APPROXIMATE_BEYOND = 1_000_000  # vectors; up to there an exact search takes less than reading the prompt
_CARD_K = 2048  # FAISS's own limit there
_RECALL = 0.99  # of the exact neighbours that an approximate index must find on average
_PROBED = 200  # neighbours of each of so many vectors, by which recall is measured
_TRAINED = 64  # vectors per cell from which its centre is learned
_BLOCK = 65_536


class CardIndex(FaissIndex):
    """FAISS's exhaustive inner product on the graphics card, over a copy of the matrix there."""

    tolerance = 1e-4  # other kernels, other order of sums

    _there: Any = None  # (resources, index) once it was copied

    @property
    def half(self) -> bool:
        """Whether the copy is in half precision: half the memory, candidates that need a closer look."""
        return self._count > HALF_BEYOND

    def size(self) -> int:
        """Bytes of the copy."""
        return self._count * self.dim * (2 if self.half else 4)

    def add(self, ids: Ids, vectors: Scores) -> None:
        """Add vectors under new ids; see `VectorIndex`."""
        super().add(ids, vectors)
        self._there = None

    def update(self, ids: Ids, vectors: Scores) -> None:
        """Replace or add vectors; see `VectorIndex`."""
        super().update(ids, vectors)
        self._there = None

    def remove(self, ids: Ids) -> int:
        """Remove vectors; see `VectorIndex`."""
        self._there = None
        return super().remove(ids)

    def _nearest(self, queries: Scores, k: int) -> tuple[Scores, Ids]:
        if k > _CARD_K:
            return super()._nearest(queries, k)
        try:
            scores, rows = self._copied().search(queries, k)
        except RuntimeError as error:  # FAISS raises nothing else; memory may be gone since it was asked for
            _log.warning("search goes on on the CPU: %s", str(error).strip().splitlines()[-1])
            self._there = None if out_of_memory(error) else self._there
            self.__class__ = FaissIndex  # type: ignore[assignment]
            return self._nearest(queries, k)
        return np.asarray(scores, np.float32), np.asarray(rows, np.int64)

    def _copied(self) -> Any:
        if self._there is None:
            import faiss

            resources = faiss.StandardGpuResources()
            resources.setTempMemory(64 << 20)
            config = faiss.GpuIndexFlatConfig()
            config.useFloat16 = self.half
            index = faiss.GpuIndexFlatIP(resources, self.dim, config)
            for start in range(0, self._count, _BLOCK):
                index.add(np.ascontiguousarray(self._matrix[start : min(start + _BLOCK, self._count)]))
            self.tolerance, self.slack = (1e-3, 256) if self.half else (self.tolerance, self.slack)
            self._there = resources, index
        return self._there[1]


class ApproximateIndex(FaissIndex):
    """Cells around learned centres (FAISS's IVF; Jégou, Douze and Schmid 2011) with 8 bits per number, for candidates.

    As many cells are looked at as `_RECALL` needs. The matrix may be memory-mapped: only rows that are found are read.
    """

    recall = 1.0  # share of the exact `_PROBED` nearest that it finds, measured on vectors of the index
    _cells: Any = None

    def _nearest(self, queries: Scores, k: int) -> tuple[Scores, Ids]:
        scores, rows = self.cells().search(queries, k)
        return np.asarray(scores, np.float32), np.asarray(rows, np.int64)

    def _settle(self, query: Scores, near: Scores, rows: Ids, k: int) -> tuple[Scores, Ids]:
        rows = rows[rows >= 0]
        scores = np.einsum("ij,j->i", self._matrix[rows], query)
        order = np.lexsort((self._ids[rows], -scores))[:k]
        return scores[order], rows[order]

    def cells(self) -> Any:
        """The trained index; made when first asked for, which takes minutes for millions."""
        if self._cells is None:
            import faiss

            draw = np.random.default_rng(0)
            count = max(1, int(4 * np.sqrt(self._count)))
            centres = faiss.IndexFlatIP(self.dim)
            cells = faiss.IndexIVFScalarQuantizer(
                centres, self.dim, count, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
            )
            sample = np.sort(draw.choice(self._count, min(self._count, _TRAINED * count), replace=False))
            cells.train(np.ascontiguousarray(self._matrix[sample]))
            for start in range(0, self._count, _BLOCK):
                cells.add(np.ascontiguousarray(self._matrix[start : min(start + _BLOCK, self._count)]))
            self.recall = self._tune(cells, np.sort(draw.choice(self._count, min(self._count, _PROBED), replace=False)))
            self._cells = cells
        return self._cells

    def _tune(self, cells: Any, asked: Ids) -> float:
        """Look at more and more cells until enough is found; the recall reached."""
        queries = np.ascontiguousarray(self._matrix[asked])
        k = min(_PROBED, self._count)
        exact = FaissIndex._nearest(self, queries, k)[1]
        recall, cells.nprobe = 0.0, 8
        while recall < _RECALL and cells.nprobe < cells.nlist:
            cells.nprobe = min(cells.nlist, 2 * cells.nprobe)
            found = cells.search(queries, k + self.slack)[1]
            shared = sum(len(np.intersect1d(ours, theirs)) for ours, theirs in zip(found, exact, strict=True))
            recall = shared / exact.size
        return recall


def open_index(ids: Ids, matrix: Scores, room: Callable[[int], bool] = lambda size: False) -> NumpyIndex:
    """The index that suits a matrix, see `NumpyIndex.from_matrix`.

    Args:
        ids: shape (n,).
        matrix: shape (n, dim); may be memory-mapped.
        room: whether so many bytes may be kept on the graphics card for as long as the index lives.

    Raises:
        ValueError: as `NumpyIndex.from_matrix`.
    """
    if len(matrix) <= FAISS_BEYOND or index_class() is not FaissIndex or faiss_package() is None:
        return NumpyIndex.from_matrix(ids, matrix)
    if len(matrix) > APPROXIMATE_BEYOND:
        index = ApproximateIndex.from_matrix(ids, matrix)
        index.cells()
        _log.info("%d vectors are searched approximately, with a recall of %.4f", len(matrix), index.recall)
        return index
    if _card_build():
        card = CardIndex.from_matrix(ids, matrix)
        if room(card.size()):
            return card
    return FaissIndex.from_matrix(ids, matrix)


def _card_build() -> bool:
    """Whether this FAISS was built for graphics cards and sees one."""
    faiss = faiss_package()
    return hasattr(faiss, "GpuIndexFlatIP") and hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0
