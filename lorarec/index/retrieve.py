"""A query and a library -> candidates with their evidence.

Sources: the semantic lens (dense), BM25 of every field group, phrase coverage, and a few popular LoRAs. What is dear to
compute (examples one by one, the other lenses, comma chunks) is computed for the candidates only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..arrays import distinct, dot, dots, largest
from ..timings import Lap, no_lap
from ..types import Candidates
from .lexical import GROUPS, LexicalIndex
from .phrases import PHRASES, Owned
from .postings import Floats, QueryTerms

PER_SOURCE = 24  # candidates taken from each field group; twice as many from the dense lens
_LOOKED = 2 * PER_SOURCE  # rows of a column looked at before it is known which of them may be shown
NEAREST = 4 * PER_SOURCE  # rows of the dense lens looked at before it is known which of them may be shown
EVERYTHING = 400  # up to this library size every LoRA is a candidate

Search = Callable[[Floats, int], tuple[Floats, NDArray[np.int64]]]


class Vectors(Struct, frozen=True):
    """The vectors of a library, all L2-normalised; a row of zeros where a text is missing."""

    semantic: Floats  # shape (n, d)
    artistic: Floats  # shape (n, d')
    technical: Floats  # shape (n, d'')
    names: Floats  # readable name and first trigger words, shape (n, d)
    examples: Floats  # shape (m, d); mapped from disk, so that only the candidates' pages are held
    example_mean: Floats  # normalised mean of each LoRA's examples, shape (n, d)
    example_spread: Floats  # 1 - length of the unnormalised mean: 0 = all examples alike, shape (n,)
    means: dict[str, Floats]  # mean vector of each of these matrices over the library


class QueryVectors(Struct, frozen=True):
    """One prompt, encoded."""

    semantic: Floats  # shape (d,)
    artistic: Floats
    technical: Floats
    chunks: Floats  # shape (k, d)
    chunk_weights: Floats  # attention times importance, shape (k,)


class Words(Struct, frozen=True):
    """What the words of a query find in a library, whatever its vectors say."""

    terms: QueryTerms
    whole: dict[str, Floats]  # evidence columns of all LoRAs, 0 where there is nothing; each of shape (n,)
    best: dict[str, NDArray[np.int64]]  # of each column the rows of the largest values, best first, at most `_LOOKED`


class View(Struct, frozen=True):
    """One query as retrieval sees it."""

    words: Words
    vectors: QueryVectors | None = None
    nearest: NDArray[np.int64] | None = None  # rows nearest in meaning, best first, if they were looked for already


def match(lexical: LexicalIndex, asked: Mapping[str, float]) -> Words:
    """Look a query's terms up, each with its attention."""
    terms, phrases = lexical.query(asked), lexical.phrases
    whole = {f"bm25_{group}": lexical.bm25[group].score(terms.ids, terms.weights) for group in GROUPS}
    whole["trigger_mass"] = phrases["triggers"].mass(terms)
    whole["name_mass"] = phrases["names"].mass(terms)
    whole["tag_overlap"] = lexical.tags.covered(terms)
    whole["training_lift"] = lexical.training.score(terms.ids, terms.weights)
    return Words(terms, whole, {name: _ordered(values, _LOOKED) for name, values in whole.items()})


def read_ahead(lexical: LexicalIndex, vectors: Vectors, words: Words) -> None:
    """Read what the candidates by words will be asked for.

    It is mapped from disk, in pages all over it: another thread can wait for them while the prompt is encoded.
    """
    rows = distinct(np.concatenate([best[:PER_SOURCE] for best in words.best.values()]))[0]
    for matrix in (vectors.semantic, vectors.artistic, vectors.technical, vectors.names, vectors.example_mean):
        matrix.take(rows, 0)
    vectors.examples.take(lexical.matched(words.terms, rows).examples.texts, 0)


def retrieve(
    lexical: LexicalIndex,
    vectors: Vectors | None,
    view: View,
    popular: NDArray[np.int64],
    search: Search | None = None,
    allowed: NDArray[np.bool_] | None = None,
    per_source: int = PER_SOURCE,
    lap: Lap = no_lap,
) -> Candidates:
    """Find candidates and compute the evidence columns.

    Args:
        lexical: the library's words.
        vectors: the library's vectors, None if it has none.
        view: the query.
        popular: library rows worth offering when nothing matches.
        search: ``search(query, k)``, an exact inner-product search over ``vectors.semantic``; None: numpy.
        allowed: mask of the library rows that may be candidates, shape (n,). It is applied before the best of a source
            are taken, so that a narrow filter leaves as many candidates as a wide one.
        per_source: candidates taken from each field group.
        lap: told of the parts "lexical", "search", "dense" and "examples".
    """
    whole = view.words.whole
    count = lexical.count if allowed is None else int(np.count_nonzero(allowed))
    if count == lexical.count:
        allowed = None
    if count > EVERYTHING:
        rows = _candidates(vectors, view, popular, search, allowed, per_source, lap)
    else:
        rows = np.arange(lexical.count) if allowed is None else np.flatnonzero(allowed)
    columns = {name: values[rows] for name, values in whole.items()}
    columns["training_lift"][~lexical.trained[rows]] = np.nan
    matched = lexical.matched(view.words.terms, rows)
    for at, kind in enumerate(("name", "trigger")):
        columns[f"{kind}_mass"], columns[f"{kind}_cover"] = matched.mass[at], matched.cover[at]
    columns["name_rarest"], columns["trigger_rarest"], columns["tag_rarest"] = matched.rarest
    columns["tag_overlap"][np.isnan(matched.cover[PHRASES.index("tags")])] = np.nan
    columns["example_words"] = matched.example
    lap("lexical")
    chunk = np.full(len(rows), -1, np.int64)
    if vectors is not None and view.vectors is not None:
        names = vectors.names.take(rows, 0)  # as indexing, in less time
        columns.update(_dense(vectors, view.vectors, rows, names))
        if len(view.vectors.chunks) and len(rows):
            # (k, c): numpy finds the largest of each column ten times as fast as of each row.
            near = np.ascontiguousarray(dots(names, view.vectors.chunks).T)
            weighted = near * view.vectors.chunk_weights[:, None]
            chunk = weighted.argmax(0)
            columns["chunk"] = near.max(0)
            columns["chunk_weighted"] = weighted.max(0)
        lap("dense")
        columns.update(_examples(vectors, view.vectors, matched.examples))
    lap("examples")
    return Candidates(rows, columns, chunk)


def _candidates(
    vectors: Vectors | None,
    view: View,
    popular: NDArray[np.int64],
    search: Search | None,
    allowed: NDArray[np.bool_] | None,
    per_source: int,
    lap: Lap,
) -> NDArray[np.int64]:
    """The best of every source that may be shown, as ascending library rows."""
    picked = [popular] if allowed is None else [popular[allowed[popular]]]
    picked += [_picked(view.words, column, per_source, allowed) for column in view.words.whole]
    lap("lexical")
    if vectors is not None and view.vectors is not None:
        picked.append(_near(vectors.semantic, view.vectors.semantic, view.nearest, search, allowed, 2 * per_source))
    rows = distinct(np.concatenate(picked))[0]
    lap("search")
    if len(rows) >= per_source:
        return rows
    # Where nothing matches and nothing is known to be popular, an answer still has something to rank.
    some = np.arange(per_source) if allowed is None else np.flatnonzero(allowed)[:per_source]
    return distinct(np.concatenate([rows, some]))[0]


def _picked(words: Words, column: str, count: int, allowed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """The rows of the largest values of a column among those that may be shown, at most ``count``."""
    best = words.best[column]
    found = best if allowed is None else best[allowed[best]]
    if len(found) >= count or len(best) < _LOOKED:
        return found[:count]
    return _top(words.whole[column], count, allowed)


def _near(
    matrix: Floats,
    query: Floats,
    nearest: NDArray[np.int64] | None,
    search: Search | None,
    allowed: NDArray[np.bool_] | None,
    count: int,
) -> NDArray[np.int64]:
    """The rows nearest to a query among those that may be shown."""
    if nearest is None or len(nearest) < 2 * count:
        nearest = None if search is None else look_near(search, query, 2 * count)
    if nearest is not None:
        found = nearest
        if allowed is not None:
            found = found[allowed[found]]
        if len(found) >= count // 2:
            near: NDArray[np.int64] = found[:count]
            return near
    # A filter that leaves few of the nearest: look at what it leaves.
    every = np.arange(len(matrix)) if allowed is None else np.flatnonzero(allowed)
    left: NDArray[np.int64] = every[_top(dot(matrix[every], query), count)]
    return left


def look_near(search: Search, query: Floats, count: int) -> NDArray[np.int64]:
    """The rows nearest to a query, best first, at most ``count``."""
    found = search(query[None, :], count)[1][0]
    rows: NDArray[np.int64] = found[found >= 0]
    return rows


def _dense(vectors: Vectors, query: QueryVectors, rows: NDArray[np.int64], names: Floats) -> dict[str, Floats]:
    """Cosines of the query with every lens of the candidates; NaN where a LoRA has no text for a lens.

    ``names`` are the candidates' rows of ``vectors.names``.

    ``..._centred`` is the same less the query's cosine with the library's mean: some prompts are near everything.
    """
    columns = {"example_spread": vectors.example_spread[rows]}
    for name, matrix, vector in (
        ("semantic", vectors.semantic, query.semantic),
        ("artistic", vectors.artistic, query.artistic),
        ("technical", vectors.technical, query.technical),
        ("example_mean", vectors.example_mean, query.semantic),
        ("name_near", vectors.names, query.semantic),
    ):
        if matrix.shape[1] != len(vector) or not vector.any():  # no LoRA, or not the query, has a text for this lens
            columns[name] = columns[f"{name}_centred"] = np.full(len(rows), np.nan, np.float32)
            continue
        columns[name] = _cosine(names if name == "name_near" else matrix.take(rows, 0), vector)
        columns[f"{name}_centred"] = columns[name] - np.dot(vectors.means[name], vector)
    return columns


def _cosine(matrix: Floats, query: Floats) -> Floats:
    """Inner products; NaN for rows of zeros."""
    values = dot(matrix, query)
    nothing = np.flatnonzero(values == 0)
    if len(nothing):
        values[nothing[~matrix[nothing].any(axis=1)]] = np.nan
    return values


def _examples(vectors: Vectors, query: QueryVectors, examples: Owned) -> dict[str, Floats]:
    """Cosine of the query with each candidate's best example prompt; NaN without examples."""
    meaning = np.full(examples.owners, np.nan, np.float32)
    if vectors.examples.shape[1]:
        near = dot(vectors.examples.take(examples.texts, 0), query.semantic)
        near[near == 0] = np.nan  # an example without text, or one that is not encoded yet
        meaning = examples.best(near)
    mean = vectors.means["example_mean"]
    centred = meaning - (np.dot(mean, query.semantic) if len(mean) else 0)
    return {"example_meaning": meaning, "example_meaning_centred": centred}


def _top(values: Floats, count: int, allowed: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Positions of the largest positive values that are allowed, at most ``count``."""
    return largest(values if allowed is None else np.where(allowed, values, np.float32(0)), count)


def _ordered(values: Floats, count: int) -> NDArray[np.int64]:
    """The same as `_top`, best first."""
    top = _top(values, count)
    return top[np.argsort(-values[top], kind="stable")]
