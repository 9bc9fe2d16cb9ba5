"""The installed LoRAs: a list to browse, and everything known about one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ..types import (
    BaseModelGuess,
    Claim,
    Example,
    Lora,
    Origin,
    Query,
    RoleGuess,
    Safety,
    Stats,
    Strength,
    StrengthHint,
)
from .cards import Card, SafetyName, Wishes, card, safety_level, safety_name
from .fields import Name, Nothing, RoleName

if TYPE_CHECKING:
    from .context import Context

PAGE = 50
TAGS = 200  # of the facets
Sort = Literal["name", "path", "modified", "created", "downloads", "rating", "size"]


class Browse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which LoRAs to list, and how. What is left out is no restriction."""

    search: Annotated[str, Meta(max_length=200)] = ""  # words that name, path, author, tags or trigger words must hold
    role: Annotated[tuple[RoleName, ...], Meta(max_length=9)] = ()  # any of these
    base_model: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()  # any of these, canonical names
    tag: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()  # all of these, case ignored
    folder: Name = ""  # this root-relative folder and those below it
    safety: SafetyName | None = None  # at most this explicit; unknown levels pass
    liked: bool | None = None
    hidden: bool | None = None
    favorite: bool | None = None
    sort: Sort = "name"
    reverse: bool = False  # numbers and dates: largest first is the rule, reversed smallest first
    offset: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    limit: Annotated[int, Meta(ge=1, le=200)] = PAGE


class Page(Struct, frozen=True, kw_only=True):
    """A page of the list."""

    loras: tuple[Card, ...]
    total: int  # how many there are on all pages
    offset: int
    version: str  # of the index


class Amount(Struct, frozen=True):
    """How many LoRAs have something in common."""

    name: str  # "" = unknown
    count: int


class Facets(Struct, frozen=True, kw_only=True):
    """What LoRAs can be listed by, the most frequent first."""

    total: int
    roles: tuple[Amount, ...]
    base_models: tuple[Amount, ...]
    folders: tuple[Amount, ...]  # in order of their paths
    safety: tuple[Amount, ...]
    tags: tuple[Amount, ...]  # in lower case, at most `TAGS`; of authors and of the user


class Source(Struct, frozen=True, kw_only=True):
    """What one source says about one field."""

    field: str
    value: Any
    source: str  # where it stands, e.g. "civitai.info:trainedWords"
    origin: Literal["user", "author", "trainer", "guess"]


class Record(Struct, frozen=True, kw_only=True):
    """Everything known about a LoRA. Fields are those of `types.Lora`; no path of this machine is among them."""

    card: Card
    description: str
    notes: str
    tags: tuple[str, ...]
    user_tags: tuple[str, ...]
    trigger_sets: tuple[tuple[str, ...], ...]
    training_tags: tuple[tuple[str, int], ...]
    examples: tuple[Example, ...]
    base_models: tuple[BaseModelGuess, ...]
    roles: tuple[RoleGuess, ...]
    strengths: tuple[StrengthHint, ...]
    stats: Stats
    rank: int | None
    resolution: int | None
    network: str
    fingerprint: str
    hashes: tuple[str, ...]
    model_id: str
    version_id: str
    suggested: Strength  # without any prompt
    partner: str  # id of the other half of a pair
    noise: str
    sources: tuple[Source, ...]  # what each source says, also what lost


class Use(Struct, frozen=True, kw_only=True):
    """One time that the user made something with a LoRA."""

    made: float  # seconds since the epoch
    strength: float | None
    base_model: str
    project: str
    images: int  # files that came of it
    liked: int
    deleted: int


class Uses(Struct, frozen=True):
    """The user's own use of a LoRA, oldest first."""

    uses: tuple[Use, ...]


_KEYS: dict[Sort, Callable[[Lora], Any]] = {
    "name": lambda lora: lora.name.lower(),
    "path": lambda lora: lora.path.lower(),
    "modified": lambda lora: -lora.modified,
    "created": lambda lora: -(lora.created or 0.0),
    "downloads": lambda lora: -(lora.stats.downloads or 0),
    "rating": lambda lora: -(lora.stats.rating or 0.0),
    "size": lambda lora: -lora.size,
}


def browse(context: Context, wanted: Browse) -> Page:
    """List LoRAs."""
    recommender = context.recommender()
    wishes = context.wishes(recommender)
    found = [lora for lora in recommender.loras() if _fits(lora, wanted, wishes)]
    found.sort(key=lambda lora: lora.path)
    found.sort(key=_KEYS[wanted.sort], reverse=wanted.reverse)
    shown = found[wanted.offset : wanted.offset + wanted.limit]
    return Page(
        loras=tuple(card(recommender, lora, wishes) for lora in shown),
        total=len(found),
        offset=wanted.offset,
        version=recommender.version,
    )


def facets(context: Context, _: Nothing) -> Facets:
    """What LoRAs can be listed by."""
    loras = context.recommender().loras()
    return Facets(
        total=len(loras),
        roles=_amounts(lora.role.value for lora in loras),
        base_models=_amounts(lora.base_model.name if lora.base_model else "" for lora in loras),
        folders=tuple(sorted(_amounts(lora.folder for lora in loras), key=lambda one: one.name)),
        safety=_amounts(safety_name(lora.safety) or "" for lora in loras),
        tags=_amounts(tag for lora in loras for tag in _tags(lora))[:TAGS],
    )


def details(context: Context, id: str, _: Nothing) -> Record:
    """Everything known about a LoRA, with its sources."""
    recommender = context.recommender()
    found = recommender.details(context.lora(id).id)
    lora = found.lora
    made = ("card", "sources", "suggested")
    own = {name: getattr(lora, name) for name in Record.__struct_fields__ if name not in made}
    return Record(
        card=card(recommender, lora, context.wishes(recommender)),
        sources=tuple(map(_source, found.claims)),
        suggested=recommender.strength(lora.id, Query(prompt="")),
        **own,
    )


def uses(context: Context, id: str, _: Nothing) -> Uses:
    """The user's own use of a LoRA, of the latest 2,000 times."""
    past = context.recommender().memory.history.past(lora=context.lora(id).id, limit=2000)
    return Uses(
        tuple(
            Use(
                made=one.made,
                strength=next((use.strength for use in one.loras if use.lora == id), None),
                base_model=one.base_model,
                project=one.project,
                images=one.images,
                liked=one.liked,
                deleted=one.deleted,
            )
            for one in past
        )
    )


def _fits(lora: Lora, wanted: Browse, wishes: Wishes) -> bool:
    if wanted.role and lora.role.value not in wanted.role:
        return False
    if wanted.base_model and (lora.base_model is None or lora.base_model.name not in wanted.base_model):
        return False
    folder = wanted.folder.strip("/").lower()
    if folder and not lora.path.lower().startswith(f"{folder}/"):
        return False
    if wanted.tag and not {tag.lower() for tag in wanted.tag} <= _tags(lora):
        return False
    if wanted.safety is not None and (lora.safety or Safety.SAFE) > safety_level(wanted.safety):
        return False
    if wanted.liked is not None and (wishes.opinions.get(lora.id, 0) > 0) is not wanted.liked:
        return False
    if wanted.hidden is not None and (lora.excluded or lora.id in wishes.hidden) is not wanted.hidden:
        return False
    if wanted.favorite is not None and lora.favorite is not wanted.favorite:
        return False
    return not wanted.search or _holds(lora, wanted.search.lower().split())


def _holds(lora: Lora, words: list[str]) -> bool:
    """Whether all words stand somewhere in what a person would look for."""
    triggers = (word for words in lora.trigger_sets for word in words)
    text = "\n".join((lora.name, lora.path, lora.author, *lora.tags, *lora.user_tags, *triggers)).lower()
    return all(word in text for word in words)


def _tags(lora: Lora) -> set[str]:
    return {tag.lower() for tag in (*lora.tags, *lora.user_tags)}


def _amounts(names: Iterable[str]) -> tuple[Amount, ...]:
    return tuple(Amount(name, count) for name, count in Counter(names).most_common())


def _source(claim: Claim) -> Source:
    # As stored, values are JSON-compatible already; a level is written as everywhere in the API.
    level = claim.field == "safety" and claim.value in tuple(Safety)
    value = safety_name(Safety(claim.value)) if level else claim.value
    origin: Any = Origin(claim.origin).name.lower()
    return Source(field=claim.field, value=msgspec.to_builtins(value), source=claim.source, origin=origin)
