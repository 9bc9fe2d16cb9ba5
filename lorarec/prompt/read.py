"""A query's texts -> what retrieval asks for: clean text, comma chunks with weights, weighted terms.

Prompts of the past are read more plainly, without attention: `clean` and `weigh`.
"""

from __future__ import annotations

from functools import cache

from msgspec import Struct

from ..types import Active, Query
from .background import importance
from .syntax import Chunk, parse
from .terms import terms

MAX_CHUNKS = 48
_ATTENTION = (0.5, 1.5)  # beyond it, attention says more about the image than about what is meant


class ReadPrompt(Struct, frozen=True):
    """A query, read."""

    text: str  # what the encoder reads
    chunks: tuple[Chunk, ...]  # at most MAX_CHUNKS
    chunk_weights: tuple[float, ...]  # attention times importance
    terms: dict[str, float]  # term -> attention
    unwanted: dict[str, float]  # terms only the negative prompt has, without what every negative prompt has
    active: tuple[Active, ...]  # LoRAs named by tags in the prompt


def read(query: Query) -> ReadPrompt:
    """Read the positive, second-encoder and negative texts of a query; equal texts count once."""
    positive = parse("\n".join(dict.fromkeys([query.prompt, *query.second])))
    wanted: dict[str, float] = {}
    weights = []
    for chunk in positive.chunks:
        attention = min(max(chunk.weight, _ATTENTION[0]), _ATTENTION[1])
        found = terms(chunk.text)
        for term in found:
            wanted[term] = max(wanted.get(term, 0.0), attention)
        telling = sum(map(importance, found)) / len(found) if found else 0.05
        weights.append(telling * attention)
    unwanted = {}
    if query.negative:
        common = _ordinary_negatives()
        for chunk in parse(query.negative).chunks:
            unwanted.update({term: 1.0 for term in terms(chunk.text) if term not in wanted and term not in common})
    return ReadPrompt(
        text=positive.text,
        chunks=positive.chunks[:MAX_CHUNKS],
        chunk_weights=tuple(weights[:MAX_CHUNKS]),
        terms=wanted,
        unwanted=unwanted,
        active=tuple(Active(name, weight) for name, weight in positive.loras),
    )


def clean(prompt: str) -> str:
    """A prompt as the encoder reads it."""
    return parse(prompt).text


def weigh(text: str) -> dict[str, float]:
    """The terms of a clean prompt, each with how much it says among ordinary prompts."""
    return {term: importance(term) for term in terms(text)}


@cache
def _ordinary_negatives() -> frozenset[str]:
    """Terms that negative prompts carry by habit; they say nothing about which LoRA is unwanted."""
    return frozenset(
        terms(
            """lowres low res bad worst quality normal jpeg artifacts signature watermark username text error logo title
            blurry blur bad anatomy hands fingers missing extra fewer digit cropped limbs arms legs feet fused mutated
            mutation deformed disfigured ugly duplicate morbid poorly drawn face body proportions malformed cloned long
            neck out of frame gross ugly tiling negative easynegative monochrome grayscale greyscale simple background
            nsfw nude"""
        )
    )
