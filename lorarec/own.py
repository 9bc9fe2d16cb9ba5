"""The user's history beside one library, ready for queries: built in the background, saved and mapped back.

Derived data: it can be thrown away, and is built anew whenever the history, the library or the encoder changed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from . import mapped
from .index.own_prompts import Nearness, OwnPrompts
from .learn.habits import Habits, habits
from .learn.past import Past, lay_out
from .learn.signals import Content, Evidence
from .learn.story import Story, story
from .learn.strengths import Used, strengths
from .learn.wishes import Wishes, standing, wishes
from .library import Library
from .prompt.background import importance
from .prompt.syntax import parse
from .prompt.terms import terms as terms_of
from .types import Event, PastGeneration

FORMAT = 4  # of the saved form
_KIND = "own"

Floats = NDArray[np.float32]


class Memories(Struct, frozen=True, kw_only=True):
    """What suggestions take from the user's history."""

    format: int
    version: str  # of the history it was built from
    library: str  # key of the library
    encoder: str  # identity of the semantic encoder, "" without vectors
    project: str
    prompts: OwnPrompts
    texts: tuple[str, ...]  # the prompts, clean, in the order of the index
    numbers: dict[str, int]  # digest of a prompt as written -> its number in ``texts``, -1 = it is empty
    past: Past
    habits: Habits
    roles: NDArray[np.int64]  # number of each LoRA's role, shape (n,)


class Own(Struct, frozen=True):
    """Memories and wishes; one of them may be empty."""

    memories: Memories | None
    wishes: Wishes
    wish_prompts: OwnPrompts  # prompts at which something was dismissed

    @property
    def prompts(self) -> int:
        """Number of prompts that a query is compared with."""
        return self.wish_prompts.count + (self.memories.prompts.count if self.memories else 0)


class Consulted(Struct, frozen=True):
    """Memories and wishes, asked about one query."""

    own: Own
    evidence: Evidence | None
    wish_words: Floats  # nearness of the query to the dismissals' prompts

    def add_meaning(self, vector: Floats) -> None:
        """Add what the vector of the query says, see `consult`, before anything else is asked."""
        if self.evidence is not None and self.own.memories is not None:
            meaning = self.own.memories.prompts.meaning(vector)
            if meaning is not None:
                self.evidence.add_meaning(meaning)

    def columns(self, rows: NDArray[np.int64]) -> dict[str, Floats]:
        """The personal columns of candidates, each of shape (c,)."""
        found = self.evidence.columns(rows) if self.evidence else {}
        return found | self.own.wishes.columns(rows, self.wish_words)

    def strengths(self, row: int, base_model: str) -> Used | None:
        """How the user applied one LoRA before; None if never."""
        if self.own.memories is None or self.evidence is None:
            return None
        found = strengths(self.own.memories.past, row, self.evidence.nearness, base_model, self.evidence.told)
        return found if len(found.strengths) else None

    def story(self, row: int) -> Story:
        """What the user did with one LoRA."""
        opinion = int(self.own.wishes.opinion[row])
        if self.own.memories is None or self.evidence is None:
            return Story(opinion=opinion)
        evidence = self.evidence
        return story(self.own.memories.past, row, evidence.alike, evidence.beside(row), opinion, evidence.told)


def clean(prompt: str) -> str:
    """A prompt as the encoder reads it."""
    return parse(prompt).text


def weigh(text: str) -> dict[str, float]:
    """The terms of a clean prompt, each with how much it says among ordinary prompts."""
    return {term: importance(term) for term in terms_of(text)}


def digest(prompt: str) -> str:
    """Identity of a prompt as written."""
    return blake2b(prompt.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class Read(Struct, frozen=True):
    """The prompts of a history, read."""

    texts: tuple[str, ...]  # clean and distinct
    numbers: dict[str, int]  # digest of each as written -> its number in ``texts``, -1 = it is empty
    written: dict[str, int]  # the same by the prompt as written


def read_prompts(past: Sequence[PastGeneration], known: Memories | None) -> Read:
    """Read the prompts of a history; those of earlier memories keep their numbers unless one of them was deleted."""
    digests = {prompt: digest(prompt) for prompt in dict.fromkeys(one.prompt for one in past) if prompt is not None}
    numbers: dict[str, int] = {}
    texts: tuple[str, ...] = ()
    if known is not None and known.numbers.keys() <= set(digests.values()):
        numbers, texts = dict(known.numbers), known.texts
    place = {text: at for at, text in enumerate(texts)}
    for prompt, key in digests.items():
        if key not in numbers:
            text = clean(prompt)
            numbers[key] = place.setdefault(text, len(place)) if text else -1
    return Read(tuple(place), numbers, {prompt: numbers[key] for prompt, key in digests.items()})


def build(
    past: Sequence[PastGeneration],
    told: Read,
    library: Library,
    place: Mapping[str, int],
    vectors: Floats | None,
    *,
    version: str,
    project: str = "",
    counted: Mapping[str, float] | None = None,
    known: Memories | None = None,
) -> Memories:
    """Lay a history out beside a library.

    Args:
        past: generations, oldest first.
        told: their prompts, see `read_prompts`.
        library: what is installed.
        place: catalogue id -> library row.
        vectors: of ``told.texts``, shape (p, d), zeros where there is none; None: by words only.
        version: of the history.
        project: the project in hand.
        counted: catalogue id -> uses that other tools counted.
        known: earlier memories, which need not be read again where ``told`` goes on from them.
    """
    ordinary = library.vectors.means.get("example_mean") if library.vectors is not None else None
    goes_on = known is not None and told.texts[: len(known.texts)] == known.texts
    earlier = known.prompts if known is not None and goes_on else None
    laid = lay_out(past, place, told.written, count=len(library.loras), project=project, counted=counted)
    return Memories(
        format=FORMAT,
        version=version,
        library=library.key,
        encoder=library.models.get("semantic", "") if vectors is not None else "",
        project=project,
        prompts=OwnPrompts.build(told.texts, weigh, vectors, ordinary, earlier),
        texts=told.texts,
        numbers=told.numbers,
        past=laid,
        habits=habits(laid),
        roles=library.loras.roles.astype(np.int64),
    )


def own(
    memories: Memories | None,
    library: Library,
    opinions: Mapping[str, int],
    hidden: Collection[str],
    events: Sequence[Event],
) -> Own | None:
    """Memories and wishes together; None if there is neither.

    Args:
        memories: beside the library; None: there are none.
        library: what is installed.
        opinions: catalogue id -> 1 liked, -1 disliked.
        hidden: catalogue ids.
        events: what was dismissed, put in and taken out, and what took that back, in the order it was recorded.
    """
    said = standing(events)
    if memories is None and not opinions and not hidden and not said:
        return None
    texts = {event.prompt: clean(event.prompt) for event in said if event.prompt}
    number = {text: at for at, text in enumerate(dict.fromkeys(texts.values()))}
    laid = wishes(
        opinions,
        hidden,
        said,
        library.loras.place,
        {prompt: number[text] for prompt, text in texts.items()},
        len(library.loras),
        now=time.time(),
        last=None if memories is None else memories.habits.last,
    )
    return Own(memories, laid, OwnPrompts.build(list(number), weigh))


def consult(
    asked: Own,
    library: Library,
    terms: Mapping[str, float],
    vector: Floats | None,
    *,
    active: Sequence[int] = (),
    base_model: str = "",
    upto: int | None = None,
) -> Consulted:
    """Ask the history about one query.

    Args:
        asked: the history.
        library: the one it is laid out beside.
        terms: of the query, with their attention.
        vector: of the query by the semantic encoder; None: by words only.
        active: rows of the LoRAs in use.
        base_model: canonical, "" = unknown.
        upto: only the first so many occasions are known; None: all.
    """
    weights = {term: attention * importance(term) for term, attention in terms.items()}
    words = asked.wish_prompts.near(weights, None).words
    kept = asked.memories
    if kept is None:
        return Consulted(asked, None, words)
    near: Nearness = kept.prompts.near(weights, vector)
    vectors = library.vectors
    content = Content(
        kept.roles,
        None if vectors is None else vectors.semantic,
        None if vectors is None else vectors.means["semantic"],
    )
    evidence = Evidence(kept.past, near, content, active=active, base_model=base_model, upto=upto, known=kept.habits)
    return Consulted(asked, evidence, words)


def wishes_only(asked: Own) -> Consulted:
    """Wishes without memories, for questions in which the past has no say."""
    return Consulted(asked, None, np.zeros(asked.wish_prompts.count, np.float32))


def save(memories: Memories, folder: Path) -> None:
    """Save memories below a folder, atomically. Raises OSError."""
    mapped.save(memories, folder, _KIND)


def load(folder: Path) -> Memories | None:
    """Map saved memories back; None if there are none or they cannot be read."""
    found = mapped.load(folder, _KIND, Memories)
    return found if found is not None and found.format == FORMAT else None


def forget(folder: Path) -> None:
    """Delete saved memories."""
    mapped.forget(folder, _KIND)


def sweep(folder: Path) -> None:
    """Delete forgotten memories that could not be deleted while they were mapped."""
    mapped.sweep(folder, _KIND)
