"""Figures of merit for rankings, probabilities and strengths, each with its n and a bootstrap interval.

Conventions:
    A rank counts from 1; 0 means "not ranked at all", which scores 0 everywhere.
    A ranked list is taken in the order in which it is shown: equal scores are not shared ranks, for a user sees one
    LoRA before the other. Both the recommender and the baseline order ties by a rule that knows nothing of labels.
    A row with several labels scores by its best-ranked label, except in nDCG, which rewards every label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

OVERLAPS = ("trigger", "name", "tag", "none")  # strongest first
FREQUENT = 10  # how many of the most frequent labels the second headline figure leaves out
RESAMPLES = 1000

Floats = NDArray[np.float64]


class Outcome(Struct, frozen=True):
    """One query in one library: where its labels were ranked."""

    query: str  # id; the unit of the bootstrap
    library: str
    labels: tuple[str, ...]
    ranks: tuple[int, ...]  # of each label, 0 = not ranked
    overlaps: tuple[str, ...] = ()  # of each label with the prompt, see `OVERLAPS`

    @property
    def rank(self) -> int:
        """Rank of the best-ranked label, 0 if none is ranked."""
        return min((rank for rank in self.ranks if rank > 0), default=0)

    @property
    def overlap(self) -> str:
        """The strongest overlap among its labels."""
        return min(self.overlaps, key=OVERLAPS.index, default="none")


class Interval(Struct, frozen=True):
    """A 95% percentile bootstrap interval."""

    low: float
    high: float


class Figures(Struct, frozen=True):
    """Means over ``n`` rows; NaN where n is 0."""

    n: int
    mrr: float
    hit_1: float
    hit_5: float
    hit_10: float
    ndcg_10: float


class Summary(Struct, frozen=True, kw_only=True):
    """Everything said about one set of outcomes."""

    queries: int  # unique queries
    rows: int  # a query counts once per library that it was asked in
    loras: int  # distinct labels
    macro: Figures  # mean over LoRAs of the mean over the rows that name the LoRA; n = LoRAs
    micro: Figures  # mean over rows
    without_frequent: Figures  # mean over rows, the ten most frequent labels taken out
    macro_by_library: float  # mean over libraries of their own macro MRR
    micro_by_library: float
    intervals: dict[str, Interval]  # of "macro", "micro" and "without_frequent" MRR, over unique queries
    by_overlap: dict[str, Figures] = field(default_factory=dict)


def best_rank(ranking: Sequence[str], labels: Collection[str]) -> int:
    """Rank of the first element of ``ranking`` that is a label, 0 if there is none."""
    return next((place for place, name in enumerate(ranking, 1) if name in labels), 0)


def reciprocal(rank: int) -> float:
    """1/rank, 0 for rank 0."""
    return 1.0 / rank if rank else 0.0


def ndcg(ranks: Sequence[int], at: int = 10) -> float:
    """Normalised discounted cumulative gain of equally relevant labels (Järvelin and Kekäläinen 2002), 0..1."""
    gain = sum(1 / np.log2(1 + rank) for rank in ranks if 0 < rank <= at)
    ideal = sum(1 / np.log2(1 + place) for place in range(1, min(len(ranks), at) + 1))
    return float(gain / ideal) if ideal else 0.0


def _scores(outcomes: Sequence[Outcome]) -> Floats:
    """The five figures of each row, shape (n, 5): reciprocal rank, hit@1, @5, @10, nDCG@10."""
    table = np.zeros((len(outcomes), 5))
    for row, outcome in zip(table, outcomes, strict=True):
        rank = outcome.rank
        hits = (0 < rank <= 1, 0 < rank <= 5, 0 < rank <= 10)
        row[:] = (reciprocal(rank), *hits, ndcg(outcome.ranks))
    return table


def _figures(n: int, means: Sequence[float] | Floats) -> Figures:
    return Figures(n, *(float(value) for value in means))


def micro(outcomes: Sequence[Outcome]) -> Figures:
    """Means over rows."""
    means = _scores(outcomes).mean(axis=0) if outcomes else [float("nan")] * 5
    return _figures(len(outcomes), means)


def macro(outcomes: Sequence[Outcome]) -> Figures:
    """Mean over LoRAs of the mean over the rows that name the LoRA, so that no frequent LoRA decides."""
    member, labels = _members(outcomes)
    if not labels:
        return _figures(0, [float("nan")] * 5)
    means = (member.T @ _scores(outcomes)) / member.sum(axis=0)[:, None]
    return _figures(len(labels), means.mean(axis=0))


def _members(outcomes: Sequence[Outcome]) -> tuple[Floats, list[str]]:
    """Which row names which label: zeros and ones of shape (rows, labels), and the labels."""
    labels = sorted({label for outcome in outcomes for label in outcome.labels})
    place = {label: i for i, label in enumerate(labels)}
    member = np.zeros((len(outcomes), len(labels)))
    for row, outcome in enumerate(outcomes):
        member[row, [place[label] for label in outcome.labels]] = 1
    return member, labels


def frequent_labels(outcomes: Sequence[Outcome], count: int = FREQUENT) -> list[str]:
    """The labels named by most rows; equal counts in alphabetic order."""
    counted = Counter(label for outcome in outcomes for label in set(outcome.labels))
    return sorted(counted, key=lambda label: (-counted[label], label))[:count]


def without_labels(outcomes: Sequence[Outcome], labels: Collection[str]) -> list[Outcome]:
    """The outcomes with some labels taken out; rows that have no other label are dropped."""
    left = []
    for o in outcomes:
        overlaps = o.overlaps or ("none",) * len(o.labels)
        kept = [item for item in zip(o.labels, o.ranks, overlaps, strict=True) if item[0] not in labels]
        if kept:
            names, ranks, links = zip(*kept, strict=True)
            left.append(Outcome(o.query, o.library, names, ranks, links))
    return left


def summarise(outcomes: Sequence[Outcome], *, resamples: int = RESAMPLES, seed: int = 0) -> Summary:
    """All figures of a set of outcomes, with bootstrap intervals over unique queries."""
    rare = without_labels(outcomes, frequent_labels(outcomes))
    libraries: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        libraries.setdefault(outcome.library, []).append(outcome)
    parts = list(libraries.values())
    groups = {kind: [o for o in outcomes if o.overlap == kind] for kind in OVERLAPS}
    return Summary(
        queries=len({outcome.query for outcome in outcomes}),
        rows=len(outcomes),
        loras=len({label for outcome in outcomes for label in outcome.labels}),
        macro=macro(outcomes),
        micro=micro(outcomes),
        without_frequent=micro(rare),
        macro_by_library=_mean([macro(part).mrr for part in parts]),
        micro_by_library=_mean([micro(part).mrr for part in parts]),
        intervals={
            "macro": macro_interval(outcomes, resamples=resamples, seed=seed),
            "micro": mean_interval(*_by_query(outcomes), resamples=resamples, seed=seed),
            "without_frequent": mean_interval(*_by_query(rare), resamples=resamples, seed=seed),
        },
        by_overlap={kind: micro(group) for kind, group in groups.items() if group},
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _by_query(outcomes: Sequence[Outcome]) -> tuple[list[str], list[float]]:
    return [o.query for o in outcomes], [reciprocal(o.rank) for o in outcomes]


def _resampled_weights(units: Sequence[str], resamples: int, seed: int) -> Floats:
    """How often each row is drawn when its unit is drawn with replacement, shape (resamples, rows)."""
    names, place = np.unique(np.asarray(units, dtype=object).astype(str), return_inverse=True)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return drawn[:, place].astype(np.float64)


def mean_interval(
    units: Sequence[str], values: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Bootstrap interval of the mean of ``values``, whole units (queries) being drawn (Efron and Tibshirani 1993)."""
    if not units:
        return Interval(float("nan"), float("nan"))
    weights = _resampled_weights(units, resamples, seed)
    means = weights @ np.asarray(values, dtype=np.float64) / weights.sum(axis=1)
    return Interval(*(float(edge) for edge in np.percentile(means, [2.5, 97.5])))


def macro_interval(outcomes: Sequence[Outcome], *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """The same for macro MRR; a LoRA that a resample does not draw is left out of its mean."""
    if not outcomes:
        return Interval(float("nan"), float("nan"))
    member, _ = _members(outcomes)
    weights = _resampled_weights([outcome.query for outcome in outcomes], resamples, seed)
    scores = _scores(outcomes)[:, 0]
    counts, sums = weights @ member, (weights * scores) @ member
    drawn = counts > 0
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=drawn).sum(axis=1) / drawn.sum(axis=1)
    return Interval(*(float(edge) for edge in np.percentile(means, [2.5, 97.5])))


def macro_difference(
    ours: Sequence[Outcome], others: Sequence[Outcome], *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Bootstrap interval of the difference of two macro MRRs on the same rows: paired, whole queries being drawn."""
    if not ours:
        return Interval(float("nan"), float("nan"))
    member, _ = _members(ours)
    weights = _resampled_weights([outcome.query for outcome in ours], resamples, seed)
    away = _scores(ours)[:, 0] - _scores(others)[:, 0]
    counts, sums = weights @ member, (weights * away) @ member
    drawn = counts > 0
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=drawn).sum(axis=1) / drawn.sum(axis=1)
    return Interval(*(float(edge) for edge in np.percentile(means, [2.5, 97.5])))


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties half (Mann-Whitney U)."""
    if not len(positive) or not len(negative):
        return float("nan")
    below = np.sort(np.asarray(negative, dtype=np.float64))
    up = np.asarray(positive, dtype=np.float64)
    wins = np.searchsorted(below, up, side="left") + np.searchsorted(below, up, side="right")
    return float(wins.sum() / (2 * len(up) * len(below)))


def mean_absolute_error(predicted: Sequence[float], actual: Sequence[float]) -> float:
    """Mean of |predicted - actual|; NaN without values."""
    if not len(actual):
        return float("nan")
    return float(np.abs(np.asarray(predicted, dtype=np.float64) - np.asarray(actual, dtype=np.float64)).mean())
