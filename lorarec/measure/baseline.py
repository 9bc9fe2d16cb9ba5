"""BM25 over everything a LoRA's page says, as a plain opponent in the same run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

import numpy as np

from .bench_data import Bench

_WORD = re.compile(r"\w+")


class Bm25:
    """One BM25 index (``bm25s``, Lucene's variant, k1 1.5, b 0.75) of concatenated fields."""

    def __init__(self, bench: Bench, ids: Iterable[str], examples: int = 8) -> None:
        """Index name, file name, trigger words, tags, description and example prompts of these LoRAs."""
        import bm25s

        chosen = set(ids)
        self._ids = [name for name in bench.corpus if name in chosen]
        self._index = bm25s.BM25()
        self._index.index([_words(_text(bench, name, examples)) for name in self._ids], show_progress=False)

    def rank(self, prompt: str) -> list[tuple[str, float]]:
        """LoRAs that share a word with the prompt, best first; ties in the order of the corpus."""
        known = [word for word in _words(prompt) if word in self._index.vocab_dict]
        if not known:
            return []
        scores = np.asarray(self._index.get_scores(known))
        order = np.argsort(-scores, kind="stable")
        return [(self._ids[i], float(scores[i])) for i in order if scores[i] > 0]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _text(bench: Bench, name: str, examples: int) -> str:
    lora = bench.corpus[name]
    files = lora.files[:1]
    parts = [lora.name, lora.description, *lora.tags, *lora.trained_words]
    for file in files:
        parts += [PurePath(file.file).stem, *file.trained_words]
    parts += [row.prompt for row in bench.showcase.get(name, [])[:examples]]
    return " ".join(parts)
