"""LoRAs as their user names them, beyond those that are installed now: what the history knows counts too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import NotIndexed, UnknownLora
from .history_types import EventKind

if TYPE_CHECKING:
    from .recommender import Recommender

_TAKES_BACK = (EventKind.NEUTRAL, EventKind.SHOW, EventKind.UNDISMISS)


def remembered(recommender: Recommender, name: str) -> str:
    """The catalogue id of an installed LoRA, or a name as images and other tools have it.

    Raises:
        UnknownLora: neither is known, or several installed ones go by that name.
    """
    try:
        return recommender.find(name).id
    except (UnknownLora, NotIndexed) as error:
        history = recommender.memory.history
        if name and (history.past(lora=name, limit=1) or any(name == row.name for row in history.usage())):
            return name
        raise UnknownLora(f"{error}; nor does the history have that name") from None


def can_take_back(recommender: Recommender, id_: str, kind: EventKind) -> bool:
    """Whether this takes back what was said of a LoRA, by catalogue id: also of one that is not installed now."""
    return kind in _TAKES_BACK and bool(recommender.memory.history.events(lora=id_, limit=1))
