"""Tasks with a past: does what a user made before make suggestions, completions and strengths better?

Each is compared with the same recommender without a past, and with baselines that need no learning, on the same rows;
intervals are those of paired bootstrap differences over whole queries.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from statistics import median
from typing import Protocol

from msgspec import Struct

from .bench_data import Bench, Label, Row
from .lorabench import PLAIN_STRENGTH, Answer, ask, eligible, outcomes
from .metrics import (
    Interval,
    Outcome,
    Summary,
    best_rank,
    macro,
    macro_difference,
    mean_absolute_error,
    mean_interval,
    summarise,
)
from .users import User

PRIOR_WEIGHTS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)  # of a frequency prior; it is given the best of them
PAIR_SHRINK = 5.0  # uses that conditional probabilities of the baseline are shrunk by
MOST_STRENGTH = 2.0  # beyond the sliders of the hosts; a strength outside 0..2 counts as its nearest end
GUESSES = ("ours", "always 0.8", "last used", "history median", "showcase median")


class Known(Struct, frozen=True):
    """A past: prompts in order of time."""

    rows: tuple[Row, ...]
    days: tuple[int, ...]  # of each, proleptic ordinal


class Recalling(Protocol):
    """A recommender over one library, with or without a past."""

    def rank(self, prompt: str, top: int = ..., active: Sequence[Label] = ()) -> Sequence[tuple[str, float]]:
        """Bench ids with scores, best first."""
        ...

    def strengthen(self, lora: str, row: Row) -> float:
        """The strength of one LoRA for a row's prompt, the row's other LoRAs being active."""
        ...

    def remember(self, past: Known, first: int = 0) -> None:
        """Add to the past; ``first`` is the number of its first row in the whole of it."""
        ...


Open = Callable[[str, tuple[str, ...], "Known | None"], AbstractContextManager[Recalling]]
Say = Callable[[str, int, int], None]


class Variant(Struct, frozen=True):
    """One way of ranking the same rows."""

    name: str  # "cold", "frequency prior", "warm"
    summary: Summary
    gain: Interval | None = None  # of macro MRR over cold, paired
    over_prior: Interval | None = None  # of macro MRR over the frequency prior, paired


class Comparison(Struct, frozen=True):
    """The same rows ranked in several ways."""

    name: str
    people: int  # whose pasts
    generations: int  # in these pasts
    seen: float  # share of the labels that the past has
    variants: dict[str, Variant]


class Completion(Struct, frozen=True):
    """All LoRAs of a prompt but one are given, the other is to be found: share of rows with it among the first ten."""

    rows: int
    queries: int
    hit_10: dict[str, float]  # by way of ranking
    mrr: dict[str, float]
    interval: dict[str, Interval]  # of hit@10, over unique queries


class SeenWeights(Struct, frozen=True):
    """Mean absolute errors of strengths over the labels whose LoRA the past has."""

    n: int
    queries: int
    errors: dict[str, float]  # by way of guessing
    clipped: dict[str, float]  # the same, all strengths brought into 0..2
    gain: Interval  # of ours minus the history median, over unique queries; below 0 is better


class _Collected:
    """Outcomes of several libraries, by way of ranking."""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[Outcome]] = defaultdict(list)
        self.labels = self.seen = 0

    def add(self, library: str, cold: Sequence[Answer], warm: Sequence[Answer], counts: Mapping[str, int]) -> None:
        self.outcomes["cold"] += outcomes(cold, library)
        self.outcomes["warm"] += outcomes(warm, library)
        for weight in PRIOR_WEIGHTS:
            self.outcomes[f"prior {weight}"] += outcomes([_with_prior(a, counts, weight) for a in cold], library)

    def count_seen(self, rows: Iterable[Row], past: Iterable[Row]) -> None:
        known = {label.id for row in past for label in row.loras}
        for row in rows:
            self.labels += len(row.loras)
            self.seen += sum(label.id in known for label in row.loras)

    def comparison(self, name: str, people: int, generations: int) -> Comparison:
        best = max((f"prior {weight}" for weight in PRIOR_WEIGHTS), key=lambda way: macro(self.outcomes[way]).mrr)
        cold, prior, warm = self.outcomes["cold"], self.outcomes[best], self.outcomes["warm"]
        return Comparison(
            name,
            people,
            generations,
            self.seen / max(1, self.labels),
            {
                "cold": Variant("cold", summarise(cold)),
                "prior": Variant(f"frequency {best}", summarise(prior), macro_difference(prior, cold)),
                "warm": Variant(
                    "with the past", summarise(warm), macro_difference(warm, cold), macro_difference(warm, prior)
                ),
            },
        )


def community(
    bench: Bench, libraries: Mapping[str, Sequence[str]], past: Known, open_: Open, say: Say, limit: int | None
) -> Comparison:
    """The whole history as one user's past, the dev prompts asked."""
    collected = _Collected()
    counts = _counts(past.rows)
    for name, ids in libraries.items():
        rows = eligible(bench.queries, set(ids))[:limit]
        cold = _asked(open_, name, tuple(ids), None, rows, say)
        warm = _asked(open_, name, tuple(ids), past, rows, say)
        collected.add(name, cold, warm, counts)
        collected.count_seen(rows, past.rows)
    size = next(iter(libraries), "").partition(":")[0]
    return collected.comparison(f"community as one user, {size}", 1, len(past.rows))


def simulated(users: Sequence[User], everybody: Sequence[Row], open_: Open, say: Say, limit: int | None) -> Comparison:
    """Simulated users, each with a library of their own; their later prompts asked.

    The frequency prior is non-personal: it counts what everybody uses.
    """
    collected = _Collected()
    counts = _counts(everybody)
    generations = 0
    for user in users:
        past = Known(user.rows[: user.known], user.days[: user.known])
        rows = user.rows[user.known :][:limit]
        cold = _asked(open_, user.name, user.library, None, rows, say)
        warm = _asked(open_, user.name, user.library, past, rows, say, user.days[user.known :])
        collected.add(user.name, cold, warm, counts)
        for at, row in enumerate(rows):
            collected.count_seen([row], user.rows[: user.known + at])
        generations += len(user.rows)
    return collected.comparison("simulated users, 300", len(users), generations)


def completion(
    bench: Bench, libraries: Mapping[str, Sequence[str]], past: Known, open_: Open, say: Say, limit: int | None
) -> Completion:
    """All LoRAs of a dev prompt but one are active; the rest of the library is ranked."""
    ranks: dict[str, list[int]] = defaultdict(list)
    queries: list[str] = []
    pairs = _Pairs(past.rows)
    for name, ids in libraries.items():
        rows = [row for row in eligible(bench.queries, set(ids)) if len({label.id for label in row.loras}) > 1][:limit]
        tasks = [(row, label) for row in rows for label in {one.id: one for one in row.loras}.values()]
        queries += [row.id for row, _ in tasks]
        for way, known in (("without the past", None), ("with the past", past)):
            with open_(name, tuple(ids), known) as opened:
                for done, (row, hidden) in enumerate(tasks):
                    active = [label for label in row.loras if label.id != hidden.id]
                    ranking = [found for found, _ in opened.rank(row.prompt, active=active)]
                    ranks[way].append(best_rank(ranking, {hidden.id}))
                    say(f"{name}, completion {way}", done + 1, len(tasks))
        for row, hidden in tasks:
            active_ids = {label.id for label in row.loras} - {hidden.id}
            rest = [one for one in ids if one not in active_ids]
            ranks["popularity"].append(best_rank(sorted(rest, key=lambda one: (-pairs.count[one], one)), {hidden.id}))
            scores = {one: pairs.score(one, active_ids) for one in rest}
            ranks["P(j given i) + popularity"].append(
                best_rank(sorted(rest, key=lambda one: (-scores[one], one)), {hidden.id})
            )
    hits = {way: [float(0 < rank <= 10) for rank in found] for way, found in ranks.items()}
    mean = {way: sum(values) / max(1, len(values)) for way, values in hits.items()}
    return Completion(
        rows=len(queries),
        queries=len(set(queries)),
        hit_10=mean,
        mrr={way: sum(1 / rank for rank in found if rank) / max(1, len(found)) for way, found in ranks.items()},
        interval={way: mean_interval(queries, values) for way, values in hits.items()},
    )


def seen_weights(
    bench: Bench, ids: tuple[str, ...], past: Known, open_: Open, say: Say, limit: int | None
) -> SeenWeights:
    """Strengths of the labels whose LoRA the past has, beside guesses that need no model."""
    before: dict[str, list[float]] = defaultdict(list)
    for row in past.rows:
        for label in row.loras:
            if label.weight is not None:
                before[label.id].append(label.weight)
    rows = eligible(bench.queries, ids)[:limit]
    tasks = [(row, label) for row in rows for label in row.loras if label.weight is not None and before.get(label.id)]
    guesses: dict[str, list[float]] = defaultdict(list)
    with open_("labels", ids, past) as opened:
        for done, (row, label) in enumerate(tasks):
            shown = [
                one.weight
                for example in bench.showcase.get(label.id, ())[:8]
                for one in example.loras
                if one.id == label.id and one.weight is not None
            ]
            guesses["ours"].append(opened.strengthen(label.id, row))
            guesses["always 0.8"].append(PLAIN_STRENGTH)
            guesses["last used"].append(before[label.id][-1])
            guesses["history median"].append(float(median(before[label.id])))
            guesses["showcase median"].append(float(median(shown)) if shown else PLAIN_STRENGTH)
            say("strengths with the past", done + 1, len(tasks))
    actual = [label.weight or 0.0 for _, label in tasks]
    queries = [row.id for row, _ in tasks]
    away = [
        abs(ours - right) - abs(plain - right)
        for ours, plain, right in zip(guesses["ours"], guesses["history median"], actual, strict=True)
    ]
    return SeenWeights(
        n=len(tasks),
        queries=len(set(queries)),
        errors={way: mean_absolute_error(guesses[way], actual) for way in GUESSES},
        clipped={way: mean_absolute_error(_clip(guesses[way]), _clip(actual)) for way in GUESSES},
        gain=mean_interval(queries, away),
    )


class _Pairs:
    """How often LoRAs were used, alone and together."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.count: Counter[str] = Counter()
        self.both: Counter[tuple[str, str]] = Counter()
        self.total = 0
        for row in rows:
            used = sorted({label.id for label in row.loras})
            self.total += 1
            self.count.update(used)
            self.both.update((one, other) for one in used for other in used if one != other)

    def score(self, lora: str, active: Iterable[str]) -> float:
        """Mean shrunk conditional probability given each active LoRA, and the plain one a little."""
        plain = (self.count[lora] + 0.2) / (self.total + 20)
        given = [(self.both[other, lora] + PAIR_SHRINK * plain) / (self.count[other] + PAIR_SHRINK) for other in active]
        return math.log(sum(given) / len(given)) + 0.3 * math.log(plain)


def _asked(
    open_: Open,
    name: str,
    ids: tuple[str, ...],
    past: Known | None,
    rows: Sequence[Row],
    say: Say,
    days: Sequence[int] = (),
) -> list[Answer]:
    """Ask every row; with ``days`` each belongs to the past once it was asked."""
    answers = []
    with open_(name, ids, past) as opened:
        for done, row in enumerate(rows):
            answers += ask(opened.rank, [row])
            if past is not None and days and done + 1 < len(rows):
                opened.remember(Known((row,), (days[done],)), len(past.rows) + done)
            say(f"{name}, {'with' if past else 'without'} the past", done + 1, len(rows))
    return answers


def _with_prior(answer: Answer, counts: Mapping[str, int], weight: float) -> Answer:
    """The answer ranked again with the log of how often each LoRA is used."""

    def score(name: str, probability: float) -> float:
        inside = min(max(probability, 1e-6), 1 - 1e-6)
        return math.log(inside / (1 - inside)) + weight * math.log(counts.get(name, 0) + 0.5)

    scored = [(name, score(name, probability)) for name, probability in answer.ranking]
    return Answer(answer.row, tuple(sorted(scored, key=lambda one: -one[1])))


def _counts(rows: Iterable[Row]) -> Counter[str]:
    return Counter(label.id for row in rows for label in row.loras)


def _clip(values: Iterable[float]) -> list[float]:
    return [min(max(value, 0.0), MOST_STRENGTH) for value in values]
