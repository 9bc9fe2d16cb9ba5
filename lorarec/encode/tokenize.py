"""Text to tokens, and long texts to windows that fit the encoder."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from ..errors import BadFile, MissingPart
from ..paths import is_file
from .models import ModelFolder

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_CHARACTERS = 50_000  # of one text; what lies beyond says nothing new about a LoRA and would block a query
_STRONG = "\n.!?;。！？；"  # a cut after one of these is better than after a comma
_WORD_PIECES = re.compile(rb'"model":\s*\{\s*"type":\s*"WordPiece"')
_WEAK = ",:，、："


class Tokens(Struct, frozen=True):
    """The tokens of one text without special tokens, cut into windows."""

    ids: list[int]
    windows: list[tuple[int, int]]  # ranges [start, end) of ``ids`` that together cover it; () if there are none
    offsets: list[tuple[int, int]]  # characters [start, end) of each token in the given text; () unless asked for


class Tokenizer:
    """A model's tokenizer, by the ``tokenizers`` package. Safe to use from many threads."""

    def __init__(self, folder: ModelFolder) -> None:
        """Load the tokenizer of a model.

        Raises:
            MissingPart: ``tokenizers`` is not installed, or the model has only an old vocabulary file and
                transformers, which could convert it, is not installed.
            BadFile: tokenizer.json is damaged.
        """
        self._tokenizer = _load(folder)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._lower = folder.lower
        probe = self._tokenizer.encode("a")
        special = probe.special_tokens_mask
        inside = special.index(0) if 0 in special else len(special)
        self.prefix: list[int] = probe.ids[:inside]
        self.suffix: list[int] = [i for i, s in zip(probe.ids[inside:], special[inside:], strict=True) if s]
        self.room = folder.window - len(self.prefix) - len(self.suffix)  # tokens of text per window

    def __call__(self, texts: Sequence[str], *, offsets: bool = False) -> list[Tokens]:
        """Tokenize texts; ``offsets`` also asks where each token stands, which long texts always get."""
        cleaned = [self._clean(text) for text in texts]
        if len(cleaned) == 1:  # a batch is handed to a pool of threads, for which a live query would wait
            encodings = [self._tokenizer.encode(cleaned[0], add_special_tokens=False)]
        else:
            encodings = self._tokenizer.encode_batch(cleaned, add_special_tokens=False)
        out = []
        for original, text, encoding in zip(texts, cleaned, encodings, strict=True):
            ids = encoding.ids
            where: list[tuple[int, int]] = []
            windows = [(0, len(ids))] if ids else []
            if offsets or len(ids) > self.room:
                where = encoding.offsets
                windows = split(text, where, self.room)
                lead = len(original) - len(original.lstrip())
                where = [(start + lead, end + lead) for start, end in where] if lead else where
            out.append(Tokens(ids, windows, where))
        return out

    def _clean(self, text: str) -> str:
        """Strip, lower-case if the model wants it, and replace lone surrogates; offsets stay true but for the strip."""
        text = text.strip()[:MAX_CHARACTERS]
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode("utf-8")
        if self._lower:
            text = "".join(low if len(low := c.lower()) == 1 else c for c in text)
        return text


def split(text: str, offsets: Sequence[tuple[int, int]], room: int) -> list[tuple[int, int]]:
    """Cut a tokenized text into windows of at most ``room`` tokens.

    Windows end after a sentence, else after a comma, else between words, as late as possible in their second half;
    only a single run of that many tokens is cut within a word.

    Args:
        text: the text.
        offsets: characters [start, end) of each token.
        room: tokens per window, at least 1.

    Returns:
        Token ranges [start, end), in order and without gaps.
    """
    windows = []
    start, count = 0, len(offsets)
    while count - start > room:
        best = (-1, start + room)
        for end in range(start + room, start + room // 2, -1):
            rank = _cut_rank(text, offsets, end)
            if rank > best[0]:
                best = (rank, end)
                if rank == 3:
                    break
        windows.append((start, best[1]))
        start = best[1]
    if count > start:
        windows.append((start, count))
    return windows


def _cut_rank(text: str, offsets: Sequence[tuple[int, int]], end: int) -> int:
    """How good it is to end a window before token ``end``: 3 sentence, 2 comma, 1 between words, 0 within a word."""
    (before, stop), (following, _) = offsets[end - 1], offsets[end]
    gap = text[max(before, stop - 1) : following]
    if any(c in _STRONG for c in gap):
        return 3
    if any(c in _WEAK for c in gap):
        return 2
    return int(any(c.isspace() for c in text[stop : following + 1]))


def fill(rows: Sequence[Sequence[int]], pad: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of token ids as a matrix filled up at the right with ``pad``, and its attention mask, both (n, longest)."""
    length = max(map(len, rows))
    ids = np.full((len(rows), length), pad, np.int64)
    mask = np.zeros((len(rows), length), np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return ids, mask


def _in_steps(fast: Any, data: bytes) -> Any:
    """The tokenizer that a tokenizer.json states.

    The package holds Python's lock while it works, and an event loop of the host waits: a vocabulary in a step of its
    own halves the longest wait.
    """
    if not _WORD_PIECES.search(data):
        return fast.from_buffer(data)
    from tokenizers.models import WordPiece

    stated = json.loads(data)
    model = stated["model"]
    options = {name: model[name] for name in ("unk_token", "max_input_chars_per_word", "continuing_subword_prefix")}
    vocabulary = model["vocab"]
    model["vocab"] = {
        token["content"]: token["id"] for token in stated.get("added_tokens", ())
    }  # they keep their numbers
    tokenizer = fast.from_str(json.dumps(stated))
    tokenizer.model = WordPiece(vocab=vocabulary, **options)
    return tokenizer


def _load(folder: ModelFolder) -> Any:
    path = folder.path / "tokenizer.json"
    if is_file(path):
        if importlib.util.find_spec("tokenizers") is None:
            raise MissingPart("The package tokenizers is not installed; run `pip install tokenizers`")
        try:
            from tokenizers import Tokenizer as Fast
        except (ImportError, OSError) as error:
            raise MissingPart(f"The package tokenizers does not load ({error}); install it anew") from error
        try:
            return _in_steps(Fast, path.read_bytes())
        except Exception as error:  # the package raises bare Exception for whatever is wrong with the file
            raise BadFile(f"{path} cannot be read ({error}); pull the model again") from error
    if importlib.util.find_spec("transformers") is None:
        raise MissingPart(f"{folder.path} has no tokenizer.json; pull the model again or install transformers")
    from transformers import AutoTokenizer

    slow = AutoTokenizer.from_pretrained(str(folder.path), use_fast=True, local_files_only=True)
    return slow.backend_tokenizer
