"""Near-duplicate clusters of LoRAs, and folds that never split one.

A model of relevance is judged only on LoRAs whose whole cluster it never saw in training.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b

from .bench_data import Bench, CorpusLora

FOLDS = 5
TRIGGERS_FROM = 13  # characters of all trigger words together; shorter sets ("girl", "1girl, solo") say too little
DESCRIPTION = 150  # leading characters that templated or copied descriptions share

_BRACKETS = re.compile(r"[\[({（【「][^\])}）】」]*[\])}）】」]")
_VERSION = re.compile(
    r"\b(?:v|ver|version|epoch|e)\.?\s?\d+(?:\.\d+)*\w?\b|\b\d+\.\d+\b"
    r"|\b(?:lora|locon|lycoris|loha|dora|sdxl|sd\s?1\.?5|sd\s?2\.?1|update[sd]?|beta|alpha|final|new|fixed?)\b",
    re.IGNORECASE,
)


def plain_title(name: str) -> str:
    """A title as versions of one model share it: lower case, without brackets, version words and punctuation."""
    bare = _VERSION.sub(" ", _BRACKETS.sub(" ", name))
    words = re.findall(r"\w+", bare.lower().replace("_", " "))
    return " ".join(words)


def _keys(lora: CorpusLora) -> Iterator[tuple[str, str]]:
    """What it shares with its near-duplicates."""
    title = plain_title(lora.name)
    if len(title) > 2:
        yield "title", title
    triggers = sorted({" ".join(word.lower().split()) for word in lora.trained_words} - {""})
    if len("".join(triggers)) >= TRIGGERS_FROM:
        yield "triggers", "|".join(triggers)
    if len(lora.description) > DESCRIPTION:
        yield "description", lora.description[:DESCRIPTION]


def clusters(loras: Iterable[CorpusLora]) -> dict[str, str]:
    """LoRA id -> the smallest id of its cluster. Sharing any one key joins two LoRAs (union-find)."""
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    first: dict[tuple[str, str], str] = {}
    for lora in loras:
        parent.setdefault(lora.id, lora.id)
        for key in _keys(lora):
            low, high = sorted((find(lora.id), find(first.setdefault(key, lora.id))))
            parent[high] = low  # the root is always the smallest id, so folds do not depend on the order of the rows
    return {name: find(name) for name in parent}


def fold_of(bench: Bench) -> dict[str, int]:
    """Bench LoRA id -> its fold, 0 to 4: deterministic, the same for a whole cluster."""
    return {
        name: int.from_bytes(blake2b(root.encode(), digest_size=8).digest(), "big") % FOLDS
        for name, root in clusters(bench.corpus.values()).items()
    }
