"""How common a term is in ordinary prompts: the shipped background that tells "masterpiece" from a name.

``lorarec/data/background.json`` holds the share of prompts that contain a term, for terms in at least one of a
thousand; ``lorarec train`` writes it from the distinct showcase prompts of a benchmark folder.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import resources
from math import log

import msgspec

FILE = "background.json"
LEAST = 0.001
FLOOR = 2e-4  # the share that an unknown term is taken to have


@functools.cache
def shares() -> Mapping[str, float]:
    """Term -> share of ordinary prompts, 0..1."""
    package = (__package__ or "lorarec.prompt").rpartition(".")[0]
    raw = resources.files(package).joinpath("data").joinpath(FILE).read_bytes()
    return msgspec.json.decode(raw, type=dict[str, float])


def count(prompts: Iterable[frozenset[str]]) -> dict[str, float]:
    """Count shares over prompts given as sets of terms; equal prompts count once."""
    distinct = set(prompts)
    seen = Counter(term for prompt in distinct for term in prompt)
    kept = {term: number / len(distinct) for term, number in seen.items() if number / len(distinct) >= LEAST}
    return {term: round(share, 5) for term, share in sorted(kept.items())}


@functools.lru_cache(maxsize=65536)
def importance(term: str) -> float:
    """How much a term says, 0..1: 1 for one that ordinary prompts do not have."""
    return log(max(shares().get(term, 0.0), FLOOR)) / log(FLOOR)
