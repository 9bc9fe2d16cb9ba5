"""How long answers took, of the latest few hundred; and what the parts of one took."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable

from msgspec import Struct

KEPT = 512


class Latency(Struct, frozen=True):
    """A summary of durations in milliseconds; None where nothing was measured."""

    count: int  # measured since the start
    p50_ms: float | None  # of the latest `KEPT`
    p95_ms: float | None


class Timings:
    """Collects durations. Safe from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[float] = deque(maxlen=KEPT)
        self._count = 0

    def add(self, milliseconds: float) -> None:
        """Count one duration."""
        with self._lock:
            self._kept.append(milliseconds)
            self._count += 1

    def summary(self) -> Latency:
        """Count, median and 95th percentile (nearest rank: a duration that really was measured)."""
        with self._lock:
            kept, count = sorted(self._kept), self._count
        if not kept:
            return Latency(0, None, None)

        def rank(share: float) -> float:
            return round(kept[math.ceil(share * len(kept)) - 1], 2)

        return Latency(count, rank(0.5), rank(0.95))


Lap = Callable[[str], None]  # told the name of the part of an answer that has just ended


def no_lap(part: str) -> None:
    """Nobody asks what the parts take."""


class Laps:
    """Milliseconds of the parts of one answer, each since the one before it; a `Lap`."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}
        self._last = time.perf_counter()

    def __call__(self, part: str) -> None:
        """End a part; what it took is added to its earlier turns."""
        now = time.perf_counter()
        self.parts[part] = self.parts.get(part, 0.0) + (now - self._last) * 1000
        self._last = time.perf_counter()
