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

from .phrases import PHRASES, Matched, PhraseIndex, TagIndex, Texts
from .postings import Floats, Postings, QueryTerms

GROUPS = ("names", "triggers", "tags", "content", "examples")


class Document(Struct, frozen=True):
    """The terms of one LoRA by field group."""

    names: Sequence[Sequence[str]] = ()  # title, file name
    triggers: Sequence[Sequence[str]] = ()  # one per trigger set
    tags: Sequence[Sequence[str]] = ()  # one per tag
    content: Sequence[str] = ()  # description, notes
    training: Mapping[str, float] = {}  # term -> share of training images, 0..1
    examples: Sequence[Sequence[str]] = ()  # one per example prompt


class LexicalIndex(Struct, frozen=True):
    """All lexical knowledge about a library."""

    vocabulary: dict[str, int]
    importance: Floats  # how much a term says, 0..1, shape (terms,)
    bm25: dict[str, Postings]  # by group
    phrases: dict[str, PhraseIndex]  # names, triggers
    tags: TagIndex
    texts: Texts  # phrases and examples
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

        texts = {
            "names": [[ids(phrase) for phrase in document.names] for document in documents],
            "triggers": [[ids(phrase) for phrase in document.triggers] for document in documents],
            "tags": [[ids(phrase) for phrase in document.tags] for document in documents],
            "examples": [[ids(prompt) for prompt in document.examples] for document in documents],
        }
        groups = {name: [[term for p in owned for term in p] for owned in lists] for name, lists in texts.items()}
        groups["content"] = [ids(document.content) for document in documents]
        training = [dict(zip(ids(d.training), d.training.values(), strict=True)) for d in documents]
        importance = _importance(vocabulary, groups, telling)
        for kind in PHRASES:
            texts[kind] = [[phrase for phrase in owned if phrase] for owned in texts[kind]]
        table = Texts.build(texts, importance)
        return cls(
            vocabulary=vocabulary,
            importance=importance,
            bm25={name: _bm25(groups[name], len(vocabulary)) for name in GROUPS},
            phrases={kind: PhraseIndex.build(table, kind, importance) for kind in ("names", "triggers")},
            tags=TagIndex.build(table, importance),
            texts=table,
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

    def matched(self, query: QueryTerms, rows: NDArray[np.int64]) -> Matched:
        """What the phrases and examples of some LoRAs have of a query; rows of the library, shape (r,)."""
        known = np.zeros((2, len(self.importance)), np.float32)
        known[:, query.ids] = self.importance[query.ids]
        known[1, query.ids] *= query.weights
        return self.texts.matched(rows, known[0], known[1], float(np.sqrt(np.square(query.weights).sum())))


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
    rows_of, weights = np.asarray(scores["indices"], np.int32), np.asarray(scores["data"], np.float32)
    return Postings.of(starts, rows_of, weights, len(rows))


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
