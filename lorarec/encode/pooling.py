"""From texts to vectors around any forward pass: windows, batches without padding waste, pooling of texts and spans."""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import dots
from ..errors import NotReady
from ..graphics import out_of_memory
from .models import ModelFolder
from .tokenize import Tokenizer, Tokens, fill

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH_TOKENS = 384  # per forward, padding included: the widest activations of this many stay in a core's cache
BATCH_TEXTS = 64
_TOKENIZE = 512  # texts tokenized at once
_BULK = 8  # batches from which memory is given back afterwards


class PooledEncoder(abc.ABC):
    """A `types.Encoder` whose vectors are pooled token states of a transformer.

    A text's vector is the mean of its token states, special tokens included (or the state of the first token, as the
    model wants), normalised. Over several windows that mean is weighted by their numbers of tokens.
    """

    def __init__(self, folder: ModelFolder, tokenizer: Tokenizer, workers: int) -> None:
        """Take a model's description, its tokenizer and the number of forward passes to run at once."""
        self.model_id = folder.model_id
        self.dim = folder.dim
        self.window = folder.window
        self.workers = workers
        self.batch_tokens = BATCH_TOKENS
        self.batch_texts = BATCH_TEXTS
        self._first = folder.pooling == "cls"
        self._pad = folder.pad
        self._tokenizer = tokenizer

    @abc.abstractmethod
    def forward(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Token states of a batch, (b, s) -> (b, s, dim). Called from several threads if ``workers`` > 1."""

    def relieve(self) -> None:  # noqa: B027
        """Memory ran out: free what can be freed, so that a smaller batch may fit."""

    def rescue(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """The token states of one text for which memory does not suffice here. Raises `NotReady` if there is no way."""
        raise NotReady(f"memory is short: a text of {ids.shape[1]} tokens could not be encoded; close other programs")

    def trim(self) -> None:  # noqa: B027 - most backends keep nothing
        """Give back memory that only many large batches needed."""

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Encode texts, shape (n, dim); see `types.Encoder`. Equal texts are encoded once.

        Args:
            texts: any number of texts of any length.
            progress: called with the number of texts done so far, from this thread or another, never twice at once.
        """
        numbers: dict[str, int] = {}
        place = np.fromiter((numbers.setdefault(text, len(numbers)) for text in texts), np.int64, len(texts))
        tokens = self._tokenize(list(numbers))
        rows = [(number, window) for number, found in enumerate(tokens) for window in found.windows]
        waiting = np.bincount(np.array([number for number, _ in rows], np.int64), minlength=len(tokens))
        copies = np.bincount(place, minlength=len(tokens))
        vectors = np.zeros((len(tokens), self.dim), np.float32)
        lock = threading.Lock()
        done = int(copies[waiting == 0].sum())

        def run(batch: Sequence[tuple[int, tuple[int, int]]]) -> None:
            nonlocal done
            owners = np.array([number for number, _ in batch], np.int64)
            ids = [self._frame(tokens[number], window) for number, window in batch]
            states, mask = self._states(ids)
            weights = np.array([end - start for _, (start, end) in batch], np.float32)
            pooled = self._pool(states, mask) * weights[:, None]
            with lock:
                np.add.at(vectors, owners, pooled)
                np.subtract.at(waiting, owners, 1)
                done += int(copies[[n for n in set(owners.tolist()) if waiting[n] == 0]].sum())
                if progress:
                    progress(done)

        batches = pack(rows, self.batch_tokens, self.batch_texts)
        if self.workers > 1 and len(batches) > 1:
            with ThreadPoolExecutor(self.workers, "lorarec-encode") as pool:
                for _ in pool.map(run, batches):
                    pass
        else:
            for batch in batches:
                run(batch)
        if len(batches) > _BULK:
            self.trim()
        return normalize(vectors)[place]

    def encode_spans(
        self, text: str, spans: Sequence[tuple[int, int]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Encode a text and parts of it with the same forward passes; see `types.Encoder`.

        A token belongs to every span that it shares a character with.
        """
        found = self._tokenizer([text], offsets=True)[0]
        if not found.windows:
            return np.zeros(self.dim, np.float32), np.zeros((len(spans), self.dim), np.float32)
        total = np.zeros(self.dim, np.float32)
        parts = []
        lead = len(self._tokenizer.prefix)
        for batch in pack([(0, window) for window in found.windows], self.batch_tokens, self.batch_texts):
            states, mask = self._states([self._frame(found, window) for _, window in batch])
            weights = np.array([end - start for _, (start, end) in batch], np.float32)
            total += (self._pool(states, mask) * weights[:, None]).sum(0)
            for row, (_, window) in enumerate(batch):
                parts.append((window, states[row, lead : lead + window[1] - window[0]]))
        tokens = np.concatenate([states for _, states in sorted(parts, key=lambda part: part[0])])
        places = np.asarray(found.offsets, np.int64).reshape(-1, 2)
        bounds = np.asarray(spans, np.int64).reshape(-1, 2)
        inside = (places[:, 0] < bounds[:, 1:]) & (places[:, 1] > bounds[:, :1])  # (spans, tokens)
        sums = dots(inside.astype(np.float32), np.ascontiguousarray(tokens.T))
        return normalize(total), normalize(sums)

    def _tokenize(self, texts: list[str]) -> list[Tokens]:
        out: list[Tokens] = []
        for start in range(0, len(texts), _TOKENIZE):
            out += self._tokenizer(texts[start : start + _TOKENIZE])
        return out

    def _frame(self, tokens: Tokens, window: tuple[int, int]) -> list[int]:
        return [*self._tokenizer.prefix, *tokens.ids[window[0] : window[1]], *self._tokenizer.suffix]

    def _states(self, rows: Sequence[Sequence[int]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        ids, mask = fill(rows, self._pad)
        return self.states(ids, mask), mask

    def states(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Token states of a batch, (b, s) -> (b, s, dim); where memory runs out, of its halves one after the other.

        Raises:
            NotReady: memory does not suffice for a single text.
        """
        try:
            return self.forward(ids, mask)
        except Exception as error:
            if not out_of_memory(error):
                raise
        # Here, not inside the handler: the error's traceback holds the activations that are to be freed.
        self.relieve()
        if len(ids) == 1:
            return self.rescue(ids, mask)
        half = len(ids) // 2
        return np.concatenate([self.states(ids[:half], mask[:half]), self.states(ids[half:], mask[half:])])

    def _pool(self, states: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """(b, s, dim) -> (b, dim), not normalised."""
        if self._first:
            return states[:, 0]
        share = mask.astype(np.float32)
        share /= share.sum(1, keepdims=True)
        return np.asarray(np.matmul(share[:, None, :], states)[:, 0])


def pack(
    rows: Sequence[tuple[int, tuple[int, int]]], most_tokens: int = BATCH_TOKENS, most_texts: int = BATCH_TEXTS
) -> list[list[tuple[int, tuple[int, int]]]]:
    """Group windows of similar length into batches, the longest first so that no worker ends late.

    Args:
        rows: (number of the text, token range [start, end)) of each window.
        most_tokens: padded tokens of a batch, unless a single window is longer.
        most_texts: windows of a batch.
    """
    batches: list[list[tuple[int, tuple[int, int]]]] = []
    longest = 0
    for row in sorted(rows, key=lambda row: row[1][0] - row[1][1]):
        size = len(batches[-1]) + 1 if batches else 0
        if size and size <= most_texts and size * longest <= most_tokens:
            batches[-1].append(row)
        else:
            batches.append([row])
            longest = row[1][1] - row[1][0] + 2  # the special tokens count as well
    return batches


def normalize(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale vectors along the last axis to length 1; zeros stay zeros."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1), np.float32)
