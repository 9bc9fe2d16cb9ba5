"""What a user said outright: likes, dislikes, hides, "not for this prompt". Counts even where no history is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..types import Event, EventKind
from .past import by_place

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

ELSEWHERE = 0.1  # of a dismissal at another prompt
SAME = 0.6  # nearness by words from which a prompt counts as the one at which a LoRA was dismissed
REMOVED = 0.3  # of a dismissal: taken out again says less than "not for this prompt"


class Wishes(Struct, frozen=True):
    """Wishes beside a library of n LoRAs."""

    opinion: Floats  # 1 liked, -1 disliked, 0 neither, shape (n,)
    hidden: NDArray[np.bool_]  # never to be shown, shape (n,)
    rows: Ints  # library row of each dismissal, shape (k,)
    prompts: Ints  # number of its prompt, -1 = none was given
    weights: Floats

    def columns(self, rows: Ints, words: Floats) -> dict[str, Floats]:
        """The columns of candidates, each of shape (c,). ``words``: nearness of the dismissals' prompts, shape (p,)."""
        dismissed = np.zeros(len(rows), np.float32)
        if len(self.rows):
            near = np.where(self.prompts >= 0, words[self.prompts], 0) if len(words) else np.zeros(len(self.rows))
            amount = self.weights * (ELSEWHERE + (1 - ELSEWHERE) * np.clip(near / SAME, 0, 1))
            dismissed = np.bincount(self.rows, amount, len(self.opinion))[rows].astype(np.float32)
        return {"own_opinion": self.opinion[rows], "own_dismissed": dismissed}


def wishes(
    opinions: Mapping[str, int],
    hidden: Iterable[str],
    events: Iterable[Event],
    place: Mapping[str, int],
    prompts: Mapping[str, int],
    count: int,
) -> Wishes:
    """Lay wishes out.

    Args:
        opinions: catalogue id -> 1 liked, -1 disliked.
        hidden: catalogue ids.
        events: oldest first, of which dismissals, what took them back, and removals are taken.
        place: catalogue id -> library row.
        prompts: prompt of a dismissal -> its number.
        count: LoRAs in the library.
    """
    taken = [event for event in _standing(events) if event.lora in place]
    return Wishes(
        opinion=by_place(opinions, place, count),
        hidden=by_place(dict.fromkeys(hidden, 1.0), place, count) > 0,
        rows=np.asarray([place[e.lora] for e in taken], np.int64),
        prompts=np.asarray([prompts.get(e.prompt, -1) for e in taken], np.int64),
        weights=np.asarray([1.0 if e.kind is EventKind.DISMISS else REMOVED for e in taken], np.float32),
    )


def _standing(events: Iterable[Event]) -> list[Event]:
    """Dismissals that were not taken back later, and removals."""
    found: list[Event] = []
    for event in events:
        if event.kind is EventKind.UNDISMISS:
            found = [
                one
                for one in found
                if one.kind is not EventKind.DISMISS or one.lora != event.lora or event.prompt not in ("", one.prompt)
            ]
        elif event.kind in (EventKind.DISMISS, EventKind.REMOVE):
            found.append(event)
    return found
