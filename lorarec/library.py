"""LoRA records and their vectors -> everything a suggestion needs, in memory, immutable, saved and mapped back.

This is wiring: it makes documents from lenses and terms, hands them to the lexical index and gathers vectors by text. A
`Library` is never changed; a refresh builds the next one and swaps it in, so that readers need no lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from . import mapped
from .catalog import lenses
from .index.lexical import Document, LexicalIndex
from .index.retrieve import QueryVectors, Vectors
from .prompt.background import importance
from .prompt.syntax import parse
from .prompt.terms import terms
from .rank.facts import Facts
from .rank.strength import Shown, shown_in
from .rank.versions import version_groups
from .records import Records
from .types import Lora

FORMAT = 10  # of the saved form; any change of it or of what is computed here starts afresh
_KIND = "library"
_NEW_DAYS = 30.0

Floats = NDArray[np.float32]
Fetch = Callable[[str, Sequence[str]], tuple[NDArray[np.float32], NDArray[np.bool_]]]


class Library(Struct, frozen=True, kw_only=True):
    """All LoRAs that can be suggested, and what is known about them."""

    format: int  # FORMAT when it was built
    key: str  # identifies the content: same files and encoders -> same key
    models: dict[str, str]  # lens -> identity of its encoder; empty without vectors
    loras: Records  # without the long texts, see `slim`
    lexical: LexicalIndex
    vectors: Vectors | None
    facts: Facts
    shown: tuple[Shown, ...]  # strengths in the example images of each LoRA
    groups: NDArray[np.int64]  # version group of each LoRA, shape (n,)
    safety: NDArray[np.int8]  # -1 = unknown, shape (n,)
    hidden: NDArray[np.bool_]  # never suggested by themselves, see `hidden_of`; shape (n,)
    recency: Floats  # 1 = the newest file, falling to 0 with age; shape (n,)

    def as_query(self, row: int) -> QueryVectors | None:
        """A LoRA as if it were a prompt; None without vectors."""
        kept = self.vectors
        if kept is None:
            return None
        return QueryVectors(
            semantic=kept.semantic[row],
            artistic=kept.artistic[row],
            technical=kept.technical[row],
            chunks=kept.names[row : row + 1],
            chunk_weights=np.ones(1, np.float32),
        )


class Texts(Struct, frozen=True, gc=False):
    """What is encoded of one LoRA; "" where nothing is known."""

    semantic: str
    artistic: str
    technical: str
    name: str
    examples: tuple[str, ...]


def texts_of(lora: Lora) -> Texts:
    """The texts of a LoRA, by lens; the name and the examples are read with the semantic encoder."""
    lens = lenses.texts(lora)
    triggers = [word for words in lora.trigger_sets[:1] for word in words[:6]]
    name = ", ".join([lenses.readable_name(lora.name), *triggers])
    examples = tuple(parse(example.prompt).text for example in lora.examples)
    return Texts(lens.semantic, lens.artistic, lens.technical, name, examples)


def every_text(texts: Texts) -> list[str]:
    """All that is encoded of a LoRA, whatever the lens."""
    return [text for text in (texts.semantic, texts.artistic, texts.technical, texts.name, *texts.examples) if text]


def document_of(lora: Lora) -> Document:
    """The terms of a LoRA, by field."""
    fields = lenses.fields(lora)
    training: dict[str, float] = {}
    most = max((count for _, count in fields.training), default=1)
    for tag, count in fields.training:
        for term in terms(tag):
            training[term] = max(training.get(term, 0.0), count / most)
    return Document(
        names=[terms(name, split_case=True) for name in fields.names],
        triggers=[terms(words) for words in fields.triggers],
        tags=[terms(tag) for tag in fields.tags],
        content=[term for text in fields.content for term in terms(text)],
        training=training,
        examples=[terms(parse(prompt).text) for prompt in fields.examples],
    )


def similar_text(lora: Lora) -> tuple[str, ...]:
    """What a LoRA would be as a prompt: its name, trigger words, tags and what its page says."""
    triggers = ", ".join(word for words in lora.trigger_sets[:2] for word in words[:6])
    tags = ", ".join((*lora.user_tags, *lora.tags))
    training = ", ".join(tag for tag, _ in lora.training_tags[:10])
    return lenses.readable_name(lora.name), triggers, tags, training, lenses.about_text(lora.description)[:200]


def slim(lora: Lora) -> Lora:
    """A record without the texts that are only needed to build indexes; the catalogue keeps them."""
    return msgspec.structs.replace(lora, description="", notes="", examples=(), training_tags=(), hashes=())


def key_of(loras: Sequence[Lora], models: Mapping[str, str]) -> str:
    """Identity of a library: 16 hex digits over its records and encoders."""
    digest = blake2b(repr((FORMAT, sorted(models.items()))).encode(), digest_size=8)
    encoder = msgspec.msgpack.Encoder()
    for lora in loras:
        digest.update(encoder.encode(lora))
    return digest.hexdigest()


def build(
    loras: Sequence[Lora],
    key: str,
    models: Mapping[str, str],
    fetch: Fetch | None,
    tick: Callable[[int], None] = lambda done: None,
) -> Library:
    """Index LoRAs.

    Args:
        loras: full records in the order of precedence.
        key: from `key_of`.
        models: lens -> identity of the encoder that ``fetch`` speaks of.
        fetch: ``fetch(lens, texts)`` gives the vectors of texts, shape (len(texts), d), zeros where absent, and which
            were found; None builds a library without vectors.
        tick: told how many LoRAs are done.
    """
    documents = []
    for done, lora in enumerate(loras):
        documents.append(document_of(lora))
        if done % 64 == 0:
            tick(done)
    tick(len(loras))
    lexical = LexicalIndex.build(documents, importance)
    records = Records.of(map(slim, loras))
    return Library(
        format=FORMAT,
        key=key,
        models=dict(models),
        loras=records,
        lexical=lexical,
        vectors=gather_vectors([texts_of(lora) for lora in loras], fetch) if fetch else None,
        facts=Facts.of(loras),
        shown=tuple(shown_in(lora) for lora in loras),
        groups=version_groups(loras),
        safety=np.asarray([-1 if lora.safety is None else lora.safety for lora in loras], np.int8),
        hidden=hidden_of(loras),
        recency=recency_of(records.modified, time.time()),
    )


def hidden_of(loras: Sequence[Lora]) -> NDArray[np.bool_]:
    """Which LoRAs are never suggested by themselves, shape (n,).

    Those that the user excluded in a manager, low-noise halves of a pair (they come with the other half), and files
    that one of the same path in an earlier root shadows: hosts cannot load them by name.
    """
    seen: set[str] = set()
    present = {lora.id for lora in loras}
    hidden = np.zeros(len(loras), np.bool_)
    for row, lora in enumerate(loras):
        hidden[row] = lora.excluded or (lora.noise == "low" and lora.partner in present) or lora.path in seen
        seen.add(lora.path)
    return hidden


def recency_of(modified: NDArray[np.float64], now: float) -> Floats:
    """1 for the newest file of a library, falling to 0 with age, shape (n,); times in seconds since the epoch.

    Not the age on the clock: the same prompt and the same index must give the same answer tomorrow. A date in the
    future is a mistake that must not make all others old.
    """
    newest = modified[modified <= now].max(initial=-np.inf)
    age = np.maximum(newest - modified, 0) / 86400
    recency: Floats = np.exp(-age / _NEW_DAYS).astype(np.float32)
    return recency


def gather_vectors(texts: Sequence[Texts], fetch: Fetch) -> Vectors | None:
    """Look up all vectors of a library and derive what is cheap to keep ready.

    None if there are LoRAs but none has a vector of the semantic encoder: not even the width of a query is known then.
    """
    semantic = fetch("semantic", [text.semantic for text in texts])[0]
    artistic = fetch("artistic", [text.artistic for text in texts])[0]
    technical = fetch("technical", [text.technical for text in texts])[0]
    names = fetch("semantic", [text.name for text in texts])[0]
    examples = fetch("semantic", [example for text in texts for example in text.examples])[0]
    width = max(matrix.shape[1] for matrix in (semantic, names, examples))
    if texts and not width:
        return None
    # What is found nowhere comes without a width.
    semantic, names, examples = (
        matrix if matrix.shape[1] else np.zeros((len(matrix), width), np.float32)
        for matrix in (semantic, names, examples)
    )
    counts = np.asarray([len(text.examples) for text in texts])
    ends = np.cumsum(counts)
    mean = np.zeros_like(semantic)
    spread = np.full(len(texts), np.nan, np.float32)
    for row, (count, end) in enumerate(zip(counts, ends, strict=True)):
        if not count:
            continue
        centre = examples[end - count : end].mean(0)
        length = float(np.linalg.norm(centre))
        if length > 0:
            mean[row] = centre / length
            if count > 1:
                spread[row] = 1.0 - length
    matrices = {
        "semantic": semantic,
        "artistic": artistic,
        "technical": technical,
        "example_mean": mean,
        "name_near": names,
    }
    return Vectors(
        semantic=semantic,
        artistic=artistic,
        technical=technical,
        names=names,
        examples=examples,
        example_mean=mean,
        example_spread=spread,
        means={name: _mean(matrix) for name, matrix in matrices.items()},
    )


def _mean(matrix: Floats) -> Floats:
    """Mean of the rows that are not zero, shape (d,)."""
    there = matrix[matrix.any(axis=1)]
    return (there.mean(0) if len(there) else np.zeros(matrix.shape[1])).astype(np.float32)


def save(library: Library, folder: Path) -> None:
    """Write a library below a folder and make it the current one, atomically, see `mapped.save`."""
    mapped.save(library, folder, _KIND)


def load(folder: Path) -> Library | None:
    """Map a saved library back; None if there is none or it cannot be read: it is then built afresh."""
    library = mapped.load(folder, _KIND, Library)
    return library if library is not None and library.format == FORMAT else None
