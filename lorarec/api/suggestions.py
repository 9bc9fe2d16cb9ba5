"""Suggestions for a prompt, LoRAs like one, and vectors of texts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from ..prompt.read import read
from ..prompt.syntax import parse
from ..types import Active, Query, Role, Suggestions
from .cards import Card, SafetyName, card, safety_level
from .fields import Count, Name, Number, Prompt, RoleName, Share, StrengthValue

if TYPE_CHECKING:
    from ..recommender import Recommender
    from .context import Context

Lens = Literal["semantic", "artistic", "technical"]


class ActiveLora(Struct, frozen=True, forbid_unknown_fields=True):
    """A LoRA that is in use already."""

    name: Name  # as the host knows it: path, file name, stem or title
    strength: StrengthValue = 1.0


class Ask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to suggest for. Everything but the prompt may be left out; null is the setting."""

    prompt: Prompt
    negative: Prompt = ""
    second: Annotated[tuple[Prompt, ...], Meta(max_length=8)] = ()  # texts of further encoders
    active: Annotated[tuple[ActiveLora, ...], Meta(max_length=100)] = ()
    base_model: Name | None = None  # checkpoint or base model
    top: Count | None = None
    roles: Annotated[tuple[RoleName, ...], Meta(max_length=9)] = ()  # only these
    exclude_roles: Annotated[tuple[RoleName, ...], Meta(max_length=9)] = ()
    folders: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()  # only below these, root-relative
    exclude_folders: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()
    safety: SafetyName | None = None  # at most this explicit
    min_score: Share | None = None
    diversity: Share | None = None
    explore: Share | None = None
    collapse: bool | None = None
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0  # of the share given to exploration
    signals: bool = False  # send every column of the signal table too
    client: Annotated[str, Meta(max_length=64)] = ""  # one per page; only its newest question is answered
    number: Number | None = None  # grows with every question of the client; absent: as they arrive

    def query(self) -> Query:
        """The question without who asks it."""
        return Query(
            prompt=self.prompt,
            negative=self.negative,
            second=self.second,
            active=tuple(Active(one.name, one.strength) for one in self.active),
            base_model=self.base_model or None,
            roles=tuple(map(Role, self.roles)),
            exclude_roles=tuple(map(Role, self.exclude_roles)),
            folders=self.folders,
            exclude_folders=self.exclude_folders,
            safety=None if self.safety is None else safety_level(self.safety),
            min_score=self.min_score,
            diversity=self.diversity,
            explore=self.explore,
            collapse=self.collapse,
            seed=self.seed,
        )


class InUse(Struct, frozen=True, kw_only=True):
    """An active LoRA, found."""

    name: str  # as the request or a tag in the prompt names it
    strength: float
    id: str  # "" = none or several go by that name


class Answer(Suggestions, frozen=True, kw_only=True):
    """Suggestions with what cards show of them.

    All but the last four fields are those of `lorarec suggest --json`; ``signals`` are empty unless asked for.
    """

    cards: dict[str, Card]  # by id: of everything suggested and in use
    active: tuple[InUse, ...]  # of the request and of tags in the prompt
    version: str  # of the index that answered
    least: float  # score from which a LoRA counts as fitting; 0 of similar ones, where nothing has to fit


class SimilarQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many are wanted, and how much of them."""

    top: Count | None = None
    signals: bool = False


class Texts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts to encode as prompts are: without weights, tags and other syntax of the hosts."""

    texts: Annotated[tuple[Prompt, ...], Meta(min_length=1, max_length=32)]
    lens: Lens = "semantic"


class Embedded(Struct, frozen=True, kw_only=True):
    """Vectors of texts, of length 1; all zeros where a text says nothing."""

    model: str  # identity of the weights
    dim: int
    vectors: tuple[tuple[float, ...], ...]


def suggest(context: Context, ask: Ask) -> Answer:
    """Suggest LoRAs for a prompt, unless a newer prompt of the same client comes first."""
    question = context.turns.ask(ask.client, ask.number)
    recommender = context.recommender()
    query = ask.query()
    key = (query, ask.top, ask.signals, recommender.state)
    known = context.answers.get(key)
    if known is not None:
        return known
    with context.turns.turn(question):
        begun = time.perf_counter()
        found = recommender.recommend(query, ask.top)
        least = recommender.settings.min_score if ask.min_score is None else ask.min_score
        answer = _answer(context, recommender, found, _in_use(recommender, query), ask.signals, least)
        context.latency.add((time.perf_counter() - begun) * 1000)
    if answer.stage == recommender.stage:  # not one by words because an encoder could not be had for the moment
        context.answers.put(key, answer)
    return answer


def similar(context: Context, id: str, query: SimilarQuery) -> Answer:
    """Suggest LoRAs like one."""
    recommender = context.recommender()
    lora = context.lora(id)
    return _answer(context, recommender, recommender.similar(lora.id, query.top), (), query.signals, 0.0)


def embed(context: Context, texts: Texts) -> Embedded:
    """Encode texts. Nothing of them is kept."""
    from ..asking import encode

    encoders = context.recommender().encoders
    vectors = [getattr(encode(read(Query(prompt=text)), encoders), texts.lens) for text in texts.texts]
    return Embedded(
        model=encoders.model_ids()[texts.lens],
        dim=len(vectors[0]),
        vectors=tuple(tuple(round(float(value), 7) for value in vector) for vector in vectors),
    )


def _answer(
    context: Context,
    recommender: Recommender,
    found: Suggestions,
    active: tuple[InUse, ...],
    signals: bool,
    least: float,
) -> Answer:
    if not signals:
        found = replace(found, suggestions=tuple(replace(one, signals={}) for one in found.suggestions))
    wishes = context.wishes(recommender)
    ids = dict.fromkeys([*(one.id for one in found.suggestions), *(one.id for one in active if one.id)])
    found = replace(found, notes=tuple(map(context.public, found.notes)))
    return Answer(
        **{name: getattr(found, name) for name in Suggestions.__struct_fields__},
        cards={id_: card(recommender, recommender.find(id_), wishes) for id_ in ids},
        active=active,
        version=recommender.version,
        least=least,
    )


def _in_use(recommender: Recommender, query: Query) -> tuple[InUse, ...]:
    """The active LoRAs of a query, each once: those it names before those that tags in its texts name."""
    tagged = parse("\n".join((query.prompt, *query.second))).loras
    found: dict[str, InUse] = {}
    for name, strength in (*((one.name, one.strength) for one in query.active), *tagged):
        ids = recommender.ids(name)
        id_ = ids[0] if len(ids) == 1 else ""
        found.setdefault(id_ or name.lower(), InUse(name=name, strength=strength, id=id_))
    return tuple(found.values())
