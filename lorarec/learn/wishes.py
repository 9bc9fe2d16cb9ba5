"""What a user said outright: likes, dislikes, hides, "not for this prompt". Counts even where no history is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..history_types import Event, EventKind
from .past import HALF_LIFE, by_place

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

ELSEWHERE = 0.1  # of a dismissal at another prompt
SAME = 0.6  # nearness by words from which a prompt counts as the one at which a LoRA was dismissed
REMOVED = 0.3  # of a dismissal: taken out again says less than "not for this prompt"
UNDONE = 60.0  # seconds within which taking a LoRA out again undoes putting it in, and says nothing


class Wishes(Struct, frozen=True):
    """Wishes beside a library of n LoRAs."""

    opinion: Floats  # 1 liked, -1 disliked, 0 neither, shape (n,)
    hidden: NDArray[np.bool_]  # never to be shown, shape (n,)
    rows: Ints  # library row of each dismissal, and of each removal, shape (k,)
    prompts: Ints  # number of its prompt, -1 = none was given
    weights: Floats  # at its prompt
    elsewhere: Floats  # at prompts that have nothing to do with it

    def columns(self, rows: Ints, words: Floats) -> dict[str, Floats]:
        """The columns of candidates, each of shape (c,). ``words``: nearness of the dismissals' prompts, shape (p,)."""
        dismissed = np.zeros(len(rows), np.float32)
        if len(self.rows):
            near = np.where(self.prompts >= 0, words[self.prompts], 0) if len(words) else np.zeros(len(self.rows))
            amount = self.elsewhere + (self.weights - self.elsewhere) * np.clip(near / SAME, 0, 1)
            dismissed = np.bincount(self.rows, amount, len(self.opinion))[rows].astype(np.float32)
        return {"own_opinion": self.opinion[rows], "own_dismissed": dismissed}


def wishes(
    opinions: Mapping[str, int],
    hidden: Iterable[str],
    events: Iterable[Event],
    place: Mapping[str, int],
    prompts: Mapping[str, int],
    count: int,
    *,
    now: float,
    last: Doubles | None = None,
) -> Wishes:
    """Lay wishes out.

    Args:
        opinions: catalogue id -> 1 liked, -1 disliked.
        hidden: catalogue ids.
        events: dismissals and removals, see `standing`.
        place: catalogue id -> library row.
        prompts: prompt of an event -> its number.
        count: LoRAs in the library.
        now: seconds since the epoch; a removal counts less with time, as a generation does.
        last: when each LoRA was last used, shape (n,), -inf = never: what was used since is not taken out. None: never.
    """
    dismissed = [event for event in events if event.lora in place and event.kind is EventKind.DISMISS]
    removed = {  # at most one for each prompt: the last
        (event.lora, prompts[event.prompt]): event
        for event in events
        if event.lora in place and event.kind is EventKind.REMOVE and event.prompt in prompts
        if last is None or last[place[event.lora]] <= event.at
    }
    taken = [*dismissed, *removed.values()]
    faded = [REMOVED * 0.5 ** (max(0.0, now - event.at) / HALF_LIFE) for event in removed.values()]
    return Wishes(
        opinion=by_place(opinions, place, count),
        hidden=by_place(dict.fromkeys(hidden, 1.0), place, count) > 0,
        rows=np.asarray([place[event.lora] for event in taken], np.int64),
        prompts=np.asarray([prompts.get(event.prompt, -1) for event in taken], np.int64),
        weights=np.asarray([1.0] * len(dismissed) + faded, np.float32),
        elsewhere=np.asarray([ELSEWHERE] * len(dismissed) + [0.0] * len(removed), np.float32),
    )


def standing(events: Iterable[Event]) -> list[Event]:
    """Dismissals that were not taken back later, and removals of LoRAs that were not put in again later.

    Args:
        events: in the order they were recorded.
    """
    found: list[Event] = []
    for event in without_undone(events):
        if event.kind is EventKind.UNDISMISS:
            found = [
                one
                for one in found
                if one.kind is not EventKind.DISMISS or one.lora != event.lora or event.prompt not in ("", one.prompt)
            ]
        elif event.kind is EventKind.INSERT:
            found = [one for one in found if one.kind is not EventKind.REMOVE or one.lora != event.lora]
        elif event.kind in (EventKind.DISMISS, EventKind.REMOVE):
            found.append(event)
    return found


def without_undone(events: Iterable[Event]) -> list[Event]:
    """The same without LoRAs that were put in and at once taken out again."""
    found: dict[int, Event] = {}
    inserted: dict[str, tuple[int, float]] = {}  # LoRA -> number and time of its INSERT, if nothing came after it
    for number, event in enumerate(events):
        earlier = inserted.pop(event.lora, None)
        if event.kind is EventKind.REMOVE and earlier is not None and event.at - earlier[1] <= UNDONE:
            del found[earlier[0]]
            continue
        found[number] = event
        if event.kind is EventKind.INSERT:
            inserted[event.lora] = number, event.at
    return list(found.values())
