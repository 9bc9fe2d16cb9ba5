"""Benchmark -> training lists -> shipped numbers: wires the pipeline that suggests with the code that learns.

Lists come from random libraries of the benchmark's own LoRAs. In each, some showcase prompts of every LoRA are kept
back as queries, and they and their near-duplicates are left out of that LoRA's features; community prompts of the dev
split join where all their LoRAs are installed. Metadata is taken away at random, as it is missing in real collections.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from . import library as library_module
from .index.retrieve import QueryVectors
from .pipeline import Ask, Pipeline
from .prompt.read import ReadPrompt, read
from .prompt.terms import terms
from .rank.signals import SIGNALS
from .rank.train import Sample
from .types import Example, Lora, Query, Safety, Stats

NEAR = 0.6  # Jaccard overlap of terms from which two prompts count as one
EXAMPLES = 8  # examples a LoRA keeps, as in the sidecars of the evaluation
ASKED = 3  # showcase prompts per LoRA and library that become queries
CANDIDATES = 128  # of one list
DEV_WEIGHT = 16.0  # of a community prompt beside a showcase prompt, before label balancing
BALANCE = 0.75  # 0 = every prompt counts alike, 1 = every LoRA does

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
