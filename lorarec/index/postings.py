"""A sparse matrix kept by column: for every term the rows that have it, as posting lists.

All arrays are plain numpy, so that they can be saved and mapped back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


class QueryTerms(Struct, frozen=True):
    """A query's terms that the library knows."""

    ids: Ints  # distinct term ids, shape (t,)
    weights: Floats  # attention weight times importance of each, shape (t,)


class Postings(Struct, frozen=True):
    """A sparse matrix (rows, terms) kept by term."""

    starts: NDArray[np.int64]  # shape (terms + 1,)
    rows: Ints  # shape (entries,)
    weights: Floats  # shape (entries,)
    count: int  # rows

    @classmethod
    def build(cls, rows: Sequence[Iterable[tuple[int, float]]], terms: int) -> Postings:
        """From (term id, weight) pairs of each row."""
        row_of: list[int] = []
        term_of: list[int] = []
        weight_of: list[float] = []
        for row, entries in enumerate(rows):
            for term, weight in entries:
                row_of.append(row)
                term_of.append(term)
                weight_of.append(weight)
        term_ids = np.asarray(term_of, np.int64)
        order = np.argsort(term_ids, kind="stable")
        starts = np.zeros(terms + 1, np.int64)
        np.cumsum(np.bincount(term_ids, minlength=terms), out=starts[1:])
        return cls(starts, np.asarray(row_of, np.int32)[order], np.asarray(weight_of, np.float32)[order], len(rows))

    def has(self, term: int, row: int) -> bool:
        """Whether a row has an entry for a term."""
        start, end = int(self.starts[term]), int(self.starts[term + 1])
        rows = memoryview(self.rows)  # ascending; plain numbers are compared ten times as fast as numpy's
        at = bisect_left(rows, row, start, end)
        return at < end and rows[at] == row

    def score(self, terms: Ints, weights: Floats) -> Floats:
        """Sum of ``weights[i] * matrix[:, terms[i]]``, shape (count,)."""
        if not len(terms) or not len(self.rows):
            return np.zeros(self.count, np.float32)
        spans = self._spans(terms)
        rows = np.empty(sum(end - start for start, end in spans), np.intp)  # the types that are summed without a copy
        values = np.empty(len(rows), np.float64)
        at = 0
        for (start, end), weight in zip(spans, weights, strict=True):
            to = at + end - start
            rows[at:to] = self.rows[start:end]
            np.multiply(self.weights[start:end], weight, out=values[at:to], dtype=np.float32)
            at = to
        return np.bincount(rows, values, self.count).astype(np.float32)

    def entries(self, terms: Ints) -> tuple[Ints, Floats]:
        """The posting lists of at least one term, one after the other: rows and weights."""
        spans = self._spans(terms)
        rows = np.concatenate([self.rows[start:end] for start, end in spans])
        return rows, np.concatenate([self.weights[start:end] for start, end in spans])

    def _spans(self, terms: Ints) -> list[tuple[int, int]]:
        """Where the posting lists of terms begin and end."""
        return list(zip(self.starts[terms].tolist(), self.starts[terms + 1].tolist(), strict=True))


def ranges(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Concatenation of ``arange(start, start + count)`` for each pair."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    result: NDArray[np.int64] = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return result
