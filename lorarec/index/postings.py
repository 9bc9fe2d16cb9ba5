"""A sparse matrix kept by column: for every term the rows that have it, as posting lists.

What a sixth of the rows or more have is kept as a plain column instead: it takes little more room, and adding it up is
many times as fast. All arrays are plain numpy, so that they can be saved and mapped back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


COMMON = 6  # a term that one row in so many has gets a plain column
_MANY = 512  # rows below which nothing is gained
_BLOCK = 65_536  # rows of plain columns that are added up together: what stays in the processor's cache


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
    common: Ints  # number of each term's plain column, -1 = it has a posting list; shape (terms,), (0,) if none has one
    columns: Floats  # the plain columns, shape (c, rows)

    @classmethod
    def of(cls, starts: NDArray[np.int64], rows: Ints, weights: Floats, count: int) -> Postings:
        """From posting lists, each in ascending order of rows and with weights that are not 0."""
        lengths = np.diff(starts)
        often = np.flatnonzero(lengths * COMMON >= max(count, _MANY))
        if not len(often):
            return cls(starts, rows, weights, count, np.zeros(0, np.int32), np.zeros((0, count), np.float32))
        common = np.full(len(lengths), -1, np.int32)
        common[often] = np.arange(len(often))
        columns = np.zeros((len(often), count), np.float32)
        left = np.ones(len(rows), np.bool_)
        for at, term in enumerate(often.tolist()):
            own = slice(int(starts[term]), int(starts[term + 1]))
            columns[at, rows[own]] = weights[own]
            left[own] = False
        lengths[often] = 0
        short = np.concatenate([[0], np.cumsum(lengths)])
        return cls(short, rows[left], weights[left], count, common, columns)

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
        return cls.of(starts, np.asarray(row_of, np.int32)[order], np.asarray(weight_of, np.float32)[order], len(rows))

    def has(self, term: int, row: int) -> bool:
        """Whether a row has an entry for a term."""
        if len(self.common) and self.common[term] >= 0:
            return bool(self.columns[self.common[term], row])
        start, end = int(self.starts[term]), int(self.starts[term + 1])
        rows = self.rows.data  # ascending; plain numbers are compared ten times as fast as numpy's
        at = bisect_left(rows, row, start, end)
        return at < end and rows[at] == row

    def score(self, terms: Ints, weights: Floats) -> Floats:
        """Sum of ``weights[i] * matrix[:, terms[i]]``, shape (count,)."""
        total = np.zeros(self.count, np.float32)
        for number, start, end in self._spans(terms):
            np.add.at(total, self.rows[start:end], self.weights[start:end] * weights[number])
        if len(self.common):
            asked = zip(self.common[terms].tolist(), weights, strict=True)
            columns = [(self.columns[number], weight) for number, weight in asked if number >= 0]
            part = np.empty(min(self.count, _BLOCK), np.float32)
            for start in range(0, self.count if columns else 0, _BLOCK):
                block = total[start : start + _BLOCK]
                for column, weight in columns:
                    block += np.multiply(column[start : start + _BLOCK], weight, out=part[: len(block)])
        return total

    def _spans(self, terms: Ints) -> list[tuple[int, int, int]]:
        """Which of the terms have a posting list, and where it begins and ends."""
        ends = zip(self.starts[terms].tolist(), self.starts[terms + 1].tolist(), strict=True)
        return [(number, start, end) for number, (start, end) in enumerate(ends) if start < end]
