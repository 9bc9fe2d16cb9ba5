"""Short phrases and example prompts, each owned by a LoRA, compared with a query's terms.

A query touches few of all phrases: sums and maxima are taken over these alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..arrays import runs
from .postings import Floats, Ints, Postings, QueryTerms


class Touched(Struct, frozen=True):
    """The phrases that share a term with a query; all of shape (p,)."""

    phrases: NDArray[np.int64]  # ascending
    matched: Floats  # importance of the matched terms together
    rarest: Floats  # of the most telling of them; the 4-norm stands in for the maximum, which sums cannot give
    owners: Ints  # the LoRAs that own any of them, ascending, shape (o,)
    firsts: NDArray[np.int64]  # the first phrase of each of these, shape (o,)


class PhraseIndex(Struct, frozen=True):
    """Names, trigger sets or tags: how much of a phrase does a prompt contain?"""

    postings: Postings  # rows are phrases, weights are term importances
    totals: Floats  # importance of all terms of a phrase, shape (phrases,)
    starts: NDArray[np.int64]  # phrases of LoRA i: starts[i]..starts[i + 1]
    owner: Ints  # LoRA of each phrase, shape (phrases,)

    @classmethod
    def build(cls, phrases: Sequence[Sequence[Sequence[int]]], importance: Floats) -> PhraseIndex:
        """From the term ids of every phrase of every LoRA."""
        flat = [sorted(set(phrase)) for owned in phrases for phrase in owned if phrase]
        counts = [sum(1 for phrase in owned if phrase) for owned in phrases]
        starts = np.zeros(len(phrases) + 1, np.int64)
        np.cumsum(counts, out=starts[1:])
        rows = [[(term, float(importance[term])) for term in phrase] for phrase in flat]
        totals = np.asarray([sum(weight for _, weight in row) for row in rows], np.float32)
        owner = np.repeat(np.arange(len(phrases), dtype=np.int32), counts)
        return cls(Postings.build(rows, len(importance)), np.maximum(totals, 1e-6), starts, owner)

    @property
    def count(self) -> int:
        """Number of LoRAs."""
        return len(self.starts) - 1

    def match(self, query: QueryTerms) -> Touched:
        """What of each phrase the query contains, for those of which it contains anything."""
        postings = self.postings
        rows, weights = postings.entries(query.ids)
        there = np.zeros(postings.count, np.bool_)
        there[rows] = True
        phrases = np.flatnonzero(there)
        place = np.empty(postings.count, np.int64)
        place[phrases] = np.arange(len(phrases))
        at = place[rows]
        square = weights * weights
        matched = np.bincount(at, weights, len(phrases)).astype(np.float32)
        fourth = np.bincount(at, square * square, len(phrases))
        owner = self.owner[phrases]  # ascending, as the phrases are
        firsts = np.flatnonzero(np.diff(owner, prepend=np.int32(-1)))
        return Touched(phrases, matched, np.sqrt(np.sqrt(fourth)).astype(np.float32), owner[firsts], firsts)

    def shares(self, touched: Touched) -> Floats:
        """What share of each touched phrase the query contains, shape (p,), 0..1."""
        shares: Floats = touched.matched / self.totals[touched.phrases]
        return shares

    def best(self, touched: Touched, values: Floats) -> Floats:
        """The largest value among the touched phrases of each LoRA, shape (loras,), 0 where none is touched.

        ``values`` are those of the touched phrases, not negative, shape (p,).
        """
        return self._by_owner(np.maximum, touched, values)

    def total(self, touched: Touched, values: Floats) -> Floats:
        """The sum over the touched phrases of each LoRA, shape (loras,), 0 where none is touched."""
        return self._by_owner(np.add, touched, values)

    def of(self, rows: NDArray[np.int64], values: Floats) -> Floats:
        """The values of some LoRAs, shape (r,); NaN for those without phrases. ``values``: of all, shape (loras,)."""
        out: Floats = values[rows]
        out[self.starts[rows + 1] == self.starts[rows]] = np.nan
        return out

    def _by_owner(self, reduce: np.ufunc, touched: Touched, values: Floats) -> Floats:
        out = np.zeros(self.count, np.float32)
        if len(values):
            out[touched.owners] = reduce.reduceat(values, touched.firsts)
        return out


class ExampleIndex(Struct, frozen=True):
    """Example prompts kept by prompt, compared with a query by the cosine of their importance-weighted terms."""

    starts: NDArray[np.int64]  # terms of example e: starts[e]..starts[e + 1]
    terms: Ints  # term ids
    norms: Floats  # shape (examples,)
    owners: NDArray[np.int64]  # examples of LoRA i: owners[i]..owners[i + 1]

    @classmethod
    def build(cls, examples: Sequence[Sequence[Sequence[int]]], importance: Floats) -> ExampleIndex:
        """From the term ids of every example of every LoRA."""
        flat = [sorted(set(terms)) for owned in examples for terms in owned]
        starts = np.zeros(len(flat) + 1, np.int64)
        np.cumsum([len(terms) for terms in flat], out=starts[1:])
        owners = np.zeros(len(examples) + 1, np.int64)
        np.cumsum([len(owned) for owned in examples], out=owners[1:])
        terms = np.fromiter((term for row in flat for term in row), np.int32, int(starts[-1]))
        squares = np.concatenate([[0.0], np.cumsum(importance[terms].astype(np.float64) ** 2)])
        norms = np.sqrt(squares[starts[1:]] - squares[starts[:-1]])
        return cls(starts, terms, np.maximum(norms, 1e-6).astype(np.float32), owners)

    def of(self, loras: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The examples of the given LoRAs: (example numbers, position of their owner in ``loras``)."""
        examples, counts = runs(self.owners, loras)
        return examples, np.repeat(np.arange(len(loras)), counts)

    def cosines(self, weights: Floats, norm: float, examples: NDArray[np.int64]) -> Floats:
        """Cosine of the query with each named example, shape (len(examples),).

        Args:
            weights: the query's weight of every term times the term's importance, shape (terms,).
            norm: length of the query's weights.
            examples: numbers of examples.
        """
        at, counts = runs(self.starts, examples)
        out = np.zeros(len(examples), np.float32)
        having = np.flatnonzero(counts)
        if len(having):
            terms = self.terms[at]
            firsts = (np.cumsum(counts) - counts)[having]
            out[having] = np.add.reduceat(weights[terms], firsts, dtype=np.float64)
        out /= self.norms[examples] * np.float32(max(norm, 1e-6))
        return out
