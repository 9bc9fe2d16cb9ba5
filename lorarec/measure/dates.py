"""About when a prompt was written, so that it can be judged among the LoRAs that existed then.

The benchmark dates LoRAs but not prompts. Its sources number prompts in order of time, and nobody uses a LoRA before
it exists: so the newest LoRA of a prompt bounds its date from below, and prompts with neighbouring numbers share their
bounds. Estimate: the 90th percentile of the bounds among about a hundred neighbours by number (a few links to LoRAs are
wrong, so not the largest), made monotonic. On the public data nine tenths of it moves by days, not months.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from datetime import date
from itertools import accumulate

import numpy as np

from .bench_data import Bench, Row

NEIGHBOURS = 50  # on each side
PERCENTILE = 90


def prompt_dates(bench: Bench) -> Callable[[str], str]:
    """A function from a row's id to the estimated ISO date of its prompt; "9999-12-31" where nothing is known."""
    created = {lora.id: lora.created for lora in bench.corpus.values() if lora.created}
    curves = {}
    for source, points in _points([*bench.queries, *bench.history, *bench.examples], created).items():
        points.sort()
        days = np.array([day for _, day in points])
        windows = (days[max(0, i - NEIGHBOURS) : i + NEIGHBOURS + 1] for i in range(len(days)))
        smooth = accumulate((int(np.percentile(window, PERCENTILE)) for window in windows), max)
        curves[source] = ([number for number, _ in points], list(smooth))

    def estimate(row_id: str) -> str:
        source, number = _split(row_id)
        if source not in curves or number is None:
            return "9999-12-31"
        numbers, days = curves[source]
        return date.fromordinal(days[max(0, bisect.bisect_right(numbers, number) - 1)]).isoformat()

    return estimate


def ordinal(day: str) -> int:
    """An ISO date as a day number."""
    return date.fromisoformat(day[:10]).toordinal()


def _points(rows: Iterable[Row], created: dict[str, str]) -> dict[str, list[tuple[int, int]]]:
    """For each source the numbers of its prompts with the day their newest LoRA appeared."""
    points: dict[str, list[tuple[int, int]]] = {}
    for row in rows:
        source, number = _split(row.id)
        newest = max((created[label.id] for label in row.loras if label.id in created), default="")
        if newest and number is not None:
            points.setdefault(source, []).append((number, date.fromisoformat(newest[:10]).toordinal()))
    return points


def _split(row_id: str) -> tuple[str, int | None]:
    source, _, number = row_id.partition(":")
    return source, int(number) if number.isdigit() else None
