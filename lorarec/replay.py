"""The user's past, asked again moment by moment: what would have been known then, and what did they choose?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from msgspec import Struct

from .history_types import Event, EventKind, Impression, PastGeneration
from .index.retrieve import QueryVectors
from .knowledge import consult, gather
from .library import Library
from .memories import Memories
from .pipeline import Ask, Pipeline
from .prompt.read import ReadPrompt, clean, read
from .rank.personal import inputs
from .rank.train_personal import Choice, shorten
from .types import Query, Safety

MOST = 400  # moments, the latest; each costs as much as a suggestion

Encode = Callable[[ReadPrompt], "QueryVectors | None"]


class Moment(Struct, frozen=True):
    """A prompt, and what the user chose for it."""

    at: float  # seconds since the epoch
    prompt: str  # clean, without LoRA tags
    chosen: frozenset[str]  # catalogue ids
    offered: frozenset[str] = frozenset()  # the choice was among these, as shown; empty = among all
    base_model: str = ""


def moments(
    past: Iterable[PastGeneration], events: Iterable[Event], impressions: Mapping[int, Impression]
) -> list[Moment]:
    """The latest moments of a history, oldest first.

    A generation counts once however many images came of it. Of an answer that was shown, what was inserted was chosen.
    """
    found: dict[tuple[str, frozenset[str], frozenset[str]], Moment] = {}
    for one in past:
        chosen = frozenset(use.lora for use in one.loras if use.lora)
        text = clean(one.prompt) if one.prompt else ""
        if text and chosen:
            moment = Moment(one.made, text, chosen, base_model=one.base_model)
            found.setdefault((text, chosen, moment.offered), moment)
    inserted: dict[int, set[str]] = {}
    for event in events:
        if event.kind is EventKind.INSERT and event.impression in impressions:
            inserted.setdefault(event.impression or 0, set()).add(event.lora)
    for number, loras in inserted.items():
        shown = impressions[number]
        text = clean(shown.prompt)
        if text:
            offered = frozenset(one.lora for one in shown.shown)
            moment = Moment(shown.at, text, frozenset(loras), offered, shown.base_model)
            found.setdefault((text, moment.chosen, offered), moment)
    return sorted(found.values(), key=lambda moment: moment.at)[-MOST:]


def replay(
    asked: Sequence[Moment],
    remembered: Memories,
    library: Library,
    pipeline: Pipeline,
    encode: Encode,
    stop: Callable[[], bool] = lambda: False,
) -> list[tuple[Moment, Choice]]:
    """Ask every moment again with what was known before it.

    Args:
        asked: oldest first; those whose LoRAs are no candidates (any more) are left out.
        remembered: the whole past beside the library.
        library: what is installed.
        pipeline: the road over it.
        encode: of a prompt.
        stop: asked before each moment; True ends it.
    """
    knowledge = gather(remembered, library, {}, (), ())
    place = library.loras.place
    out: list[tuple[Moment, Choice]] = []
    for moment in asked:
        if stop():
            break
        query = Query(
            prompt=moment.prompt, safety=Safety.EXPLICIT, collapse=False, base_model=moment.base_model or None
        )
        prompt = read(query)
        vectors = encode(prompt)
        consulted = None
        if knowledge is not None:
            consulted = consult(
                knowledge,
                library,
                prompt.terms,
                None if vectors is None else vectors.semantic,
                base_model=moment.base_model,
                upto=int(np.searchsorted(remembered.past.made, moment.at)),
            )
        ask = Ask(query, prompt, vectors, (), np.zeros(0, np.int64), consulted=consulted)
        found, table = pipeline.table(ask)
        right = np.isin(found.rows, [place[id_] for id_ in moment.chosen if id_ in place])
        logits = pipeline.cold(table)
        values = inputs(table, logits)
        if moment.offered:
            keep = np.flatnonzero(right | np.isin(found.rows, [place[id_] for id_ in moment.offered if id_ in place]))
        else:
            keep = shorten(logits, values, right)
        if right.any() and not right[keep].all():
            fold = np.zeros(len(keep), np.int8)
            out.append((moment, Choice(logits[keep], values[keep], right[keep], fold, 1.0)))
    return out
