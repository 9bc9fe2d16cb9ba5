"""Progress of long work on stderr: moving bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .present import console, plain
from .types import Progress

QUIET_SECONDS = 0.6  # shorter work shows no progress at all
LINE_SECONDS = 5.0  # between two lines where bars cannot move
STAGES = {
    "scan": "Reading LoRAs",
    "lexical": "Indexing words",
    "encode": "Encoding texts",
    "hash": "Hashing files",
    "harvest": "Reading images",
    "import": "Importing",
    "download": "Downloading",
    "export": "Preparing encoder",
}


class Meter:
    """Draws progress on stderr; call it with `Progress`. Short work draws nothing."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._said = self._begun
        self._stage = ""
        self._moving = sys.stderr.isatty() and importlib.util.find_spec("rich") is not None
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def __call__(self, step: Progress) -> None:
        """Show one step."""
        now = time.monotonic()
        if self._bars is None and now - self._begun < QUIET_SECONDS:
            return
        if not self._moving:
            if step.stage != self._stage or now - self._said >= LINE_SECONDS:
                self._stage, self._said = step.stage, now
                print(_line(step), file=sys.stderr, flush=True)
            return
        self._draw(step)

    def _draw(self, step: Progress) -> None:
        if self._bars is None:
            self._bars = _bars()
            self._bars.start()
        note = plain(step.note)
        fields = {
            "count": _count(step),
            "rate": f"{_amount(step.rate, step.stage)}/s" if step.rate else "",
            "left": _left(step.seconds_left),
            "note": note if len(note) <= 30 else "..." + note[-27:],
        }
        if step.stage not in self._tasks:  # drawn at once, so it needs its fields from the start
            self._tasks[step.stage] = self._bars.add_task(_name(step.stage), total=step.total, **fields)
        self._bars.update(self._tasks[step.stage], completed=step.done, total=step.total, **fields)

    def close(self) -> None:
        """Take the bars away."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def _bars() -> Any:
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}", markup=False),
        TextColumn("{task.fields[rate]} {task.fields[left]} {task.fields[note]}", markup=False, style="dim"),
        console=console(sys.stderr),
        transient=True,
    )


def _name(stage: str) -> str:
    return STAGES.get(stage, stage)


def _count(step: Progress) -> str:
    done = _amount(step.done, step.stage)
    return f"{done} of {_amount(step.total, step.stage)}" if step.total else done


def _amount(value: float, stage: str) -> str:
    return f"{value / 1e6:.1f} MB" if stage == "download" else f"{value:.0f}"


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s left" if minutes else f"{rest} s left"


def _line(step: Progress) -> str:
    rate = f", {_amount(step.rate, step.stage)}/s" if step.rate else ""
    left = f", {_left(step.seconds_left)}" if step.seconds_left else ""
    return f"{_name(step.stage)}: {_count(step)}{rate}{left}"


@contextmanager
def progress() -> Iterator[Meter]:
    """Draw progress while the block runs."""
    meter = Meter()
    try:
        yield meter
    finally:
        meter.close()
