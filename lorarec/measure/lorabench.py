"""The benchmark's tasks on answers of any recommender: cold start, strengths, knowing when nothing fits.

A recommender comes in as plain functions: `Rank` answers a prompt with bench ids and scores, best first; `Strengthen`
names a strength. So the same protocol measures ours, a baseline, or a stub in a test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from statistics import median

from msgspec import Struct

from .bench_data import CorpusLora, Row
from .metrics import Interval, Outcome, auc, best_rank, mean_absolute_error, mean_interval

Rank = Callable[[str], Sequence[tuple[str, float]]]
Strengthen = Callable[[str, Row], float]  # (bench id, row) -> strength, the row's other LoRAs being active
PLAIN_STRENGTH = 0.8


class Answer(Struct, frozen=True):
    """What a recommender said to one row's prompt."""

    row: Row
    ranking: tuple[tuple[str, float], ...]  # (bench id, score), best first


class Abstention(Struct, frozen=True):
    """How well the top score tells prompts that want a LoRA from prompts that do not."""

    wanting: int  # prompts whose user chose an installed LoRA
    content: int  # prompts whose user chose none
    auc: float  # of the top score between the two
    auc_removed: float  # between the first as they are, and with the right LoRAs and their near-duplicates taken out


class Weights(Struct, frozen=True):
    """Mean absolute error of strengths, beside two guesses that need no model."""

    n: int  # labels
    queries: int
    error: float
    constant: float  # always 0.8
    showcase: float  # the LoRA's own median over its showcase examples, 0.8 without
    gain_constant: Interval  # of error minus constant, over unique queries; below 0 is better
    gain_showcase: Interval
    with_showcase: int  # labels whose LoRA has showcase strengths


def eligible(rows: Iterable[Row], installed: Collection[str]) -> list[Row]:
    """The rows all of whose labels are installed."""
    return [row for row in rows if row.loras and all(label.id in installed for label in row.loras)]


def ask(rank: Rank, rows: Sequence[Row], tick: Callable[[], object] = lambda: None) -> list[Answer]:
    """Put every row's prompt to a recommender; ``tick`` is called after each."""
    answers = []
    for row in rows:
        answers.append(Answer(row, tuple(rank(row.prompt))))
        tick()
    return answers


def outcomes(
    answers: Iterable[Answer], library: str, allowed: Callable[[str, str], bool] = lambda row, lora: True
) -> list[Outcome]:
    """Ranks of the labels.

    Args:
        answers: of one library.
        library: its name.
        allowed: (row id, LoRA id) -> whether the LoRA counts for this row; others are taken out of the ranking.
            Labels always count.
    """
    found = []
    for answer in answers:
        labels = list({label.id: label for label in answer.row.loras}.values())
        names = {label.id for label in labels}
        ranking = [name for name, _ in answer.ranking if name in names or allowed(answer.row.id, name)]
        found.append(
            Outcome(
                answer.row.id,
                library,
                tuple(label.id for label in labels),
                tuple(best_rank(ranking, {label.id}) for label in labels),
                tuple(label.overlap for label in labels),
            )
        )
    return found


def without_triggers(row: Row, corpus: Mapping[str, CorpusLora]) -> Row:
    """The row with every trigger word of its labels removed from the prompt, on word boundaries, case ignored.

    A "trigger word" that is a comma list counts as several; spaces, underscores and brackets between words are one.
    """
    prompt = row.prompt
    words = {
        part
        for label in row.loras
        if label.id in corpus
        for entry in [*corpus[label.id].trained_words, *(w for f in corpus[label.id].files for w in f.trained_words)]
        for part in entry.split(",")
    }
    for word in sorted(words, key=lambda text: (-len(text), text)):  # longest first: "red hat" before "red"
        pieces = re.findall(r"[^\W_]+", word)
        if pieces:
            pattern = r"[\W_]+".join(re.escape(piece) for piece in pieces)
            prompt = re.sub(rf"(?<![^\W_]){pattern}(?![^\W_])", " ", prompt, flags=re.IGNORECASE)
    return Row(row.id, " ".join(prompt.split()), row.loras, row.base_model, row.host)


def top_score(answer: Answer, without: Callable[[str], bool] = lambda lora: False) -> float:
    """The best score among the LoRAs that are not left out; 0 if nothing is left."""
    return max((score for name, score in answer.ranking if not without(name)), default=0.0)


def abstention(wanting: Sequence[Answer], content: Sequence[Answer], cluster: Mapping[str, str]) -> Abstention:
    """Compare top scores. ``cluster`` maps a LoRA to its near-duplicate cluster, see `clusters.clusters`.

    Taking LoRAs out of an answer stands for taking them out of the library: a score that may serve as a threshold
    does not depend on what else is installed.
    """
    removed = []
    for answer in wanting:
        right = {cluster.get(label.id, label.id) for label in answer.row.loras}
        removed.append(top_score(answer, lambda name, right=right: cluster.get(name, name) in right))  # type: ignore[misc]
    top = [top_score(answer) for answer in wanting]
    return Abstention(
        len(wanting), len(content), auc(top, [top_score(answer) for answer in content]), auc(top, removed)
    )


def weights(
    rows: Sequence[Row],
    showcase: Mapping[str, Sequence[Row]],
    strengthen: Strengthen,
    tick: Callable[[], object] = lambda: None,
    *,
    examples: int = 8,
) -> Weights:
    """Mean absolute error of strengths over all labels that have one.

    Args:
        rows: prompts with their LoRAs.
        showcase: LoRA id -> its author's examples; the same first ones as its sidecar holds are used.
        strengthen: the recommender's strength.
        tick: called after each row.
        examples: how many.
    """
    query: list[str] = []
    actual: list[float] = []
    ours: list[float] = []
    own: list[float] = []
    covered = 0
    for row in rows:
        for label in row.loras:
            if label.weight is None:
                continue
            seen = [
                shown.weight
                for example in showcase.get(label.id, ())[:examples]
                for shown in example.loras
                if shown.id == label.id and shown.weight is not None
            ]
            covered += bool(seen)
            query.append(row.id)
            actual.append(label.weight)
            ours.append(strengthen(label.id, row))
            own.append(float(median(seen)) if seen else PLAIN_STRENGTH)
        tick()
    errors = [abs(a - b) for a, b in zip(ours, actual, strict=True)]
    against_constant = [e - abs(PLAIN_STRENGTH - a) for e, a in zip(errors, actual, strict=True)]
    against_own = [e - abs(o - a) for e, o, a in zip(errors, own, actual, strict=True)]
    return Weights(
        n=len(actual),
        queries=len(set(query)),
        error=mean_absolute_error(ours, actual),
        constant=mean_absolute_error([PLAIN_STRENGTH] * len(actual), actual),
        showcase=mean_absolute_error(own, actual),
        gain_constant=mean_interval(query, against_constant),
        gain_showcase=mean_interval(query, against_own),
        with_showcase=covered,
    )
