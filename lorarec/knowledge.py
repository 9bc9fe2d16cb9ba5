"""What is known of the user beside one library, memories and wishes, and what that says about a query.

``gather`` puts it together, once for each state of history and library; ``consult`` asks it, once for each query.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .history_types import Event
from .index.prompts import Nearness, PromptIndex
from .learn.signals import Content, Evidence
from .learn.story import Story, story
from .learn.strengths import Used, strengths
from .learn.wishes import Wishes, standing, wishes
from .library import Library
from .memories import Memories
from .prompt.background import importance
from .prompt.read import clean, weigh

Floats = NDArray[np.float32]


class UserKnowledge(Struct, frozen=True):
    """What is known of the user beside one library: what they made, what they wished. Immutable."""

    memories: Memories | None  # None: there are none
    wishes: Wishes
    wish_prompts: PromptIndex  # prompts at which something was dismissed

    @property
    def prompt_count(self) -> int:
        """Number of prompts that a query is compared with."""
        return self.wish_prompts.count + (self.memories.prompts.count if self.memories else 0)


class Consulted(Struct, frozen=True):
    """What is known of the user, asked about one query."""

    knowledge: UserKnowledge
    evidence: Evidence | None
    wish_words: Floats  # nearness of the query to the dismissals' prompts

    def add_meaning(self, vector: Floats) -> None:
        """Add what the vector of the query says, see `consult`, before anything else is asked."""
        if self.evidence is not None and self.knowledge.memories is not None:
            meaning = self.knowledge.memories.prompts.meaning(vector)
            if meaning is not None:
                self.evidence.add_meaning(meaning)

    def columns(self, rows: NDArray[np.int64]) -> dict[str, Floats]:
        """The personal columns of candidates, each of shape (c,)."""
        found = self.evidence.columns(rows) if self.evidence else {}
        return found | self.knowledge.wishes.columns(rows, self.wish_words)

    def strengths(self, row: int, base_model: str) -> Used | None:
        """How the user applied one LoRA before; None if never."""
        if self.knowledge.memories is None or self.evidence is None:
            return None
        found = strengths(self.knowledge.memories.past, row, self.evidence.nearness, base_model, self.evidence.told)
        return found if len(found.strengths) else None

    def story(self, row: int) -> Story:
        """What the user did with one LoRA."""
        opinion = int(self.knowledge.wishes.opinion[row])
        if self.knowledge.memories is None or self.evidence is None:
            return Story(opinion=opinion)
        evidence = self.evidence
        return story(self.knowledge.memories.past, row, evidence.alike, evidence.beside(row), opinion, evidence.told)


def gather(
    memories: Memories | None,
    library: Library,
    opinions: Mapping[str, int],
    hidden: Collection[str],
    events: Sequence[Event],
) -> UserKnowledge | None:
    """Put memories and wishes together; None if there is neither.

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
    return UserKnowledge(memories, laid, PromptIndex.build(list(number), weigh))


def consult(
    knowledge: UserKnowledge,
    library: Library,
    terms: Mapping[str, float],
    vector: Floats | None,
    *,
    active: Sequence[int] = (),
    base_model: str = "",
    upto: int | None = None,
) -> Consulted:
    """Ask what is known of the user about one query.

    Args:
        knowledge: of the user.
        library: the one that it is of.
        terms: of the query, with their attention.
        vector: of the query by the semantic encoder; None: by words only.
        active: rows of the LoRAs in use.
        base_model: canonical, "" = unknown.
        upto: only the first so many occasions are known; None: all.
    """
    weights = {term: attention * importance(term) for term, attention in terms.items()}
    words = knowledge.wish_prompts.near(weights, None).words
    kept = knowledge.memories
    if kept is None:
        return Consulted(knowledge, None, words)
    near: Nearness = kept.prompts.near(weights, vector)
    vectors = library.vectors
    content = Content(
        kept.roles,
        None if vectors is None else vectors.semantic,
        None if vectors is None else vectors.means["semantic"],
    )
    evidence = Evidence(kept.past, near, content, active=active, base_model=base_model, upto=upto, known=kept.habits)
    return Consulted(knowledge, evidence, words)


def wishes_only(knowledge: UserKnowledge) -> Consulted:
    """Wishes without memories, for questions in which the past has no say."""
    return Consulted(knowledge, None, np.zeros(knowledge.wish_prompts.count, np.float32))
