"""Which index serves a library: numpy, beyond a size FAISS on the CPU or on the graphics card, and an approximate one
for millions.

All but the last answer alike, ids and scores: they only propose candidates, and `NumpyIndex` settles scores and order
with the exact vectors, looking at all of them where a proposal leaves doubt. The approximate one also scores exactly
what it finds, but may miss some, and says how many.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .. import mapped
from ..graphics import out_of_memory
from .vectors import FaissIndex, NumpyIndex, faiss_package, index_class, one_thread

if TYPE_CHECKING:
    from .vectors import Rows, Scores

_log = logging.getLogger(__name__)

FAISS_BEYOND = 50_000  # vectors; up to there numpy is as fast for one query, and loading FAISS takes half a second
HALF_BEYOND = 100_000  # vectors; more are kept in half precision on the graphics card
APPROXIMATE_BEYOND = 1_000_000  # vectors; up to there an exact search takes less than reading the prompt
_CARD_K = 2048  # FAISS's own limit there
_RECALL = 0.99  # of the exact neighbours that an approximate index must find on average
_PROBED = 200  # neighbours of each of so many vectors, by which recall is measured
_TRAINED = 64  # vectors per cell from which its centre is learned
_KIND = "cells"  # of what is kept beside a library


class QuantizedIndex(FaissIndex):
    """FAISS's scalar quantizer, 8 bits per number, over all vectors: a search reads a quarter of the memory.

    It answers exactly all the same: a score is off by no more than the length of what rounding can take from a vector
    times that of the query (Cauchy and Schwarz), and so many more candidates than asked for leave little doubt.
    """

    slack = 512

    def __init__(self, matrix: Scores) -> None:
        """Nothing is rounded yet: whoever only opens a library asks nothing. See `NumpyIndex`."""
        super().__init__(matrix)
        self._once = threading.Lock()
        self._codes: Any = None  # made by the first search
        self._rounding = 0.0  # how much length that takes from a vector at most
        self._short = False  # of memory

    def _nearest(self, queries: Scores, k: int) -> tuple[Scores, Rows]:
        with self._once:
            if self._codes is None and not self._short:
                self._round()
        if self._codes is None:
            return super()._nearest(queries, k)
        with one_thread(queries):
            scores, rows = self._codes.search(queries, k)
        return np.asarray(scores, np.float32), np.asarray(rows, np.int64)

    def _round(self) -> None:
        """Round all vectors, which takes a second for a million; short of memory they are searched as they are."""
        import faiss

        try:
            low, high = np.full(self.dim, np.inf, np.float32), np.full(self.dim, -np.inf, np.float32)
            for block in self._blocks():
                low, high = np.minimum(low, block.min(0)), np.maximum(high, block.max(0))
            codes = faiss.IndexScalarQuantizer(self.dim, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
            codes.train(np.stack([low, high]))
            for block in self._blocks():
                codes.add(block)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            _log.warning("memory is short: %d vectors are searched unrounded, which takes twice as long", len(self))
            self._short = True
            return
        self._rounding = float(np.linalg.norm(high - low)) / 510  # half a step of each number, of which there are 255
        self._codes = codes

    def _error(self, query: Scores, near: Scores) -> float:
        return super()._error(query, near) + self._rounding * float(np.linalg.norm(query))


class CardIndex(FaissIndex):
    """FAISS's exhaustive inner product on the graphics card, over a copy of the matrix there."""

    tolerance = 1e-4  # other kernels, other order of sums

    _there: Any = None  # (resources, index) once it was copied
    _failed = False

    def __init__(self, matrix: Scores) -> None:
        """Nothing is copied yet; see `NumpyIndex`."""
        super().__init__(matrix)
        self._one_by_one = threading.Lock()  # FAISS's resources on a card serve one thread at a time

    @property
    def half(self) -> bool:
        """Whether the copy is in half precision: half the memory, candidates that need a closer look."""
        return len(self) > HALF_BEYOND

    def size(self) -> int:
        """Bytes of the copy."""
        return len(self) * self.dim * (2 if self.half else 4)

    def _nearest(self, queries: Scores, k: int) -> tuple[Scores, Rows]:
        found = None if k > _CARD_K else self._on_card(queries, k)
        return super()._nearest(queries, k) if found is None else found

    def _on_card(self, queries: Scores, k: int) -> tuple[Scores, Rows] | None:
        """`_nearest` on the card; None if it fails, or did before."""
        with self._one_by_one:
            if self._failed:
                return None
            try:
                scores, rows = self._copied().search(queries, k)
            except RuntimeError as error:  # FAISS raises nothing else; memory may be gone since it was asked for
                _log.warning("search goes on on the CPU: %s", str(error).strip().splitlines()[-1])
                self._there = None if out_of_memory(error) else self._there
                self._failed = True
                return None
        return np.asarray(scores, np.float32), np.asarray(rows, np.int64)

    def _copied(self) -> Any:
        if self._there is None:
            import faiss

            resources = faiss.StandardGpuResources()
            resources.setTempMemory(64 << 20)
            config = faiss.GpuIndexFlatConfig()
            config.useFloat16 = self.half
            index = faiss.GpuIndexFlatIP(resources, self.dim, config)
            for block in self._blocks():
                index.add(block)
            self.tolerance, self.slack = (1e-3, 256) if self.half else (self.tolerance, self.slack)
            self._there = resources, index
        return self._there[1]


class Cells(Struct, frozen=True):
    """A trained `ApproximateIndex`, as it is kept: derived from vectors, and of no use without them."""

    key: str  # identifies the vectors
    recall: float
    check: int  # CRC-32 of the data
    data: NDArray[np.uint8]  # as FAISS serialises it


class ApproximateIndex(FaissIndex):
    """Cells around learned centres (FAISS's IVF; Jégou, Douze and Schmid 2011) with 8 bits per number, for candidates.

    As many cells are looked at as `_RECALL` needs. The matrix may be memory-mapped: only rows that are found are read.
    """

    recall = 1.0  # share of the exact `_PROBED` nearest that it finds, measured on vectors of the index
    _cells: Any = None

    def train(self) -> None:
        """Learn the cells, which takes minutes for millions."""
        import faiss

        draw = np.random.default_rng(0)
        count = max(1, int(4 * np.sqrt(len(self))))
        centres = faiss.IndexFlatIP(self.dim)
        cells = faiss.IndexIVFScalarQuantizer(
            centres, self.dim, count, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        sample = np.sort(draw.choice(len(self), min(len(self), _TRAINED * count), replace=False))
        cells.train(np.ascontiguousarray(self._matrix[sample]))
        for block in self._blocks():
            cells.add(block)
        self.recall = self._tune(cells, np.sort(draw.choice(len(self), min(len(self), _PROBED), replace=False)))
        self._cells = cells

    def keep(self, folder: Path, key: str) -> None:
        """Save what was learned. Raises `OSError` if the disk is full or cannot be written."""
        import faiss

        data = faiss.serialize_index(self._cells)
        mapped.save(Cells(key, self.recall, zlib.crc32(data.data), data), folder, _KIND)

    def recover(self, folder: Path, key: str) -> bool:
        """Take up what was learned of the same vectors earlier; False if there is nothing, or it is damaged."""
        import faiss

        kept = mapped.load(folder, _KIND, Cells)
        if kept is None or kept.key != key or zlib.crc32(kept.data.data) != kept.check:
            return False
        try:
            cells = faiss.deserialize_index(kept.data)
        except RuntimeError as error:  # by a later FAISS, whose format this one cannot read
            _log.warning("the approximate index is made anew: %s", str(error).strip().splitlines()[-1])
            return False
        if (cells.ntotal, cells.d) != self._matrix.shape:
            return False
        self._cells, self.recall = cells, kept.recall
        return True

    def _nearest(self, queries: Scores, k: int) -> tuple[Scores, Rows]:
        scores, rows = self._cells.search(queries, k)
        return np.asarray(scores, np.float32), np.asarray(rows, np.int64)

    def _settle(self, query: Scores, near: Scores, rows: Rows, k: int) -> tuple[Scores, Rows]:
        return self._exact(query, rows[rows >= 0], k)

    def _tune(self, cells: Any, asked: Rows) -> float:
        """Look at more and more cells until enough is found; the recall reached."""
        queries = np.ascontiguousarray(self._matrix[asked])
        k = min(_PROBED, len(self))
        exact = FaissIndex._nearest(self, queries, k)[1]
        recall, cells.nprobe = 0.0, 8
        while recall < _RECALL and cells.nprobe < cells.nlist:
            cells.nprobe = min(cells.nlist, 2 * cells.nprobe)
            found = cells.search(queries, k + self.slack)[1]
            shared = sum(len(np.intersect1d(ours, theirs)) for ours, theirs in zip(found, exact, strict=True))
            recall = shared / exact.size
        return recall


def open_index(
    matrix: Scores, room: Callable[[int], bool] = lambda size: False, folder: Path | None = None, key: str = ""
) -> NumpyIndex:
    """The index that suits a matrix, see `NumpyIndex`.

    Args:
        matrix: shape (n, dim); may be memory-mapped.
        room: whether so many bytes may be kept on the graphics card for as long as the index lives.
        folder: where what an approximate search learns is kept from one process to the next; None: these vectors are
            not here to stay, so that learning is not worth its minutes.
        key: identifies the vectors: others have another.

    Raises:
        ValueError: as `NumpyIndex`.
    """
    large = len(matrix) > FAISS_BEYOND and index_class() is FaissIndex and faiss_package() is not None
    if folder is not None:
        if large and len(matrix) > APPROXIMATE_BEYOND:
            return _approximate(matrix, folder, key)
        with contextlib.suppress(OSError):  # of a time with more vectors; it may be half a gigabyte
            mapped.forget(folder, _KIND)
    if large and _card_build():
        card = CardIndex(matrix)
        # In this order: without a driver FAISS ends the process when it is asked for cards.
        if room(card.size()) and faiss_package().get_num_gpus() > 0:
            return card
    return QuantizedIndex(matrix) if large else NumpyIndex(matrix)


def _approximate(matrix: Scores, folder: Path, key: str) -> ApproximateIndex:
    index = ApproximateIndex(matrix)
    if not index.recover(folder, key):
        index.train()
        try:
            index.keep(folder, key)
        except (OSError, MemoryError) as error:
            _log.warning("the next start learns anew, since this could not be kept in %s: %s", folder, error)
    _log.info("%d vectors are searched approximately, with a recall of %.4f", len(matrix), index.recall)
    return index


def _card_build() -> bool:
    """Whether this FAISS was built for graphics cards."""
    return all(hasattr(faiss_package(), name) for name in ("GpuIndexFlatIP", "StandardGpuResources", "get_num_gpus"))
