"""Texts -> vectors: those that are kept, and those still to be made, while the host rests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from .encode.lender import Lender
from .errors import MissingPart
from .index.vector_store import VectorStore, text_hash
from .types import Cancelled, ProgressSink

Floats = NDArray[np.float32]


class TextVectors:
    """Vectors of texts by the encoders in use, kept once they are made. Safe from many threads."""

    def __init__(self, store: VectorStore, encoders: Lender, busy: Callable[[], bool]) -> None:
        """Wire it.

        Args:
            store: keeps them.
            encoders: make them.
            busy: whether the host generates right now: encoding waits meanwhile.
        """
        self.store, self.encoders, self._busy = store, encoders, busy

    def fetch(self, lens: str, texts: Sequence[str]) -> tuple[Floats, NDArray[np.bool_]]:
        """Kept vectors of texts by the encoder of a lens, shape (n, d), and which were found; zeros for empty texts."""
        matrix, found = self.store.fetch([text_hash(text) for text in texts], self.encoders.model_ids()[lens])
        empty = np.asarray([not text for text in texts], np.bool_)
        if empty.any():
            matrix[empty] = 0
            found = found & ~empty
        return matrix, found

    def kept(self, model: str, texts: Sequence[str]) -> tuple[Floats | None, int]:
        """Kept vectors of texts by a model, zeros where one is missing, and how many are missing.

        None in the place of vectors if there are none at all; of the model "" there are none, and none is missing.
        """
        if not model or not texts:
            return None, 0
        vectors, there = self.store.fetch([text_hash(text) for text in texts], model)
        return (vectors if vectors.shape[1] else None), int((~there).sum())

    def complete(self, model: str, texts: Iterable[str]) -> bool:
        """Whether every text has its vector by a model already."""
        return not self.store.missing({text_hash(text) for text in texts}, model)

    def encode(
        self, model: str, texts: Sequence[str], progress: ProgressSink | None = None, stop: Cancelled | None = None
    ) -> None:
        """Make and keep the vectors that are missing. Raises `MissingPart`, `BadFile`, `NotReady`, `StorageError`."""
        missing = set(self.store.missing({text_hash(text) for text in texts}, model))
        if missing:
            wanted = [text for text in texts if text_hash(text) in missing]
            with self.encoders.lend_bulk(model, len(missing)) as encoder:
                paused = self.encoders.waiting(self._busy)
                self.store.encode_missing(wanted, encoder, progress=progress, cancelled=stop, paused=paused)

    def embed(self, texts: Sequence[str], progress: ProgressSink | None = None) -> Floats:
        """Vectors of texts by the semantic encoder, shape (n, d), zeros for empty texts; kept for the next time.

        Raises:
            MissingPart: no encoder can be run.
            BadFile: a model is damaged.
            NotReady: memory is short.
            StorageError: the database fails.
        """
        models = self.encoders.model_ids()
        if not models:
            raise MissingPart("; ".join(self.encoders.problems) or "no encoder is installed")
        self.encode(models["semantic"], [text for text in texts if text], progress)
        return self.fetch("semantic", texts)[0]
