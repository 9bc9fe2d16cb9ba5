"""Lexical search: BM25 per field group, coverage of short phrases, and the most similar example prompt.

BM25 weights are made by ``bm25s`` (Lu 2024, "BM25S: Orders of magnitude faster lexical search via eager sparse
scoring") once per build; a query is then a weighted sum of a few posting lists. All arrays are plain numpy, so that a
library can be saved and mapped back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

GROUPS = ("names", "triggers", "tags", "content", "examples")


class Document(Struct, frozen=True):
    """The terms of one LoRA by field group."""

    names: Sequence[Sequence[str]] = ()  # title, file name
    triggers: Sequence[Sequence[str]] = ()  # one per trigger set
    tags: Sequence[Sequence[str]] = ()  # one per tag
    content: Sequence[str] = ()  # description, notes
    training: Mapping[str, float] = {}  # term -> share of training images, 0..1
    examples: Sequence[Sequence[str]] = ()  # one per example prompt


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
        rows = self.rows[self.starts[term] : self.starts[term + 1]]  # ascending
        at = int(np.searchsorted(rows, row))
        return at < len(rows) and int(rows[at]) == row

    def score(self, terms: Ints, weights: Floats) -> Floats:
        """Sum of ``weights[i] * matrix[:, terms[i]]``, shape (count,)."""
        if not len(terms) or not len(self.rows):
            return np.zeros(self.count, np.float32)
        rows, values, lengths = self.entries(terms)
        return np.bincount(rows, values * np.repeat(weights, lengths), self.count).astype(np.float32)

    def entries(self, terms: Ints) -> tuple[Ints, Floats, NDArray[np.int64]]:
        """The posting lists of at least one term, one after the other: rows, weights, and the length of each list."""
        starts, ends = self.starts[terms], self.starts[terms + 1]
        spans = list(zip(starts.tolist(), ends.tolist(), strict=True))
        rows = np.concatenate([self.rows[start:end] for start, end in spans])
        return rows, np.concatenate([self.weights[start:end] for start, end in spans]), ends - starts


class PhraseIndex(Struct, frozen=True):
    """Short phrases (names, trigger sets, tags), each owned by a LoRA: how much of a phrase does a prompt contain?"""

    postings: Postings  # rows are phrases, weights are term importances
    totals: Floats  # importance of all terms of a phrase, shape (phrases,)
    starts: NDArray[np.int64]  # phrases of LoRA i: starts[i]..starts[i + 1]

    @classmethod
    def build(cls, phrases: Sequence[Sequence[Sequence[int]]], importance: Floats) -> PhraseIndex:
        """From the term ids of every phrase of every LoRA."""
        flat = [sorted(set(phrase)) for owned in phrases for phrase in owned if phrase]
        counts = [sum(1 for phrase in owned if phrase) for owned in phrases]
        starts = np.zeros(len(phrases) + 1, np.int64)
        np.cumsum(counts, out=starts[1:])
        rows = [[(term, float(importance[term])) for term in phrase] for phrase in flat]
        totals = np.asarray([sum(weight for _, weight in row) for row in rows], np.float32)
        return cls(Postings.build(rows, len(importance)), np.maximum(totals, 1e-6), starts)

    def match(self, query: QueryTerms) -> tuple[Floats, Floats]:
        """What of each phrase the query contains.

        Returns:
            Importance of the matched terms together and of the most telling of them, both of shape (phrases,). The
            4-norm stands in for the maximum: a sum over posting lists is much cheaper.
        """
        postings = self.postings
        if not len(query.ids) or not len(postings.rows):
            nothing = np.zeros(postings.count, np.float32)
            return nothing, nothing
        rows, weights, _ = postings.entries(query.ids)
        square = weights * weights
        matched = np.bincount(rows, weights, postings.count).astype(np.float32)
        fourth = np.bincount(rows, square * square, postings.count)
        return matched, np.sqrt(np.sqrt(fourth)).astype(np.float32)

    def best(self, values: Floats, rows: NDArray[np.int64] | None = None, empty: float = np.nan) -> Floats:
        """The largest value among the phrases of each LoRA; ``empty`` where it has none.

        Args:
            values: of all phrases, shape (phrases,).
            rows: only of these LoRAs, shape (r,); None: of all.
            empty: for LoRAs without phrases.
        """
        if rows is None:
            return _by_owner(np.maximum, values, self.starts, empty)
        counts = self.starts[rows + 1] - self.starts[rows]
        starts = np.concatenate([[0], np.cumsum(counts)])
        return _by_owner(np.maximum, values[_ranges(self.starts[rows], counts)], starts, empty)

    def total(self, values: Floats, empty: float = np.nan) -> Floats:
        """The sum over the phrases of each LoRA, shape (loras,); ``empty`` where it has none."""
        return _by_owner(np.add, values, self.starts, empty)


def _by_owner(reduce: np.ufunc, values: Floats, starts: NDArray[np.int64], empty: float) -> Floats:
    """Reduce runs of values by owner; owners without values get ``empty``."""
    owners = np.flatnonzero(np.diff(starts))
    out = np.full(len(starts) - 1, empty, np.float32)
    if len(owners):
        out[owners] = reduce.reduceat(values, starts[owners])
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
        counts = self.owners[loras + 1] - self.owners[loras]
        return _ranges(self.owners[loras], counts), np.repeat(np.arange(len(loras)), counts)

    def cosines(self, query: Floats, norm: float, examples: NDArray[np.int64], importance: Floats) -> Floats:
        """Cosine of the query with each named example, shape (len(examples),).

        ``query`` holds the query's weight of every term, shape (terms,); ``norm`` its length.
        """
        counts = self.starts[examples + 1] - self.starts[examples]
        if not counts.sum():
            return np.zeros(len(examples), np.float32)
        terms = self.terms[_ranges(self.starts[examples], counts)]
        values = query[terms] * importance[terms]
        sums = np.bincount(np.repeat(np.arange(len(examples)), counts), values, len(examples))
        return (sums / (self.norms[examples] * max(norm, 1e-6))).astype(np.float32)


def _ranges(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Concatenation of ``arange(start, start + count)`` for each pair."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    result: NDArray[np.int64] = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return result


class LexicalIndex(Struct, frozen=True):
    """All lexical knowledge about a library."""

    vocabulary: dict[str, int]
    importance: Floats  # how much a term says, 0..1, shape (terms,)
    bm25: dict[str, Postings]  # by group
    phrases: dict[str, PhraseIndex]  # names, triggers, tags
    examples: ExampleIndex
    training: Postings  # rows LoRAs, weights log lift of a training term over the library
    trained: NDArray[np.bool_]  # LoRAs whose training tags are known, shape (loras,)

    @classmethod
    def build(cls, documents: Sequence[Document], telling: Callable[[str], float]) -> LexicalIndex:
        """Index a library.

        ``telling(term)`` is how much a term says among ordinary prompts, 0..1.
        """
        vocabulary: dict[str, int] = {}

        def ids(terms: Iterable[str]) -> list[int]:
            return [vocabulary.setdefault(term, len(vocabulary)) for term in terms]

        phrases = {
            "names": [[ids(phrase) for phrase in document.names] for document in documents],
            "triggers": [[ids(phrase) for phrase in document.triggers] for document in documents],
            "tags": [[ids(phrase) for phrase in document.tags] for document in documents],
        }
        examples = [[ids(prompt) for prompt in document.examples] for document in documents]
        groups = {name: [[term for p in owned for term in p] for owned in lists] for name, lists in phrases.items()}
        groups["content"] = [ids(document.content) for document in documents]
        groups["examples"] = [[term for prompt in owned for term in prompt] for owned in examples]
        training = [dict(zip(ids(d.training), d.training.values(), strict=True)) for d in documents]
        importance = _importance(vocabulary, groups, telling)
        return cls(
            vocabulary=vocabulary,
            importance=importance,
            bm25={name: _bm25(groups[name], len(vocabulary)) for name in GROUPS},
            phrases={name: PhraseIndex.build(lists, importance) for name, lists in phrases.items()},
            examples=ExampleIndex.build(examples, importance),
            training=_lift(training, len(vocabulary)),
            trained=np.asarray([bool(row) for row in training], np.bool_),
        )

    @property
    def count(self) -> int:
        """Number of LoRAs."""
        return len(self.trained)

    def query(self, terms: Mapping[str, float]) -> QueryTerms:
        """Look up a prompt's terms with their attention weights; unknown terms are left out."""
        known = {self.vocabulary[term]: weight for term, weight in terms.items() if term in self.vocabulary}
        ids = np.fromiter(known.keys(), np.int32, len(known))
        return QueryTerms(ids, np.fromiter(known.values(), np.float32, len(known)) * self.importance[ids])


def _importance(
    vocabulary: dict[str, int], groups: Mapping[str, list[list[int]]], telling: Callable[[str], float]
) -> Floats:
    """How much a term says: rare in ordinary prompts and not on every LoRA's page, 0..1.

    log-scaled like idf (Sparck Jones 1972), from ordinary prompts and, at half its weight, from the library itself, so
    that a small library does not mistake a common word for a rare one.
    """
    count = max(1, len(groups["names"]))
    pages = np.zeros(len(vocabulary))
    for row in range(len(groups["names"])):
        seen = {term for name in ("names", "triggers", "tags") for term in groups[name][row]}
        pages[list(seen)] += 1
    rare_in_prompts = np.fromiter(map(telling, vocabulary), np.float64, len(vocabulary))
    rare_on_pages = np.log((pages + 0.5) / (count + 0.5)) / np.log(0.5 / (count + 0.5))
    result: Floats = np.clip(rare_in_prompts * (0.5 + 0.5 * np.clip(rare_on_pages, 0, 1)), 0.02, 1).astype(np.float32)
    return result


def _bm25(rows: list[list[int]], terms: int) -> Postings:
    """BM25 (Robertson; Lucene's variant) weights of every term in every row."""
    if not any(rows):
        return Postings.build([()] * len(rows), terms)
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it tells every build to the host's log
    model = bm25s.BM25(method="lucene", k1=1.2, b=0.5)
    model.index((rows, {str(term): term for term in range(terms)}), show_progress=False, create_empty_token=False)
    scores = model.scores
    starts = np.asarray(scores["indptr"], np.int64)
    if len(starts) < terms + 1:
        starts = np.concatenate([starts, np.full(terms + 1 - len(starts), starts[-1])])
    return Postings(starts, np.asarray(scores["indices"], np.int32), np.asarray(scores["data"], np.float32), len(rows))


def _lift(rows: list[dict[int, float]], terms: int) -> Postings:
    """Log lift of each training term over its share in the whole library (positive part)."""
    having = [row for row in rows if row]
    mean = np.zeros(terms)
    for row in having:
        for term, share in row.items():
            mean[term] += share
    mean /= max(1, len(having))
    lifted = [
        [(t, float(np.log((s + 0.02) / (mean[t] + 0.02)))) for t, s in row.items() if s > mean[t]] for row in rows
    ]
    return Postings.build(lifted, terms)
