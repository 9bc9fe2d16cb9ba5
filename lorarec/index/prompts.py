"""A user's past prompts -> how near each is to a new one, by words and by meaning.

Words and meaning are kept apart: sentence encoders blur the names and rare terms that decide in prompts, words know no
synonyms. All arrays are plain numpy, so that they can be saved and mapped back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..arrays import dot
from .postings import Postings

Floats = NDArray[np.float32]

_PRIOR = 20.0  # ordinary prompts that the mean of a user's prompts is shrunk to


class Nearness(Struct, frozen=True):
    """How near every past prompt is to a query; both of shape (p,)."""

    words: Floats  # cosine of importance-weighted terms, 0..1
    meaning: Floats | None  # cosine of the vectors less their mean, -1..1; None without vectors


class PromptIndex(Struct, frozen=True):
    """Distinct prompts, in any order; a new prompt is always put at the end."""

    vocabulary: dict[str, int]
    starts: NDArray[np.int64]  # terms of prompt i: starts[i]..starts[i + 1]
    terms: NDArray[np.int32]  # term ids
    weights: Floats  # share of each term in its prompt's length; a prompt's weights have norm 1
    postings: Postings  # the same by term
    vectors: Floats  # less their mean and normalised, zeros where unknown, shape (p, d); (p, 0) without encoder
    mean: Floats  # what was subtracted, shape (d,)

    @property
    def count(self) -> int:
        """Number of prompts."""
        return len(self.starts) - 1

    @classmethod
    def build(
        cls,
        prompts: Sequence[str],
        weigh: Callable[[str], Mapping[str, float]],
        vectors: Floats | None = None,
        ordinary: Floats | None = None,
        known: PromptIndex | None = None,
    ) -> PromptIndex:
        """Index prompts.

        Args:
            prompts: distinct texts.
            weigh: the terms of a text, each with how much it says there.
            vectors: of the prompts, shape (p, d), zeros where unknown; None: by words only.
            ordinary: mean vector of ordinary prompts, shape (d,): few prompts do not make a mean of their own.
            known: an index of the first of these prompts, so that only the others are read.
        """
        vocabulary = dict(known.vocabulary) if known else {}
        ids: list[int] = []
        values: list[float] = []
        lengths: list[int] = []
        for prompt in prompts[known.count if known else 0 :]:
            weights = weigh(prompt)
            norm = _length(weights)
            ids += [vocabulary.setdefault(term, len(vocabulary)) for term in weights]
            values += [weight / norm for weight in weights.values()]
            lengths.append(len(weights))
        old_starts = known.starts if known else np.zeros(1, np.int64)
        starts = np.concatenate([old_starts, old_starts[-1] + np.cumsum(lengths, dtype=np.int64)])
        terms = np.asarray(ids, np.int32)
        shares = np.asarray(values, np.float32)
        if known:
            terms, shares = np.concatenate([known.terms, terms]), np.concatenate([known.weights, shares])
        centred, mean = _centred(vectors, ordinary, len(prompts))
        return cls(
            vocabulary,
            starts,
            terms,
            shares,
            _by_term(starts, terms, shares, len(vocabulary)),
            centred,
            mean,
        )

    def near(self, weights: Mapping[str, float], vector: Floats | None) -> Nearness:
        """Compare a query.

        Args:
            weights: its terms, each with how much it says.
            vector: its unit vector by the encoder of the index, shape (d,); None: by words only.
        """
        known = {self.vocabulary[term]: value for term, value in weights.items() if term in self.vocabulary}
        ids = np.fromiter(known.keys(), np.int32, len(known))
        words = self.postings.score(ids, np.fromiter(known.values(), np.float32, len(known))) / _length(weights)
        return Nearness(words, None if vector is None else self.meaning(vector))

    def meaning(self, vector: Floats) -> Floats | None:
        """`Nearness.meaning` of a query's vector, see `near`; None if the index has none of its kind."""
        if not len(vector) or self.vectors.shape[1] != len(vector):
            return None
        centred = vector - self.mean
        length = float(np.linalg.norm(centred))
        return dot(self.vectors, centred / max(length, 1e-6))


def _length(weights: Mapping[str, float]) -> float:
    """Euclidean norm; 1 for nothing."""
    return float(np.sqrt(sum(weight * weight for weight in weights.values()))) or 1.0


def _centred(vectors: Floats | None, ordinary: Floats | None, count: int) -> tuple[Floats, Floats]:
    """Unit vectors less their mean, rows of zeros staying zero, and the mean."""
    if vectors is None or not vectors.shape[1]:
        return np.zeros((count, 0), np.float32), np.zeros(0, np.float32)
    there = np.asarray(vectors.any(axis=1))
    prior = ordinary if ordinary is not None and len(ordinary) == vectors.shape[1] else None
    total = vectors[there].sum(0)
    if prior is not None:
        mean = (total + _PRIOR * prior) / (int(there.sum()) + _PRIOR)
    else:
        mean = total / max(1, int(there.sum()))
    out = np.where(there[:, None], vectors - mean, 0).astype(np.float32)
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)
    return out, mean.astype(np.float32)


def _by_term(starts: NDArray[np.int64], terms: NDArray[np.int32], weights: Floats, count: int) -> Postings:
    """Terms by prompt -> prompts by term."""
    rows = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))
    order = np.argsort(terms, kind="stable")
    begins = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(terms, minlength=count), out=begins[1:])
    return Postings.of(begins, rows[order], weights[order], len(starts) - 1)
