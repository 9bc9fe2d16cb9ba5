"""What the user does with suggestions, and the answers they saw."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from .. import base_models
from ..errors import UsageError
from ..history_types import Event, EventKind, Impression, ShownLora
from ..naming import can_take_back
from .fields import Id, Name, Nothing, Number, Prompt, Share, StrengthValue

if TYPE_CHECKING:
    from .context import Context

Kind = Literal["insert", "remove", "strength", "like", "dislike", "neutral", "hide", "show", "dismiss", "undismiss"]


class Did(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing a user did with a LoRA."""

    kind: Kind
    lora: Id
    strength: StrengthValue | None = None  # after it; "strength" needs it
    before: StrengthValue | None = None  # strength before it
    impression: Number | None = None  # of which answer, as `/impressions` numbered it
    prompt: Prompt = ""  # the prompt in hand; "dismiss" needs it, "undismiss" without it means all


class Stored(Struct, frozen=True):
    """Whether something is remembered now."""

    stored: bool  # false: the history is off, or the prompt is kept out of it
    number: int | None  # what it is called from now on


class ShownOne(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One LoRA of an answer, as the answer has it."""

    id: Id
    score: Share
    propensity: Share = 1.0


class Seen(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer that the user really saw, in the order shown."""

    prompt: Prompt
    shown: Annotated[tuple[ShownOne, ...], Meta(min_length=1, max_length=200)]
    base_model: Name = ""
    active: Annotated[tuple[Id, ...], Meta(max_length=100)] = ()


class Feedback(Struct, frozen=True, kw_only=True):
    """What the user said of LoRAs, by id; also of such that are not installed now."""

    liked: tuple[str, ...]
    disliked: tuple[str, ...]
    hidden: tuple[str, ...]


def did(context: Context, event: Did) -> Stored:
    """Remember what the user did; what they like, dislike and hide is kept even with the history off.

    Raises:
        UsageError: the event lacks what its kind needs.
        UnknownLora: no installed LoRA has this id, nor is there anything to take back of one that was.
    """
    if event.kind == "dismiss" and not event.prompt.strip():
        raise UsageError("a dismissal is for one prompt: send it too; hide is for all prompts")
    if event.kind == "strength" and event.strength is None:
        raise UsageError("send the strength that was chosen")
    recommender, kind = context.recommender(), EventKind(event.kind)
    if not can_take_back(recommender, event.lora, kind):
        context.lora(event.lora)
    number = recommender.memory.record_event(
        Event(
            kind=kind,
            lora=event.lora,
            at=time.time(),
            strength=event.strength,
            before=event.before,
            impression=event.impression,
            prompt=event.prompt,
            project=recommender.settings.project,
        )
    )
    return Stored(number is not None, number)


def seen(context: Context, answer: Seen) -> Stored:
    """Remember an answer that the user saw.

    Raises:
        UnknownLora: an id belongs to no installed LoRA.
    """
    recommender = context.recommender()
    impression = Impression(
        at=time.time(),
        prompt=answer.prompt,
        shown=tuple(ShownLora(context.lora(one.id).id, one.score, one.propensity) for one in answer.shown),
        base_model=base_models.named(answer.base_model),
        active=tuple(context.lora(id_).id for id_ in answer.active),
        project=recommender.settings.project,
    )
    number = recommender.memory.history.add_impression(impression)
    return Stored(number is not None, number)


def feedback(context: Context, _: Nothing) -> Feedback:
    """What the user said of LoRAs."""
    wishes = context.wishes(context.recommender())
    return Feedback(
        liked=tuple(sorted(id_ for id_, opinion in wishes.opinions.items() if opinion > 0)),
        disliked=tuple(sorted(id_ for id_, opinion in wishes.opinions.items() if opinion < 0)),
        hidden=tuple(sorted(wishes.hidden)),
    )
