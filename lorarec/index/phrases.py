"""Short phrases and example prompts, each owned by a LoRA, compared with a query's terms.

Two ways lead from a query to them: posting lists to those that share a term with it, which finds candidates in a whole
library; and the terms of each, which tell all about the few that the candidates own. Those of all kinds lie in one
table: a live query looks at some hundred of them in few steps, since most of what a step takes is its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from ..arrays import runs
from .postings import Floats, Ints, Postings, QueryTerms

PHRASES = ("names", "triggers", "tags")
KINDS = (*PHRASES, "examples")


class Matched(Struct, frozen=True):
    """What some LoRAs' texts have of a query; NaN for LoRAs without texts of a kind."""

    mass: Floats  # importance of the matched terms of a phrase times its share in the phrase; the best phrase's, (3, r)
    cover: Floats  # share of a phrase that matches, 0..1; the best phrase's, (3, r)
    rarest: Floats  # of the most telling matched term, as the 4-norm has it on which the blend was fitted, (3, r)
    example: Floats  # cosine of importance-weighted terms with an example; the best example's, (r,)
    examples: Owned  # the examples of these LoRAs, numbered from the first of all examples on


class Owned(Struct, frozen=True):
    """The texts of some owners."""

    texts: NDArray[np.int64]  # their numbers, one owner after the other, shape (t,)
    having: NDArray[np.int64]  # positions of the owners that have any, shape (h,)
    firsts: NDArray[np.int64]  # where the texts of each of these begin, shape (h,)
    owners: int  # how many

    def best(self, values: Floats) -> Floats:
        """The largest value among the texts of each owner, NaN for those without; (t,) -> (owners,). NaN never wins."""
        out = np.full(self.owners, np.nan, np.float32)
        if len(self.having):
            out[self.having] = np.fmax.reduceat(values, self.firsts)
        return out

    def split(self, owner: int) -> tuple[Owned, Owned]:
        """The owners before one, and the others."""
        at = int(np.searchsorted(self.having, owner))
        text = int(self.firsts[at]) if at < len(self.firsts) else len(self.texts)
        before = Owned(self.texts[:text], self.having[:at], self.firsts[:at], owner)
        return before, Owned(self.texts[text:], self.having[at:] - owner, self.firsts[at:] - text, self.owners - owner)


class Texts(Struct, frozen=True):
    """The distinct terms of short texts, text by text; kind by kind, and in each kind LoRA by LoRA."""

    starts: NDArray[np.int64]  # terms of text t: starts[t]..starts[t + 1]
    terms: Ints  # term ids, ascending in each text
    owners: NDArray[np.int64]  # texts of kind k of LoRA i: owners[k * n + i]..owners[k * n + i + 1]
    sizes: Floats  # of a phrase the importance of all its terms, of an example their norm; none is 0, shape (texts,)

    @classmethod
    def build(cls, texts: Mapping[str, Sequence[Sequence[Sequence[int]]]], importance: Floats) -> Texts:
        """From the term ids of every text of every LoRA, of each of `KINDS`; phrases must not be empty."""
        every = [owned for kind in KINDS for owned in texts[kind]]
        flat = [sorted(set(terms)) for owned in every for terms in owned]
        starts = np.zeros(len(flat) + 1, np.int64)
        np.cumsum([len(terms) for terms in flat], out=starts[1:])
        owners = np.zeros(len(every) + 1, np.int64)
        np.cumsum([len(owned) for owned in every], out=owners[1:])
        terms = np.fromiter((term for row in flat for term in row), np.int32, int(starts[-1]))
        phrases = int(owners[len(PHRASES) * len(texts["examples"])])
        weights = importance[terms]
        sizes = np.concatenate(
            [
                _sums(weights, starts[: phrases + 1]),
                np.sqrt(_sums(np.square(weights), starts[phrases:])),
            ]
        )
        return cls(starts, terms, owners, np.maximum(sizes, 1e-6))

    @property
    def loras(self) -> int:
        """Number of LoRAs."""
        return (len(self.owners) - 1) // len(KINDS)

    def of_kind(self, kind: str) -> slice:
        """The texts of a kind."""
        at = KINDS.index(kind) * self.loras
        return slice(int(self.owners[at]), int(self.owners[at + self.loras]))

    def of_lora(self, kind: str, lora: int) -> list[NDArray[np.int32]]:
        """The terms of each text of a kind that a LoRA has."""
        at = KINDS.index(kind) * self.loras + lora
        bounds = self.starts[int(self.owners[at]) : int(self.owners[at + 1]) + 1].tolist()
        return [self.terms[start:end] for start, end in pairwise(bounds)]

    def matched(self, loras: NDArray[np.int64], known: Floats, weights: Floats, norm: float) -> Matched:
        """What the texts of some LoRAs have of a query.

        Args:
            loras: rows of the library, shape (r,).
            known: importance of the query's terms, 0 for all others, shape (terms,).
            weights: the same times the query's own weights of them.
            norm: length of these own weights.
        """
        owners = (np.arange(len(KINDS))[:, None] * self.loras + loras).ravel()
        texts, counts = runs(self.owners, owners)
        having = np.flatnonzero(counts)
        every = Owned(texts, having, (np.cumsum(counts) - counts)[having], len(owners))
        phrases, examples = every.split(len(PHRASES) * len(loras))
        split = len(phrases.texts)
        places, lengths = runs(self.starts, texts)
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        terms = self.terms.take(places)
        end = int(ends[split])
        shared = known.take(terms)
        fourth = _sums(np.square(np.square(shared[:end])), ends[: split + 1])
        shared[end:] = weights.take(terms[end:])
        sums = _sums(shared, ends)
        sizes = self.sizes.take(texts)
        sizes[split:] *= np.float32(max(norm, 1e-6))
        shares = sums / sizes
        best = every.best(shares)
        shape = (len(PHRASES), len(loras))
        return Matched(
            phrases.best(sums[:split] * shares[:split]).reshape(shape),
            best[: phrases.owners].reshape(shape),
            np.sqrt(np.sqrt(phrases.best(fourth))).reshape(shape),
            best[phrases.owners :],
            replace(examples, texts=examples.texts - self.of_kind("examples").start),
        )


def _sums(values: Floats, ends: NDArray[np.int64]) -> Floats:
    """Sums of the values from each end to the next, shape (len(ends) - 1,)."""
    out = np.zeros(len(ends) - 1, np.float32)
    having = np.flatnonzero(ends[1:] > ends[:-1])
    if len(having):
        out[having] = np.add.reduceat(values[: ends[-1]], ends[having], dtype=np.float64)
    return out


class PhraseIndex(Struct, frozen=True):
    """Phrases of one kind: how much of a phrase does a prompt contain?"""

    postings: Postings  # rows are phrases, weights are term importances
    totals: Floats  # importance of all terms of a phrase, shape (phrases,)
    owner: Ints  # LoRA of each phrase, shape (phrases,)
    loras: int

    @classmethod
    def build(cls, texts: Texts, kind: str, importance: Floats, least: int = 1) -> PhraseIndex:
        """Of the phrases of one kind that have at least so many terms."""
        numbers, owner = _of_kind(texts, kind)
        chosen = np.diff(texts.starts)[numbers] >= least
        numbers, owner = numbers[chosen], owner[chosen]
        places, lengths = runs(texts.starts, numbers)
        terms = texts.terms[places]
        order = np.argsort(terms, kind="stable")
        postings = Postings.of(
            np.searchsorted(terms[order], np.arange(len(importance) + 1)),
            np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)[order],
            importance[terms[order]],
            len(lengths),
        )
        return cls(postings, texts.sizes[numbers], owner, texts.loras)

    def mass(self, query: QueryTerms) -> Floats:
        """`Matched.mass` of all LoRAs, shape (loras,), 0 where nothing matches."""
        touched, matched = self._touched(query)
        return self._by_owner(np.maximum, touched, matched * (matched / self.totals[touched]))

    def covered(self, query: QueryTerms) -> Floats:
        """Importance of the phrases that the query contains whole, but for 1% of it, of all LoRAs, shape (loras,)."""
        touched, matched = self._touched(query)
        whole = matched > 0.99 * self.totals[touched]
        return self._by_owner(np.add, touched[whole], matched[whole])

    def _touched(self, query: QueryTerms) -> tuple[NDArray[np.int64], Floats]:
        """The phrases that share a term with the query, and the importance of all that they share."""
        every = self.postings.score(query.ids, np.ones(len(query.ids), np.float32))
        touched = np.flatnonzero(every > 0)  # a comparison first: three times as fast as looking at the numbers
        return touched, every[touched]

    def _by_owner(self, reduce: np.ufunc, phrases: NDArray[np.int64], values: Floats) -> Floats:
        """Values of some phrases, none below 0, by LoRA; shape (loras,)."""
        out = np.zeros(self.loras, np.float32)
        reduce.at(out, self.owner[phrases], values)
        return out


class TagIndex(Struct, frozen=True):
    """Tags. Most are one word, which is there or is not: they are kept by LoRA, and only the others as phrases."""

    words: Postings  # rows are LoRAs, weights the importance of a tag of this one term, times how often it stands there
    phrases: PhraseIndex

    @classmethod
    def build(cls, texts: Texts, importance: Floats) -> TagIndex:
        """Of all tags."""
        numbers, owner = _of_kind(texts, "tags")
        single = np.diff(texts.starts)[numbers] == 1
        terms = texts.terms[texts.starts[numbers[single]]]
        order = np.lexsort((owner[single], terms))
        terms, rows = terms[order], owner[single][order]
        new = np.ones(len(rows), np.bool_)
        new[1:] = (terms[1:] != terms[:-1]) | (rows[1:] != rows[:-1])
        firsts = np.flatnonzero(new)
        times = np.diff(np.append(firsts, len(rows))).astype(np.float32)
        starts = np.searchsorted(terms[firsts], np.arange(len(importance) + 1))
        words = Postings.of(starts, rows[firsts], importance[terms[firsts]] * times, texts.loras)
        return cls(words, PhraseIndex.build(texts, "tags", importance, 2))

    def covered(self, query: QueryTerms) -> Floats:
        """Importance of the tags that the query contains whole, see `PhraseIndex.covered`, of all LoRAs."""
        return self.words.score(query.ids, np.ones(len(query.ids), np.float32)) + self.phrases.covered(query)


def _of_kind(texts: Texts, kind: str) -> tuple[NDArray[np.int64], Ints]:
    """The numbers of all texts of a kind, and the LoRA of each."""
    found = texts.of_kind(kind)
    at = KINDS.index(kind) * texts.loras
    counts = np.diff(texts.owners[at : at + texts.loras + 1])
    return np.arange(found.start, found.stop), np.repeat(np.arange(texts.loras, dtype=np.int32), counts)
