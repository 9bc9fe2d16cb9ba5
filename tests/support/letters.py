"""An encoder that a person can compute, and what lends it in the place of the real ones."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from lorarec.types import Suggestions


class LetterEncoder:
    """Encodes a text as the counts of its letters: "owl" is near "owls"."""

    model_id = "letters-1"
    dim = 26
    window = 100

    def __init__(self) -> None:
        self.texts: list[str] = []  # encoded in bulk so far
        self.asked: list[str] = []  # prompts encoded so far
        self.wait_bulk = threading.Event()  # while it is not set, encoding in bulk waits
        self.wait_bulk.set()
        self.wait_live = threading.Event()  # while it is not set, encoding a prompt waits
        self.wait_live.set()

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        self.wait_bulk.wait(20)
        self.texts += texts
        return self._vectors(texts)

    def encode_spans(self, text: str, spans: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        self.asked.append(text)
        assert self.wait_live.wait(20)
        vectors = self._vectors([text, *(text[start:end] for start, end in spans)])
        return vectors[0], vectors[1:]

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        counted = [Counter(re.findall("[a-z]", text.lower())) for text in texts]
        rows = [[counts[chr(ord("a") + at)] for at in range(self.dim)] for counts in counted]
        vectors = np.asarray(rows, np.float32).reshape(-1, self.dim)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


class Lenses:
    """Stands in for `Lender`: one encoder for every lens."""

    changes = 0
    stepped_down = ""

    def __init__(self, encoder: LetterEncoder) -> None:
        self.encoder = encoder
        self.failure: Exception | None = None  # raised to whoever borrows
        self.may_step_down = self.may_step_up = False
        self.problems: list[str] = []
        self.available = True

    def model_ids(self) -> dict[str, str]:
        return dict.fromkeys(("semantic", "artistic", "technical"), self.encoder.model_id) if self.available else {}

    @contextmanager
    def lend(self, name: str) -> Iterator[LetterEncoder]:
        if self.failure:
            raise self.failure
        yield self.encoder

    def lend_bulk(self, name: str, texts: int) -> Any:
        return self.lend(name)

    def waiting(self, busy: Callable[[], bool]) -> Callable[[], bool]:
        return busy

    def settle(self, complete: object) -> None:
        pass

    def adopt(self, models: dict[str, str]) -> bool:
        return models == self.model_ids()

    def prepare(self) -> None:
        pass

    def give_up(self, reason: str) -> None:
        self.problems.append(reason)
        self.available = False

    def close(self) -> None:
        pass


def paths(answer: Suggestions) -> list[str]:
    """The suggested LoRAs."""
    return [suggestion.lora for suggestion in answer.suggestions]
