"""A LoRA as pages show it: the same few fields wherever one stands in a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from ..catalog.files import IMAGES, VIDEOS
from ..types import BaseModelFit, Lora, Safety

if TYPE_CHECKING:
    from ..recommender import Recommender

TAGS = 12  # at most on a card
TRIGGERS = 8  # sets of trigger words at most on a card
STILLS = tuple(ending for ending in IMAGES if ending not in VIDEOS)

SafetyName = Literal["safe", "suggestive", "mature", "explicit"]
_SAFETY: dict[Safety, SafetyName] = {
    Safety.SAFE: "safe",
    Safety.SUGGESTIVE: "suggestive",
    Safety.MATURE: "mature",
    Safety.EXPLICIT: "explicit",
}


class Card(Struct, frozen=True, kw_only=True):
    """What a card shows of an installed LoRA."""

    id: str  # what routes take
    lora: str  # root-relative path with "/"
    name: str
    unique: bool  # no other installed LoRA has this file name; tags in prompts name a LoRA by that alone
    version: str
    author: str
    role: str
    base_model: BaseModelFit | None
    safety: SafetyName | None  # of its showcase, and so of its preview; null = unknown
    preview: Literal["", "image", "video"]  # "video": there is no still picture
    trigger_sets: tuple[tuple[str, ...], ...]  # all trigger words; each set is used together
    tags: tuple[str, ...]
    favorite: bool  # marked in another manager
    opinion: int  # 1 liked, -1 disliked, 0 not said
    hidden: bool  # never suggested
    downloads: int | None
    rating: float | None  # 0..5
    size: int  # bytes
    modified: float  # seconds since the epoch
    created: float | None


class Wishes(Struct, frozen=True):
    """What the user said of LoRAs, by catalogue id."""

    opinions: Mapping[str, int]
    hidden: frozenset[str]


def card(recommender: Recommender, lora: Lora, wishes: Wishes) -> Card:
    """The card of a LoRA."""
    guess = lora.base_model
    return Card(
        id=lora.id,
        lora=lora.path,
        name=lora.name,
        unique=not recommender.shares_stem(lora.id),
        version=lora.version,
        author=lora.author,
        role=lora.role.value,
        base_model=BaseModelFit(guess.name, round(guess.probability, 3)) if guess else None,
        safety=safety_name(lora.safety),
        preview=preview_kind(lora),
        trigger_sets=lora.trigger_sets[:TRIGGERS],
        tags=(*lora.user_tags, *lora.tags)[:TAGS],
        favorite=lora.favorite,
        opinion=wishes.opinions.get(lora.id, 0),
        hidden=lora.excluded or lora.id in wishes.hidden,
        downloads=lora.stats.downloads,
        rating=lora.stats.rating,
        size=lora.size,
        modified=lora.modified,
        created=lora.created,
    )


def safety_name(level: Safety | None) -> SafetyName | None:
    """A level as the API writes it."""
    return None if level is None else _SAFETY[Safety(level)]


def safety_level(name: SafetyName) -> Safety:
    """A level as the API writes it, read."""
    return Safety[name.upper()]


def preview_kind(lora: Lora) -> Literal["", "image", "video"]:
    """Whether a LoRA has a picture to show."""
    if not lora.preview:
        return ""
    return "image" if lora.preview.lower().endswith((*STILLS, "header:thumbnail")) else "video"
