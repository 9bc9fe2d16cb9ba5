"""A memory of one user beside a library of four LoRAs, with an encoder of letters; all made up, nothing on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from lorarec import library as library_module
from lorarec.history_types import Linked
from lorarec.library import Library
from lorarec.remembering import Memory
from lorarec.types import Lora
from traces import generation


class Encoders:
    """One encoder in the place of a model on disk; what it does while it encodes is up to the test."""

    def __init__(self) -> None:
        self.model_id, self.dim, self.window = "letters", 2, 512
        self.encoded: list[str] = []
        self.during: Callable[[], object] = lambda: None
        self.reasons: list[str] = []

    def model_ids(self) -> dict[str, str]:
        return {} if self.reasons else {"semantic": self.model_id}

    @contextmanager
    def lend_bulk(self, name: str, texts: int) -> Iterator[Encoders]:
        assert name == self.model_id and texts > 0
        yield self

    def waiting(self, busy: Callable[[], bool]) -> Callable[[], bool]:
        return busy

    def give_up(self, reason: str) -> None:
        self.reasons.append(reason)

    def encode(self, texts: Sequence[str], progress: object = None) -> np.ndarray:
        self.during()
        self.encoded += texts
        rows = np.asarray([[text.count("e") + 1.0, text.count("a")] for text in texts], np.float32).reshape(-1, 2)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


LORAS = tuple(
    Lora(id=name, root="/r", path=f"{name}.safetensors", size=1, modified=1.0)
    for name in ("alpha", "bravo", "charlie", "delta")
)


def build_library(encoders: Encoders, key: str = "key", loras: Sequence[Lora] = LORAS) -> Library:
    models = {"semantic": "letters", "artistic": "letters", "technical": "letters"}
    plain = Encoders()
    return library_module.build(
        loras, key, models, lambda lens, texts: (plain.encode(texts), np.ones(len(texts), bool))
    )


def record(memory: Memory, *prompts: str, first: int = 0) -> None:
    """Generations whose LoRA is linked by the test: there is no catalogue."""
    found = [(generation(prompt, seed=seed), None) for seed, prompt in enumerate(prompts, first)]
    memory.history.add_generations(found, lambda use: Linked(use.name, "name"))


def meaning_of(memory: Memory) -> list[bool]:
    """Which of the prompts have a vector."""
    assert memory.memories is not None
    vectors = memory.memories.prompts.vectors
    return vectors.any(axis=1).tolist() if vectors.shape[1] else []


def run_aside(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
