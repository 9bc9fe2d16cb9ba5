"""A library of three LoRAs, pasts laid out beside it, and what is known of their user."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lorarec import knowledge, memories
from lorarec import library as library_module
from lorarec.history_types import Event, PastGeneration
from lorarec.knowledge import Consulted, UserKnowledge
from lorarec.library import Library
from lorarec.memories import Memories
from lorarec.prompt.read import read
from lorarec.types import Lora, Query, Role, RoleGuess
from traces import remembered

MODELS = {"semantic": "m", "artistic": "m", "technical": "m"}
LORAS = tuple(
    Lora(
        id=name,
        root="/r",
        path=f"{name}.safetensors",
        size=1,
        modified=float(at),
        roles=(RoleGuess(Role.STYLE, 1.0, "x"),) if name == "b" else (),
    )
    for at, name in enumerate("abc")
)
PLACE = {lora.id: row for row, lora in enumerate(LORAS)}


def embed(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors of two numbers, from the letters."""
    rows = np.asarray([[text.count("e") + 1.0, text.count("a")] for text in texts], np.float32).reshape(-1, 2)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


LIBRARY: Library = library_module.build(
    LORAS, "key", MODELS, lambda lens, texts: (embed(texts), np.ones(len(texts), np.bool_))
)


def made(
    number: int, prompt: str | None, uses: str = "a", strength: float | None = 0.6, **fields: object
) -> PastGeneration:
    return remembered(number, prompt, dict.fromkeys(uses, strength), **fields)


def remember(past: Sequence[PastGeneration], known: Memories | None = None, meaning: bool = True) -> Memories:
    told = memories.read_prompts(past, known)
    vectors = embed(told.texts) if meaning else None
    return memories.build(past, told, LIBRARY, PLACE, vectors, version="1", known=known)


def consult(asked: UserKnowledge, prompt: str, vector: np.ndarray | None = None, **options: object) -> Consulted:
    terms = read(Query(prompt=prompt)).terms
    return knowledge.consult(asked, LIBRARY, terms, vector, **options)  # type: ignore[arg-type]


def with_wishes(
    memories: Memories | None, *events: Event, opinions: dict[str, int] | None = None, hidden: str = ""
) -> UserKnowledge:
    found = knowledge.gather(memories, LIBRARY, opinions or {}, set(hidden), events)
    assert found is not None
    return found
