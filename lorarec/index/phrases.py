"""Short phrases and example prompts, each owned by a LoRA, compared with a query's terms.

Two ways lead from a query to them: posting lists to those that share a term with it, which finds candidates in a whole
library; and the terms of each, which tell all about the few that the candidates own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..arrays import runs
from .postings import Floats, Ints, Postings, QueryTerms


class Texts(Struct, frozen=True):
    """The distinct terms of short texts, text by text."""

    starts: NDArray[np.int64]  # terms of text t: starts[t]..starts[t + 1]
    terms: Ints  # term ids, ascending in each text
    owners: NDArray[np.int64]  # texts of LoRA i: owners[i]..owners[i + 1]

    @classmethod
    def build(cls, texts: Sequence[Sequence[Sequence[int]]]) -> Texts:
        """From the term ids of every text of every LoRA."""
        flat = [sorted(set(terms)) for owned in texts for terms in owned]
        starts = np.zeros(len(flat) + 1, np.int64)
        np.cumsum([len(terms) for terms in flat], out=starts[1:])
        owners = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(owned) for owned in texts], out=owners[1:])
        return cls(starts, np.fromiter((term for row in flat for term in row), np.int32, int(starts[-1])), owners)

    @property
    def loras(self) -> int:
        """Number of LoRAs."""
        return len(self.owners) - 1

    def of(self, loras: NDArray[np.int64]) -> Owned:
        """The texts of the given LoRAs."""
        texts, counts = runs(self.owners, loras)
        having = np.flatnonzero(counts)
        return Owned(texts, having, (np.cumsum(counts) - counts)[having], len(loras))

    def sums(self, values: Floats, texts: NDArray[np.int64]) -> Floats:
        """Sum of the values of each text's terms, shape (len(texts),). ``values``: of all terms, shape (terms,)."""
        places, counts = runs(self.starts, texts)
        out = np.zeros(len(texts), np.float32)
        having = np.flatnonzero(counts)
        if len(having):
            firsts = (np.cumsum(counts) - counts)[having]
            out[having] = np.add.reduceat(values.take(self.terms[places]), firsts, dtype=np.float64)
        return out


class Owned(Struct, frozen=True):
    """The texts of some LoRAs."""

    texts: NDArray[np.int64]  # their numbers, one LoRA after the other, shape (t,)
    having: NDArray[np.int64]  # positions of the LoRAs that have any, shape (h,)
    firsts: NDArray[np.int64]  # where the texts of each of these begin, shape (h,)
    loras: int  # number of LoRAs

    def best(self, values: Floats) -> Floats:
        """The largest value among the texts of each LoRA, NaN for those without; (t,) -> (loras,). NaN never wins."""
        out = np.full(self.loras, np.nan, np.float32)
        if len(self.having):
            out[self.having] = np.fmax.reduceat(values, self.firsts)
        return out


class Matched(Struct, frozen=True):
    """What some LoRAs' phrases have of a query; each of shape (r,), NaN for LoRAs without phrases."""

    mass: Floats  # importance of the matched terms of a phrase times its share in the phrase; the best phrase's
    cover: Floats  # share of a phrase that matches, 0..1; the best phrase's
    rarest: Floats  # of the most telling matched term, as the 4-norm has it on which the blend was fitted


class PhraseIndex(Struct, frozen=True):
    """Names, trigger sets or tags: how much of a phrase does a prompt contain?"""

    postings: Postings  # rows are phrases, weights are term importances
    texts: Texts  # the phrases, none of them empty
    totals: Floats  # importance of all terms of a phrase, shape (phrases,)
    owner: Ints  # LoRA of each phrase, shape (phrases,)

    @classmethod
    def build(cls, phrases: Sequence[Sequence[Sequence[int]]], importance: Floats) -> PhraseIndex:
        """From the term ids of every phrase of every LoRA."""
        texts = Texts.build([[phrase for phrase in owned if phrase] for owned in phrases])
        lengths = np.diff(texts.starts)
        order = np.argsort(texts.terms, kind="stable")
        postings = Postings.of(
            np.searchsorted(texts.terms[order], np.arange(len(importance) + 1)),
            np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)[order],
            importance[texts.terms[order]],
            len(lengths),
        )
        totals = np.maximum(texts.sums(importance, np.arange(len(lengths))), 1e-6)
        owner = np.repeat(np.arange(len(phrases), dtype=np.int32), np.diff(texts.owners))
        return cls(postings, texts, totals, owner)

    def mass(self, query: QueryTerms) -> Floats:
        """`Matched.mass` of all LoRAs, shape (loras,), 0 where nothing matches."""
        touched, matched = self._touched(query)
        return self._by_owner(np.maximum, touched, matched * (matched / self.totals[touched]))

    def covered(self, query: QueryTerms) -> Floats:
        """Importance of the phrases that the query contains whole, but for 1% of it, of all LoRAs, shape (loras,)."""
        touched, matched = self._touched(query)
        whole = matched > 0.99 * self.totals[touched]
        return self._by_owner(np.add, touched[whole], matched[whole])

    def matched(self, weights: Floats, loras: NDArray[np.int64]) -> Matched:
        """What the phrases of some LoRAs have of a query.

        Args:
            weights: importance of the query's terms, 0 for all others, shape (terms,).
            loras: rows of the library, shape (r,).
        """
        phrases = self.texts.of(loras)
        matched = self.texts.sums(weights, phrases.texts)
        shares = matched / self.totals[phrases.texts]
        fourth = self.texts.sums(np.square(np.square(weights)), phrases.texts)
        return Matched(phrases.best(matched * shares), phrases.best(shares), np.sqrt(np.sqrt(phrases.best(fourth))))

    def of(self, loras: NDArray[np.int64], values: Floats) -> Floats:
        """The values of some LoRAs, shape (r,); NaN for those without phrases. ``values``: of all, shape (loras,)."""
        out: Floats = values[loras]
        out[self.texts.owners[loras + 1] == self.texts.owners[loras]] = np.nan
        return out

    def _touched(self, query: QueryTerms) -> tuple[NDArray[np.int64], Floats]:
        """The phrases that share a term with the query, and the importance of all that they share."""
        every = self.postings.score(query.ids, np.ones(len(query.ids), np.float32))
        touched = np.flatnonzero(every > 0)  # a comparison first: three times as fast as looking at the numbers
        return touched, every[touched]

    def _by_owner(self, reduce: np.ufunc, phrases: NDArray[np.int64], values: Floats) -> Floats:
        """Values of some phrases, none below 0, by LoRA; shape (loras,)."""
        out = np.zeros(self.texts.loras, np.float32)
        reduce.at(out, self.owner[phrases], values)
        return out


class ExampleIndex(Struct, frozen=True):
    """Example prompts, compared with a query by the cosine of their importance-weighted terms."""

    texts: Texts
    norms: Floats  # shape (examples,)

    @classmethod
    def build(cls, examples: Sequence[Sequence[Sequence[int]]], importance: Floats) -> ExampleIndex:
        """From the term ids of every example of every LoRA."""
        texts = Texts.build(examples)
        norms = np.sqrt(texts.sums(np.square(importance), np.arange(len(texts.starts) - 1)))
        return cls(texts, np.maximum(norms, 1e-6))

    def cosines(self, weights: Floats, norm: float, examples: NDArray[np.int64]) -> Floats:
        """Cosine of the query with each named example, shape (len(examples),).

        Args:
            weights: the query's weight of every term times the term's importance, shape (terms,).
            norm: length of the query's weights.
            examples: numbers of examples.
        """
        cosines: Floats = self.texts.sums(weights, examples) / (self.norms[examples] * np.float32(max(norm, 1e-6)))
        return cosines
