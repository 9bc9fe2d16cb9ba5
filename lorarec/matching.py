"""What of a prompt one LoRA contains: the words that reasons quote, and the trigger words worth adding."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from .index.postings import Postings
from .library import Library
from .prompt.background import importance
from .prompt.read import ReadPrompt
from .prompt.terms import ALIASES, terms

_LEAST = 0.25  # importance below which a shared word is no reason
_FEW_TRIGGERS = 4  # trigger words suggested when nothing in the prompt tells which of many are meant
_MANY_TRIGGERS = 12


class Matches:
    """What one LoRA shares with one prompt; implements `rank.explain.Matches`, each part found when it is asked for."""

    def __init__(self, asked: Asked, row: int, best_chunk: int) -> None:
        """Library row ``row``, of which the prompt's chunk number ``best_chunk`` is the nearest, -1 = unknown."""
        self._asked = asked
        self._library = asked.library
        self._row = row
        self._lora = asked.library.loras[row]
        self._read = asked.read
        self._best_chunk = best_chunk

    @property
    def triggers(self) -> Sequence[str]:
        """Trigger words that the prompt contains."""
        return _shared_phrases((word for words in self._lora.trigger_sets for word in words), self._read.terms.keys())

    @property
    def name(self) -> Sequence[str]:
        """Words of its title or file name."""
        own = terms(f"{self._lora.title} {self._lora.stem}", split_case=True)
        return _telling(term for term in own if term in self._read.terms)

    @property
    def tags(self) -> Sequence[str]:
        """Its tags that the prompt contains."""
        return _shared_phrases((*self._lora.user_tags, *self._lora.tags), self._read.terms.keys())

    @property
    def description(self) -> Sequence[str]:
        """Words of its description."""
        return self._shared(self._library.lexical.bm25["content"])

    @property
    def training(self) -> Sequence[str]:
        """Words that its training images have more often than those of others."""
        return self._shared(self._library.lexical.training)

    @property
    def examples(self) -> Sequence[str]:
        """Words of its nearest example prompt."""
        best: tuple[str, ...] = ()
        for example in self._library.lexical.texts.of_lora("examples", self._row):
            numbers = set(example.tolist())
            shared = _telling(term for term, number in self._asked.telling if number in numbers)
            best = max(best, shared, key=lambda words: sum(map(importance, words)))
        return best

    @property
    def chunk(self) -> str:
        """The comma chunk nearest to it in meaning."""
        chunks = self._read.chunks
        return chunks[self._best_chunk].text if 0 <= self._best_chunk < len(chunks) else ""

    def _shared(self, postings: Postings) -> tuple[str, ...]:
        """Prompt terms that stand in a field of the LoRA."""
        return _telling(term for term, number in self._asked.telling if postings.has(number, self._row))


class Asked:
    """One prompt, ready to be compared with many LoRAs."""

    def __init__(self, library: Library, read: ReadPrompt) -> None:
        """Look up the terms of the prompt that could be named in a reason."""
        self.library = library
        self.read = read
        vocabulary = library.lexical.vocabulary
        known = ((term, vocabulary.get(term)) for term in read.terms if importance(term) >= _LEAST or term in ALIASES)
        self.telling = [(term, number) for term, number in known if number is not None]  # with their numbers there

    def matches(self, row: int, best_chunk: int) -> Matches:
        """What library row ``row`` shares with the prompt."""
        return Matches(self, row, best_chunk)

    def triggers(self, row: int) -> tuple[str, ...]:
        """The trigger words to use with the prompt.

        The set that the prompt matches best, else the first; of a long set only the words that the prompt hints at, and
        its first word, which by custom is the one that was trained.
        """
        sets = self.library.loras[row].trigger_sets
        if not sets:
            return ()
        there = self.read.terms.keys()
        known = [{word for word in words if (own := _words(word)) and own <= there} for words in sets]
        best = max(range(len(sets)), key=lambda at: (sum(max(map(importance, _words(w))) for w in known[at]), -at))
        words = sets[best]
        if len(words) <= _FEW_TRIGGERS:
            return words
        return tuple(word for place, word in enumerate(words) if place == 0 or word in known[best])[:_MANY_TRIGGERS]


@functools.lru_cache(maxsize=16384)
def _words(phrase: str) -> frozenset[str]:
    """The terms of a trigger word or tag; the same few are looked at for every prompt."""
    return frozenset(terms(phrase))


def _telling(found: Iterable[str]) -> tuple[str, ...]:
    """Distinct terms that say something, the most telling first."""
    weights = {term: importance(term) for term in found}
    for term in tuple(weights):
        for alias in ALIASES.get(term, ()):
            weights.pop(alias, None)  # the same word in another spelling
    return tuple(sorted((t for t, w in weights.items() if w >= _LEAST), key=lambda t: (-weights[t], t)))


def _shared_phrases(phrases: Iterable[str], asked: Iterable[str]) -> tuple[str, ...]:
    """Phrases all of whose words the prompt has and that say something, as written."""
    known = set(asked)
    out: dict[str, float] = {}
    for phrase in phrases:
        words = _words(phrase)
        if words and words <= known:
            weight = max(map(importance, words))
            if weight >= _LEAST:
                out.setdefault(phrase, weight)
    return tuple(sorted(out, key=lambda phrase: -out[phrase]))
