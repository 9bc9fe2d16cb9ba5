"""Long work: progress said often enough for a bar and seldom enough to cost nothing, waiting while paused, stopping
when cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable

from .types import Cancelled, Progress, ProgressSink

INTERVAL = 0.1  # seconds between two words
POLL = 0.2  # seconds between two looks whether a pause is over


class Meter:
    """Counts done work and tells a sink at most ten times a second, and at the end."""

    def __init__(
        self,
        sink: ProgressSink | None,
        stage: str,
        total: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            sink: told about progress; None: nobody.
            stage: `Progress.stage`.
            total: number of items, None while it is not known.
            clock: seconds that never run backwards.
        """
        self._sink = sink
        self._stage = stage
        self._clock = clock
        self._start = clock()
        self._said = float("-inf")
        self._idle = 0.0
        self._done = 0
        self.total = total

    def step(self, count: int = 1, note: str = "", share: float | None = None) -> None:
        """Count items as done.

        Args:
            count: how many more.
            note: what is being done.
            share: how much of all the work is behind us, 0..1, where items differ in size; else done ÷ total.
        """
        self._done += count
        if self._sink and self._clock() - self._said >= INTERVAL:
            self._say(note, share)

    def finish(self, note: str = "") -> None:
        """Say how it ended."""
        if self._sink:
            self._say(note, None)

    def rest(self, seconds: float) -> None:
        """Leave out time in which work was paused, so that rate and time left stay true."""
        self._idle += seconds

    def _say(self, note: str, share: float | None) -> None:
        now = self._clock()
        self._said = now
        spent = max(now - self._start - self._idle, 1e-9)
        if share is None and self.total:
            share = self._done / self.total
        left = spent * (1 - share) / share if share else None
        assert self._sink is not None
        self._sink(Progress(self._stage, self._done, self.total, self._done / spent, left, note))


class Stopped(Exception):
    """Raised inside long work when its caller cancels it."""


class Gate:
    """Where long work waits while paused and ends when cancelled."""

    def __init__(self, cancelled: Cancelled | None, paused: Callable[[], bool] | None) -> None:
        """Remember whom to ask; None: nobody."""
        self._cancelled = cancelled
        self._paused = paused
        self.stopped = False

    def check(self, meter: Meter) -> bool:
        """Wait while paused. Never returns True: raises `Stopped` instead, so that it fits as a stop signal too."""
        while True:
            if self._cancelled and self._cancelled():
                self.stopped = True
                raise Stopped
            if not (self._paused and self._paused()):
                return False
            time.sleep(POLL)
            meter.rest(POLL)
