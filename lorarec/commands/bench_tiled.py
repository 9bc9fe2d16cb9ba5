"""Very large made-up libraries: a small one laid side by side many times, with random vectors.

Indexing a million texts would take hours and measure nothing new. Every step of a suggestion does the work that it does
in a real library of that size: posting lists, phrases, facts and vectors are all as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from ..arrays import ranges
from ..index.lexical import LexicalIndex
from ..index.phrases import KINDS, PhraseIndex, TagIndex, Texts
from ..index.postings import Postings
from ..index.retrieve import Vectors
from ..library import Library
from ..rank.facts import Facts
from ..records import Records

_BLOCK = 65536  # random vectors drawn at once


@contextmanager
def tiled(library: Library, times: int, scratch: Path, seed: int = 0) -> Iterator[Library]:
    """A library ``times`` as large; its vectors lie in a scratch folder as long as the block lasts."""
    count = len(library.loras)
    copies = range(times)
    yield Library(
        format=library.format,
        key=f"{library.key}-{times}",
        models=library.models,
        loras=Records.of(
            replace(lora, id=f"{copy:04x}{lora.id[4:]}", path=f"copy{copy}/{lora.path}", partner="")
            for copy in copies
            for lora in library.loras
        ),
        lexical=_lexical(library.lexical, times),
        vectors=_vectors(library.vectors, times, scratch, seed) if library.vectors else None,
        facts=Facts(
            {name: np.tile(column, times) for name, column in library.facts.columns.items()},
            _shifted(library.facts.downloads_order, times, count).reshape(times, -1).T.ravel(),
        ),
        shown=library.shown * times,
        groups=_shifted(library.groups, times, count),
        safety=np.tile(library.safety, times),
        hidden=np.tile(library.hidden, times),
        recency=np.tile(library.recency, times),
    )


def _lexical(index: LexicalIndex, times: int) -> LexicalIndex:
    return LexicalIndex(
        vocabulary=index.vocabulary,
        importance=index.importance,
        bm25={name: _postings(postings, times) for name, postings in index.bm25.items()},
        phrases={name: _phrases(phrases, times) for name, phrases in index.phrases.items()},
        tags=TagIndex(_postings(index.tags.words, times), _phrases(index.tags.phrases, times)),
        texts=_texts(index.texts, times),
        training=_postings(index.training, times),
        trained=np.tile(index.trained, times),
    )


def _postings(postings: Postings, times: int) -> Postings:
    lengths = np.diff(postings.starts)
    rows = np.empty(len(postings.rows) * times, np.int32)
    weights = np.empty(len(rows), np.float32)
    for copy in range(times):
        at = ranges(postings.starts[:-1] * times + copy * lengths, lengths)
        rows[at] = postings.rows + copy * postings.count
        weights[at] = postings.weights
    columns = np.tile(postings.columns, times)
    return Postings(postings.starts * times, rows, weights, postings.count * times, postings.common, columns)


def _phrases(phrases: PhraseIndex, times: int) -> PhraseIndex:
    owner = _shifted(phrases.owner, times, phrases.loras).astype(np.int32)
    return PhraseIndex(_postings(phrases.postings, times), np.tile(phrases.totals, times), owner, phrases.loras * times)


def _texts(texts: Texts, times: int) -> Texts:
    kinds = [texts.of_kind(kind) for kind in KINDS]
    lengths, counts = np.diff(texts.starts), np.diff(texts.owners).reshape(len(KINDS), -1)
    return Texts(
        _ends(np.concatenate([np.tile(lengths[kind], times) for kind in kinds])),
        np.concatenate([np.tile(texts.terms[texts.starts[k.start] : texts.starts[k.stop]], times) for k in kinds]),
        _ends(np.tile(counts, times).ravel()),
        np.concatenate([np.tile(texts.sizes[kind], times) for kind in kinds]),
    )


def _shifted(rows: NDArray[np.int64] | NDArray[np.int32], times: int, count: int) -> NDArray[np.int64]:
    """Numbers of things of which there are ``count``, once for every copy."""
    return (np.asarray(rows, np.int64) + np.arange(times)[:, None] * count).ravel()


def _ends(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where things of these lengths start, and the end of the last one."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def _vectors(vectors: Vectors, times: int, scratch: Path, seed: int) -> Vectors:
    draw = np.random.default_rng(seed)

    def random(name: str, like: NDArray[np.float32]) -> NDArray[np.float32]:
        shape = (len(like) * times, like.shape[1])
        out = np.lib.format.open_memmap(scratch / f"{name}.npy", mode="w+", dtype=np.float32, shape=shape)
        for start in range(0, len(out), _BLOCK):
            part = draw.standard_normal(out[start : start + _BLOCK].shape, np.float32)
            out[start : start + _BLOCK] = part / np.linalg.norm(part, axis=1, keepdims=True)
        return out

    names = ("semantic", "artistic", "technical", "names", "examples", "example_mean")
    return Vectors(
        **{name: random(name, getattr(vectors, name)) for name in names},
        example_spread=np.tile(vectors.example_spread, times),
        means=vectors.means,
    )
