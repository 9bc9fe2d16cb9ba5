"""Earlier runs of `lorarec bench`: one line of JSON each in the data folder, and what changed since the last one."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from ..measure.speed import Measured
from ..measure.tables import grid
from ..readable import minute

FILE = "bench.jsonl"
SHOWN = 20  # runs listed
_CHANGED = 0.05  # of a value; less is noise

_log = logging.getLogger(__name__)


class Row(Struct, frozen=True):
    """A `Measured` as it is kept: what was not measured is None."""

    name: str
    value: float | None
    unit: str
    limit: float | None
    at_least: bool = False
    detail: str = ""
    good: bool | None = None


class Run(Struct, frozen=True, kw_only=True):
    """One run with the facts without which its figures say nothing."""

    at: float  # seconds since the epoch
    lorarec: str
    options: dict[str, str | int | bool | None] = {}
    encoders: dict[str, str] = {}
    machine: dict[str, str | int] = {}
    versions: dict[str, str] = {}
    seconds: float = 0.0
    rows: tuple[Row, ...] = ()


def kept(row: Measured) -> Row:
    """A row as it is kept."""
    value = None if math.isnan(row.value) else row.value
    return Row(row.name, value, row.unit, row.limit, row.at_least, row.detail, row.good)


def add(data_dir: Path, run: Run) -> None:
    """Keep a run. Raises OSError."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with open(data_dir / FILE, "ab") as file:
        file.write(msgspec.json.encode(run) + b"\n")


def load(data_dir: Path) -> list[Run]:
    """All runs, oldest first; a line that cannot be read, as a killed process leaves it, is left out."""
    try:
        lines = (data_dir / FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    runs = []
    for number, line in enumerate(lines, 1):
        try:
            runs.append(msgspec.json.decode(line, type=Run))
        except msgspec.DecodeError as error:
            _log.warning("line %d of %s cannot be read (%s); it is left out", number, data_dir / FILE, error)
    return runs


def listing(runs: Sequence[Run]) -> str:
    """The latest runs, one a line."""
    lines = [
        [
            minute(run.at),
            run.lorarec,
            str(run.machine.get("processor", "")),
            str(run.machine.get("cores", "")),
            " ".join(f"--{name} {value}" for name, value in run.options.items() if value not in (None, False)),
            str(len(run.rows)),
            str(sum(row.good is False for row in run.rows)),
        ]
        for run in runs[-SHOWN:]
    ]
    return grid(["run", "lorarec", "processor", "cores", "options", "rows", "missed"], lines, left=(0, 1, 2, 4))


def comparison(before: Run, now: Run) -> str:
    """What both runs measured, side by side."""
    known = {row.name: row for row in before.rows}
    lines = []
    for row in now.rows:
        old = known.get(row.name)
        if old is None or old.value is None or row.value is None or old.unit != row.unit:
            continue
        change = row.value / old.value - 1 if old.value else 0.0
        better = (change > 0) == row.at_least
        said = "" if abs(change) < _CHANGED else "better" if better else "worse"
        digits = 2 if row.unit == "×" else 1
        values = [f"{value:.{digits}f} {row.unit}" for value in (old.value, row.value)]
        lines.append([row.name, *values, f"{change:+.0%}", said if row.limit is not None else ""])
    return grid(["measured", "before", "now", "change", ""], lines, left=(0, 4))
