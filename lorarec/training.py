"""Benchmark -> training lists -> shipped numbers: wires the pipeline that suggests with the code that learns.

Lists come from random libraries of the benchmark's own LoRAs. In each, some showcase prompts of every LoRA are kept
back as queries, and they and their near-duplicates are left out of that LoRA's features; community prompts of the dev
split join where all their LoRAs are installed. Metadata is taken away at random, as it is missing in real collections.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from . import library as library_module
from . import memories
from .history_types import PastGeneration, PastUse
from .index.retrieve import QueryVectors
from .knowledge import consult, gather
from .memories import Memories
from .pipeline import Ask, Pipeline
from .prompt.read import ReadPrompt, read
from .prompt.terms import terms
from .rank.personal import inputs
from .rank.signals import SIGNALS
from .rank.train import Sample
from .rank.train_personal import Choice, shorten
from .types import Example, Lora, Query, Safety, SignalTable, Stats

COMPLETION_WEIGHT = 0.5  # of a prompt of which all LoRAs but one are given, beside the same prompt without any
NEAR = 0.6  # Jaccard overlap of terms from which two prompts count as one
EXAMPLES = 8  # examples a LoRA keeps, as in the sidecars of the evaluation
ASKED = 3  # showcase prompts per LoRA and library that become queries
CANDIDATES = 128  # of one list
DEV_WEIGHT = 16.0  # of a community prompt beside a showcase prompt, before label balancing
BALANCE = 0.75  # 0 = every prompt counts alike, 1 = every LoRA does
PERSONAL_BALANCE = 0.6  # the same for the personal weights: a user's favourites are to come first, but not everywhere

Encode = Callable[[ReadPrompt], QueryVectors | None]


class Prompt(Struct, frozen=True):
    """A prompt and the ids of the LoRAs its user chose."""

    text: str
    right: tuple[str, ...]


class Source(Struct, frozen=True):
    """What training learns from."""

    loras: dict[str, Lora]  # by benchmark id, with all their examples
    dev: list[Prompt]
    fold_of: dict[str, int]


def libraries(
    source: Source, draw: np.random.Generator, size: int
) -> Iterator[tuple[list[tuple[str, Lora]], list[Prompt]]]:
    """Split the corpus into random libraries; yields (id, LoRA with fewer examples) and the prompts to ask each."""
    ids = list(source.loras)
    order = draw.permutation(len(ids))
    for start in range(0, len(ids) - size // 2, size):
        part = [ids[at] for at in order[start : start + size]]
        members, asked = [], []
        for id_ in part:
            lora, prompts = _split(source.loras[id_], draw)
            members.append((id_, _forget(lora, draw)))
            asked += [Prompt(prompt, (id_,)) for prompt in prompts]
        here = set(part)
        asked += [prompt for prompt in source.dev if here.issuperset(prompt.right)]
        yield members, asked


def samples(
    source: Source,
    fetch: library_module.Fetch,
    models: Mapping[str, str],
    pipeline_of: Callable[[library_module.Library], Pipeline],
    encode: Encode,
    *,
    shuffles: int,
    sizes: Sequence[int],
    seed: int,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> list[Sample]:
    """Build training lists from ``shuffles`` partitions of the corpus into libraries of each of ``sizes``."""
    draw = np.random.default_rng(seed)
    frequency = Counter(id_ for prompt in source.dev for id_ in prompt.right)
    dev = {id(prompt) for prompt in source.dev}
    out: list[Sample] = []
    total = shuffles * sum(len(source.loras) // size + 1 for size in sizes)
    done = 0
    for _ in range(shuffles):
        for size in sizes:
            for members, asked in libraries(source, draw, size):
                loras = [lora for _, lora in members]
                pipeline = pipeline_of(library_module.build(loras, "training", models, fetch))
                place = {id_: row for row, (id_, _) in enumerate(members)}
                fold = np.asarray([source.fold_of[id_] for id_, _ in members], np.int8)
                for prompt in asked:
                    weight = 1.0
                    community = id(prompt) in dev
                    if community:
                        # A few detail tweakers are a tenth of all labels: balanced by a power of their frequency.
                        often = np.mean([frequency[id_] for id_ in prompt.right])
                        weight = DEV_WEIGHT / float(often**BALANCE) / shuffles / len(sizes)
                    else:
                        weight = 1.0 / shuffles / len(sizes)
                    rows = [place[id_] for id_ in prompt.right if id_ in place]
                    out.append(_sample(pipeline, ask_of(prompt.text, encode), rows, fold, weight, community, draw))
                done += 1
                tick(done, total)
    return out


def ask_of(text: str, encode: Encode) -> Ask:
    """An unfiltered question to a library."""
    query = Query(prompt=text, safety=Safety.EXPLICIT, collapse=False, diversity=0.0, explore=0.0)
    prompt = read(query)
    return Ask(query, prompt, encode(prompt), (), np.zeros(0, np.int64))


def _sample(
    pipeline: Pipeline,
    ask: Ask,
    right_rows: Sequence[int],
    fold: NDArray[np.int8],
    weight: float,
    community: bool,
    draw: np.random.Generator,
) -> Sample:
    """The right LoRAs, the hardest wrong ones by words, and random others."""
    found, table = pipeline.table(ask)
    right = np.isin(found.rows, right_rows)
    wrong = np.flatnonzero(~right)
    words = [SIGNALS.index(f"bm25_{group}") for group in ("names", "triggers", "tags", "content", "examples")]
    hard = wrong[np.argsort(-table.values[wrong][:, words].sum(1), kind="stable")][: CANDIDATES // 3]
    rest = np.setdiff1d(wrong, hard)
    room = CANDIDATES - len(hard) - int(right.sum())
    if len(rest) > room:
        rest = draw.choice(rest, room, replace=False)
    keep = np.concatenate([np.flatnonzero(right), hard, rest]).astype(np.int64)
    return Sample(table.values[keep], right[keep], fold[found.rows[keep]], weight, community)


def _split(lora: Lora, draw: np.random.Generator) -> tuple[Lora, list[str]]:
    """Keep some examples back as queries; their near-duplicates leave the features too."""
    examples = [lora.examples[at] for at in draw.permutation(len(lora.examples))]
    asked: list[tuple[str, frozenset[str]]] = []
    kept: list[Example] = []
    most = min(ASKED, (len(examples) + 1) // 2)
    for number, example in enumerate(examples):
        words = frozenset(terms(read(Query(prompt=example.prompt)).text))
        if any(_overlap(words, other) >= NEAR for _, other in asked):
            continue
        if number < most:
            asked.append((example.prompt, words))
        elif len(kept) < EXAMPLES:
            kept.append(example)
    return msgspec.structs.replace(lora, examples=tuple(kept)), [prompt for prompt, _ in asked]


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard overlap, 0..1."""
    return len(a & b) / max(1, len(a | b))


def _forget(lora: Lora, draw: np.random.Generator) -> Lora:
    """Take metadata away as real collections lack it."""
    chance = draw.random(6)
    change: dict[str, object] = {}
    if chance[0] < 0.2:  # bare: only the file name is known
        change = {
            "title": "",
            "description": "",
            "trigger_sets": (),
            "tags": (),
            "examples": (),
            "stats": Stats(),
            "roles": (),
        }
    else:
        if chance[1] < 0.1:
            change["examples"] = ()
        if chance[2] < 0.1:
            change["stats"] = Stats()
        if chance[3] < 0.08:
            change |= {"tags": (), "roles": ()}
        if chance[5] < 0.1:
            change["trigger_sets"] = ()
        if chance[4] < 0.25 and lora.examples:
            # Training tags are absent from the benchmark; the words of example prompts stand in for them.
            counted = Counter(word for example in lora.examples for word in set(terms(example.prompt)))
            change["training_tags"] = tuple(counted.most_common(100))
            if chance[4] < 0.15:
                change["examples"] = ()
    return msgspec.structs.replace(lora, **change)


class Person(Struct, frozen=True):
    """A user to learn from: what they made, and what they are asked."""

    members: list[tuple[str, Lora]]  # the LoRAs installed, by benchmark id
    past: list[Prompt]  # in order of time
    made: list[float]  # when each of the past was made, seconds since the epoch
    strengths: list[dict[str, float]]  # benchmark id -> strength, of each of the past
    asked: list[tuple[Prompt, float]]  # with the time before which the past is known


def choices(
    people: Iterable[Person],
    fold_of: Mapping[str, int],
    fetch: library_module.Fetch,
    embed: Callable[[Sequence[str]], NDArray[np.float32]],
    models: Mapping[str, str],
    pipeline_of: Callable[[library_module.Library], Pipeline],
    encode: Encode,
    score: Callable[[SignalTable, Sequence[int]], NDArray[np.float32]],
    tick: Callable[[int], None] = lambda done: None,
) -> list[Choice]:
    """What the personal weights are fitted to: candidates of each prompt with what the past says about them.

    Args:
        people: whose.
        fold_of: benchmark id -> fold.
        fetch: vectors of the LoRAs' texts.
        embed: vectors of prompts.
        models: lens -> identity of the encoder.
        pipeline_of: the road over a library.
        encode: of a prompt.
        score: (table, fold of each candidate) -> logits of networks that never saw the candidate.
        tick: told how many people are done.
    """
    out: list[tuple[Choice, tuple[str, ...]]] = []
    for done, person in enumerate(people):
        ids = [id_ for id_, _ in person.members]
        place = {id_: row for row, id_ in enumerate(ids)}
        library = library_module.build([lora for _, lora in person.members], "training", models, fetch)
        pipeline = pipeline_of(library)
        remembered = remember(person, library, embed)
        fold = np.asarray([fold_of[id_] for id_ in ids], np.int8)
        for prompt, now in person.asked:
            rows = [place[id_] for id_ in prompt.right if id_ in place]
            tasks: list[tuple[list[int], list[int], float]] = [(rows, [], 1.0)]
            if len(rows) > 1:
                tasks += [([row], [r for r in rows if r != row], COMPLETION_WEIGHT / len(rows)) for row in rows]
            asked = ask_of(prompt.text, encode)
            for right_rows, active, weight in tasks:
                upto = int(np.searchsorted(remembered.past.made, now))
                ask = with_past(asked, remembered, library, active, upto)
                found, table = pipeline.table(ask)
                right = np.isin(found.rows, right_rows)
                logits = score(table, fold[found.rows].tolist())
                values = inputs(table, logits)
                keep = shorten(logits, values, right)
                choice = Choice(logits[keep], values[keep], right[keep], fold[found.rows[keep]], weight)
                out.append((choice, tuple(ids[row] for row in right_rows)))
        tick(done + 1)
    often = Counter(id_ for _, right in out for id_ in right)
    return [
        msgspec.structs.replace(
            choice, weight=choice.weight / float(np.mean([often[id_] for id_ in right])) ** PERSONAL_BALANCE
        )
        for choice, right in out
        if right
    ]


def remember(
    person: Person, library: library_module.Library, embed: Callable[[Sequence[str]], NDArray[np.float32]]
) -> Memories:
    """A person's past beside their library."""
    lora_of = {id_: lora.id for id_, lora in person.members}
    past = [
        PastGeneration(
            id=at,
            made=made,
            prompt=prompt.text,
            negative=None,
            base_model="",
            checkpoint="",
            project="",
            host="",
            loras=tuple(PastUse(lora_of.get(id_, ""), id_, strength.get(id_), "id") for id_ in prompt.right),
            images=0,
            deleted=0,
            liked=0,
        )
        for at, (prompt, made, strength) in enumerate(zip(person.past, person.made, person.strengths, strict=True))
    ]
    told = memories.read_prompts(past, None)
    return memories.build(past, told, library, library.loras.place, embed(told.texts), version="training")


def with_past(ask: Ask, remembered: Memories, library: library_module.Library, active: list[int], upto: int) -> Ask:
    """The same question, asked by a person with a past, some LoRAs being active."""
    knowledge = gather(remembered, library, {}, (), ())
    if knowledge is None:
        return ask
    consulted = consult(
        knowledge,
        library,
        ask.read.terms,
        None if ask.vectors is None else ask.vectors.semantic,
        active=active,
        upto=upto,
    )
    return msgspec.structs.replace(ask, consulted=consulted, active_rows=np.asarray(active, np.int64))
