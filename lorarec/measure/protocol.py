"""The benchmark's protocol as one run: which libraries are opened in which state, what is asked, what is summed up.

The recommender comes in through `Opener`; nothing here knows how it works.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct, field

from . import dates, lorabench, warm
from .baseline import Bm25
from .bench_data import Bench, Row
from .clusters import clusters
from .lay import KINDS
from .lorabench import Abstention, Answer, Rank, Weights
from .metrics import Outcome, Summary, summarise
from .users import User, usable
from .warm import Comparison, Completion, Known, Recalling, SeenWeights

FULL = "full"
TOP = 100  # the longest list made of the same candidates as a short one; a label ranked lower counts as not found
TASKS = ("cold", "full", "weights", "abstain", "warm", "completion")
COMPLETED = "1000"  # size of the libraries that completion is asked of

PLAIN = "as it is"
EXISTING = "LoRAs that existed"
NO_TRIGGERS = "triggers removed"
NO_POPULARITY = "no popularity"
BARE = "bare and mixed"
BASELINE = "BM25"


class Setup(Struct, frozen=True):
    """A library to lay on disk and open."""

    name: str  # "300:0", "full", "labels"
    ids: tuple[str, ...]
    bare: float = 0.0
    kinds: tuple[str, ...] = KINDS[:1]
    stats: bool = True
    past: Known | None = None  # what its user made before


class TopRank(Protocol):
    """`warm.Recalling.rank` as a function."""

    def __call__(self, prompt: str, top: int = TOP) -> Sequence[tuple[str, float]]:
        """Answer one prompt."""
        ...


Opener = Callable[[Setup], AbstractContextManager[Recalling]]
Say = Callable[[str, int, int], None]  # (what is being done, done, total)


class Plan(Struct, frozen=True, kw_only=True):
    """What to measure."""

    tasks: tuple[str, ...] = ("cold",)
    sizes: tuple[str, ...] = ("300", "1000")
    limit: int | None = None  # prompts per library, for a quick look
    existing: bool = False
    without_triggers: bool = False
    no_popularity: bool = False
    bare: float = 0.0  # share of files without sidecar of the "bare and mixed" variant; 0: not measured
    kinds: tuple[str, ...] = KINDS
    baseline: bool = False


class Ranking(Struct, frozen=True):
    """Figures of one variant over libraries of one size."""

    libraries: str  # their size, or "full"
    variant: str
    summary: Summary
    median_ms: float  # of one answer
    seconds: float  # of all answers


class Abstaining(Struct, frozen=True):
    """Whether top scores tell when nothing fits, library by library."""

    libraries: str
    variant: str
    auc: float  # mean over libraries
    auc_removed: float
    by_library: dict[str, Abstention]


class Report(Struct, kw_only=True):
    """Everything that was measured."""

    rankings: list[Ranking] = field(default_factory=list)
    abstaining: list[Abstaining] = field(default_factory=list)
    weights: Weights | None = None
    seen_weights: SeenWeights | None = None
    warm: list[Comparison] = field(default_factory=list)
    completion: Completion | None = None

    def find(self, libraries: str, variant: str) -> Ranking | None:
        """One row, None if it was not measured."""
        return next((r for r in self.rankings if (r.libraries, r.variant) == (libraries, variant)), None)

    def lost_when_bare(self, libraries: str) -> float | None:
        """Share of macro MRR lost when files are bare and sidecars mixed, 0..1."""
        plain, bare = self.find(libraries, PLAIN), self.find(libraries, BARE)
        return 1 - bare.summary.macro.mrr / plain.summary.macro.mrr if plain and bare else None


class _Tally:
    """What one variant collects over the libraries of a size."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.times: list[float] = []
        self.abstaining: dict[str, Abstention] = {}

    def ranking(self, libraries: str, variant: str) -> Ranking:
        times = self.times or [0.0]
        return Ranking(libraries, variant, summarise(self.outcomes), statistics.median(times) * 1000, sum(times))


class _Run:
    """The state of one run."""

    def __init__(self, plan: Plan, bench: Bench, opener: Opener, say: Say) -> None:
        self.plan, self.bench, self.opener, self.say = plan, bench, opener, say
        self.cluster = clusters(bench.corpus.values()) if "abstain" in plan.tasks else {}
        self.tallies: dict[tuple[str, str], _Tally] = {}
        self.when: Callable[[str], str] | None = dates.prompt_dates(bench) if plan.existing else None

    def tally(self, size: str, variant: str) -> _Tally:
        return self.tallies.setdefault((size, variant), _Tally())

    def ask(self, rank: Rank, rows: Sequence[Row], times: list[float], note: str) -> list[Answer]:
        done = 0

        def timed(prompt: str) -> Sequence[tuple[str, float]]:
            begun = time.perf_counter()
            answer = rank(prompt)
            times.append(time.perf_counter() - begun)
            return answer

        def tick() -> None:
            nonlocal done
            done += 1
            self.say(note, done, len(rows))

        return lorabench.ask(timed, rows, tick)

    def library(self, size: str, name: str, ids: Sequence[str], ranked: bool, abstain: bool) -> None:
        """Everything that is asked of one library."""
        ids = self.installable(ids)
        rows = lorabench.eligible(self.bench.queries, set(ids))[: self.plan.limit]
        setup = Setup(name, tuple(ids))
        with self.opener(setup) as opened:
            self.variants(size, name, opened.rank, rows, ranked, abstain)
        if self.plan.baseline:
            rank = Bm25(self.bench, ids).rank
            self.one(size, name, BASELINE, lambda prompt, top=TOP: rank(prompt)[:top], rows, abstain=abstain)
        if not ranked:
            return
        if self.plan.no_popularity:
            with self.opener(Setup(name, tuple(ids), stats=False)) as opened:
                self.one(size, name, NO_POPULARITY, opened.rank, rows)
        if self.plan.bare:
            with self.opener(Setup(name, tuple(ids), self.plan.bare, self.plan.kinds)) as opened:
                self.one(size, name, BARE, opened.rank, rows)

    def installable(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Those that have a file; two LoRAs of the corpus have none, and nobody can install them."""
        corpus = self.bench.corpus
        return tuple(name for name in ids if name in corpus and corpus[name].files)

    def variants(self, size: str, name: str, rank: TopRank, rows: list[Row], ranked: bool, abstain: bool) -> None:
        answers = self.one(size, name, PLAIN, rank, rows, abstain=abstain)
        if ranked and self.when:
            when, corpus = self.when, self.bench.corpus
            self.tally(size, EXISTING).outcomes += lorabench.outcomes(
                answers, name, lambda row, lora: corpus[lora].created <= when(row)
            )
        if ranked and self.plan.without_triggers:
            bare = [lorabench.without_triggers(row, self.bench.corpus) for row in rows]
            self.one(size, name, NO_TRIGGERS, rank, bare)

    def one(
        self, size: str, name: str, variant: str, rank: TopRank, rows: Sequence[Row], *, abstain: bool = False
    ) -> list[Answer]:
        tally = self.tally(size, variant)
        answers = self.ask(rank, rows, tally.times, f"{name}, {variant}")
        tally.outcomes += lorabench.outcomes(answers, name)
        if abstain:
            prompts = self.bench.no_lora[: self.plan.limit]
            content = self.ask(lambda prompt: rank(prompt, 1), prompts, [], f"{name}, {variant}, no LoRA")
            tally.abstaining[name] = lorabench.abstention(answers, content, self.cluster)
        return answers

    def weights(self) -> Weights:
        """Strengths need no ranking, so the library holds just the LoRAs in question."""
        labels: Collection[str] = dict.fromkeys(label.id for row in self.bench.queries for label in row.loras)
        ids = self.installable(labels)
        rows = lorabench.eligible(self.bench.queries, ids)[: self.plan.limit]
        done = 0

        def tick() -> None:
            nonlocal done
            done += 1
            self.say("strengths", done, len(rows))

        with self.opener(Setup("labels", ids)) as opened:
            return lorabench.weights(rows, self.bench.showcase, opened.strengthen, tick)

    def seen_weights(self) -> SeenWeights:
        """Strengths of what the history has."""
        labels = dict.fromkeys(label.id for row in self.bench.queries for label in row.loras)
        return warm.seen_weights(
            self.bench, self.installable(labels), self.past(), self.remembering, self.say, self.plan.limit
        )

    def warm(self, users: Sequence[User]) -> list[Comparison]:
        """The community as one user, and simulated users."""
        found = [
            warm.community(self.bench, self.sized(size), self.past(), self.remembering, self.say, self.plan.limit)
            for size in self.plan.sizes
        ]
        everybody = usable(self.bench)
        found.append(warm.simulated(users, everybody, self.remembering, self.say, self.plan.limit))
        return found

    def completion(self) -> Completion:
        """Finding the LoRA that is missing."""
        return warm.completion(
            self.bench, self.sized(COMPLETED), self.past(), self.remembering, self.say, self.plan.limit
        )

    def past(self) -> Known:
        """The whole history in order of time."""
        when = self.when or dates.prompt_dates(self.bench)
        rows = sorted(usable(self.bench), key=lambda row: (when(row.id), row.id))
        return Known(tuple(rows), tuple(dates.ordinal(when(row.id)) for row in rows))

    def sized(self, size: str) -> dict[str, tuple[str, ...]]:
        """The fixed libraries of one size."""
        return {
            name: self.installable(ids) for name, ids in self.bench.libraries.items() if name.partition(":")[0] == size
        }

    def remembering(self, name: str, ids: tuple[str, ...], past: Known | None) -> AbstractContextManager[Recalling]:
        """Open a library whose user made that before."""
        return self.opener(Setup(name, ids, past=past))


def run(
    plan: Plan,
    bench: Bench,
    opener: Opener,
    say: Say = lambda what, done, total: None,
    users: Callable[[], Sequence[User]] = tuple,
) -> Report:
    """Measure all that the plan names.

    Args:
        plan: what.
        bench: on which data.
        opener: lays a library on disk and opens a recommender over it.
        say: told of progress.
        users: makes the simulated users of the task "warm".
    """
    state = _Run(plan, bench, opener, say)
    cold, abstain = "cold" in plan.tasks, "abstain" in plan.tasks
    sizes = list(plan.sizes) if cold or abstain else []
    for size in sizes:
        for name, ids in bench.libraries.items():
            if name.partition(":")[0] == size:
                state.library(size, name, ids, cold, abstain)
    if "full" in plan.tasks:
        state.library(FULL, FULL, tuple(bench.corpus), True, False)
    report = Report(weights=state.weights() if "weights" in plan.tasks else None)
    if "weights" in plan.tasks and bench.history:
        report.seen_weights = state.seen_weights()
    if "warm" in plan.tasks:
        report.warm = state.warm(users())
    if "completion" in plan.tasks:
        report.completion = state.completion()
    for (size, variant), tally in state.tallies.items():
        if cold or size == FULL:
            report.rankings.append(tally.ranking(size, variant))
        if tally.abstaining:
            found = list(tally.abstaining.values())
            report.abstaining.append(
                Abstaining(
                    size,
                    variant,
                    statistics.fmean(one.auc for one in found),
                    statistics.fmean(one.auc_removed for one in found),
                    tally.abstaining,
                )
            )
    return report
