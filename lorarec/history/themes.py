"""What generations are about: words of prompts and tags of LoRAs, sorted into styles, subjects and tones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from msgspec import Struct

from ..types import Lora, Role
from .activity import Activity, Incidence
from .lexicon import HABITS, SHADED, STYLE_PAIRS, STYLES, TONES

COMMON = 0.08  # what so many ordinary prompts say is habit and tells nobody apart
_TELLING = frozenset({Role.CHARACTER, Role.STYLE, Role.CONCEPT, Role.CLOTHING, Role.POSE, Role.UNKNOWN})
_TAGS_SHOW_STYLE = 0.6  # share of a tag's LoRAs that are styles, from which the tag is one
_OF_TONES = frozenset[str]().union(*TONES.values())
_LEAST_TAGGED = 3  # LoRAs with a tag before it can be one
_INSEPARABLE = 0.9  # share of the prompts with one word that have the other right beside it
_WORDS_OF_A_NAME = 4  # at most; a boilerplate that never changes is no name
_LONGEST = 40  # characters of a tag; longer ones are sentences

Words = Callable[[str], Sequence[str]]


class Themes(Struct, frozen=True):
    """Items of generations, see `Incidence`, and how often each is to be expected."""

    styles: Incidence
    subjects: Incidence
    tones: Incidence
    ordinary: dict[str, float]  # item -> share of generations to expect, 0..1; missing = not known
    of_lora: dict[str, frozenset[str]]  # catalogue id -> styles and subjects that its tags and trigger words name


def themes_of(activity: Activity, loras: Sequence[Lora], words: Words, shares: Mapping[str, float]) -> Themes:
    """Sort what generations say.

    Args:
        activity: the generations.
        loras: the installed LoRAs.
        words: the content terms of a text, in order.
        shares: term -> share of ordinary prompts that have it; may be empty.
    """
    words = cache(words)  # tags and prompts come again and again
    tags = {lora.id: frozenset(_labels(lora, words)) for lora in loras}
    tag_counts = Counter(tag for found in tags.values() for tag in found)
    on_styles = Counter(tag for lora in loras if lora.role is Role.STYLE for tag in tags[lora.id])
    tagged = {tag for tag, n in tag_counts.items() if n >= _LEAST_TAGGED and on_styles[tag] >= _TAGS_SHOW_STYLE * n}
    styles = STYLES | STYLE_PAIRS | (tagged - _OF_TONES)
    terms_of = {prompt: words(prompt) for prompt in dict.fromkeys(one.prompt or "" for one in activity.generations)}
    glued = _names(terms_of.values())
    said = {prompt: list(_said(terms, glued)) for prompt, terms in terms_of.items()}
    heard = {prompt: list(_tones(terms)) for prompt, terms in terms_of.items()}
    topics = Incidence.of(
        (*said[one.prompt or ""], *(tag for use in one.loras for tag in sorted(tags.get(use.lora, ()))))
        for one in activity.generations
    )
    is_style = np.asarray([name in styles for name in topics.names], np.bool_)
    telling = [shares.get(name, 0.0) < COMMON and name not in _OF_TONES for name in topics.names]
    least = min(shares.values(), default=0.0)  # a table of shares ends somewhere; what it lacks is at most as ordinary

    def expected(name: str) -> float:
        # The larger one of prompts and installed LoRAs, so that a lift over it is real.
        prompts = min((shares.get(part, least) for part in name.split()), default=0.0)
        return max(prompts, tag_counts[name] / max(len(loras), 1))

    ordinary = {name: expected(name) for name in topics.names}
    for tone, names in TONES.items():
        ordinary[tone] = 1 - float(np.prod([1 - shares.get(name, 0.0) for name in names]))
    spoken = {lora.id: tags[lora.id] | frozenset(_trigger_words(lora, words)) for lora in loras}
    return Themes(
        styles=topics.only(is_style),
        subjects=topics.only(~is_style & np.asarray(telling, np.bool_)),
        tones=Incidence.of(heard[one.prompt or ""] for one in activity.generations),
        ordinary={name: share for name, share in ordinary.items() if share > 0},
        of_lora=spoken,
    )


def _names(prompts: Iterable[Sequence[str]]) -> frozenset[tuple[str, str]]:
    """Neighbouring words that hardly ever occur without each other: names, terms of art."""
    single: Counter[str] = Counter()
    double: Counter[tuple[str, str]] = Counter()
    for terms in prompts:
        single.update(set(terms))
        double.update(set(pairwise(terms)))
    return frozenset(
        pair
        for pair, n in double.items()
        if n > 1 and n >= _INSEPARABLE * max(single[pair[0]], single[pair[1]]) and all(map(_may_be_named, pair))
    )


def _may_be_named(term: str) -> bool:
    return _tells(term) and term not in STYLES and term not in _OF_TONES


def _said(terms: Sequence[str], glued: Collection[tuple[str, str]]) -> Iterator[str]:
    """Styles of two words, names as a whole, and the single words that may tell something."""
    pairs = [pair for pair in pairwise(terms) if " ".join(pair) in STYLE_PAIRS]
    yield from map(" ".join, pairs)
    spent = {term for pair in pairs for term in pair} - STYLES
    run: list[str] = []
    for term in terms:
        if run and (len(run) == _WORDS_OF_A_NAME or (run[-1], term) not in glued):
            yield " ".join(run)
            run = []
        if run or (_tells(term) and term not in spent):
            run.append(term)
    if run:
        yield " ".join(run)


def _tells(term: str) -> bool:
    return len(term) > 1 and not term.isdigit() and term not in HABITS


def _tones(terms: Sequence[str]) -> Iterator[str]:
    for place, term in enumerate(terms):
        if term in _OF_TONES and not (place + 1 < len(terms) and terms[place + 1] in SHADED):
            yield from (tone for tone, names in TONES.items() if term in names)


def _labels(lora: Lora, words: Words) -> Iterator[str]:
    """The tags of a LoRA that say what it shows, as prompts would say them."""
    if lora.role not in _TELLING:
        return
    for tag in (*lora.user_tags, *lora.tags):
        terms = list(words(tag)) if len(tag) <= _LONGEST else []
        if any(map(_tells, terms)):
            yield " ".join(terms)


def _trigger_words(lora: Lora, words: Words) -> Iterator[str]:
    return (term for texts in lora.trigger_sets for text in texts for term in words(text) if _tells(term))
