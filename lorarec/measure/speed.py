"""Speed as ratios: what lorarec takes divided by what the bare work takes, measured side by side in one run.

Seconds depend on the machine, ratios hardly. Both sides run alternately on the same inputs, and medians are compared.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from .synthetic import prompt


class Measured(Struct, frozen=True):
    """One row of the speed table."""

    name: str
    value: float  # in `unit`; NaN: not measured here
    unit: str  # "×", "ms", "MB"
    limit: float | None  # what it should stay within, `at_least` says on which side; None: for information
    at_least: bool = False
    detail: str = ""  # the two sides of the ratio, and what they were measured on

    @property
    def good(self) -> bool | None:
        """Whether it is within its limit; None without limit or measurement."""
        if self.limit is None or self.value != self.value:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


class Pair(Struct, frozen=True):
    """Medians of two things timed alternately, in milliseconds."""

    ours: float
    bare: float
    runs: int

    @property
    def ratio(self) -> float:
        """Ours in units of bare."""
        return self.ours / self.bare


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def side_by_side(
    ours: Callable[[str], object], bare: Callable[[str], object], inputs: Sequence[str], warm_up: int = 3
) -> Pair:
    """Time both on every input, in turns that swap who comes first; the first few inputs are not counted."""
    times: tuple[list[float], list[float]] = ([], [])
    for number, text in enumerate(inputs):
        order = ((0, ours), (1, bare)) if number % 2 else ((1, bare), (0, ours))
        for side, work in order:
            begun = time.perf_counter()
            work(text)
            taken = time.perf_counter() - begun
            if number >= warm_up:
                times[side].append(taken * 1000)
    return Pair(statistics.median(times[0]), statistics.median(times[1]), len(times[0]))


def prompts_of_length(tokens: int, count: int, count_tokens: Callable[[str], int], seed: int = 0) -> list[str]:
    """Different made-up prompts of exactly or just below this many tokens."""
    dice = random.Random(f"{seed}-{tokens}")
    made = []
    for _ in range(count):
        words = prompt(dice, tokens).split(" ")
        while len(words) > 1 and count_tokens(" ".join(words)) > tokens:
            words.pop()
        made.append(" ".join(words).rstrip(","))
    return made


def read_headers(folder: Path) -> int:
    """Read what a scan must read of every file: eight bytes and the header. Returns the bytes read."""
    total = 0
    for path in _files(folder):
        with open(path, "rb", buffering=0) as file:
            length = int.from_bytes(file.read(8), "little")
            total += len(file.read(length))
    return total


def _files(folder: Path) -> list[str]:
    found = []
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    pending.append(entry.path)
                else:
                    found.append(entry.path)
    return found


def list_and_stat(folder: Path) -> int:
    """List a folder tree and stat every file: the least that any scan must do. Returns the number of files."""
    count = 0
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    pending.append(entry.path)
                else:
                    entry.stat()
                    count += 1
    return count


def forget(folder: Path) -> bool:
    """Drop the files' contents from the system's disk cache; False where a plain user cannot (Windows, macOS)."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in _files(folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)  # only what is on the disk can be dropped
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)
    return True


def scan_rows(folder: Path, first_scan: Callable[[], Callable[[], object]], again: int = 5) -> list[Measured]:
    """A first scan against reading the same bytes, and scans with nothing changed against listing and stat.

    "Cold" is what a user meets: neither the catalogue nor the system's disk cache knows the files. Where the cache
    cannot be dropped, and beside it, the ratio with everything in the cache is shown without a limit, for then the
    bare side reads no disk at all.

    Args:
        folder: made by `synthetic.write_headers`.
        first_scan: makes an empty catalogue and returns the function that brings it up to date with the folder.
        again: how many unchanged scans; medians are compared.
    """
    files = len(_files(folder))
    rows = []
    for dropped in (True, False):
        bare, cold = [], []
        for _ in range(2):
            scan = first_scan()
            if dropped and not forget(folder):
                break
            bare.append(seconds(lambda: read_headers(folder)))
            if dropped:
                forget(folder)
            cold.append(seconds(scan))
        if not bare:
            continue
        ours, floor = min(cold), min(bare)
        rows.append(
            Measured(
                f"cold scan of {files:,} files ÷ reading the same bytes, disk cache {'dropped' if dropped else 'warm'}",
                ours / floor,
                "×",
                3 if dropped else None,
                detail=f"{ours:.2f} s ÷ {floor:.2f} s; {read_headers(folder) / 1e6:,.0f} MB of headers",
            )
        )
    unchanged, listed = [], []
    for _ in range(again):
        listed.append(seconds(lambda: list_and_stat(folder)))
        unchanged.append(seconds(scan))
    still, floor = statistics.median(unchanged), statistics.median(listed)
    rows.append(
        Measured(
            f"scan of {files:,} files with nothing changed ÷ scandir + stat",
            still / floor,
            "×",
            4,
            detail=f"{still * 1000:.0f} ms ÷ {floor * 1000:.0f} ms",
        )
    )
    return rows


def throughput_row(
    name: str,
    ours: Callable[[Sequence[str]], object],
    plain: Callable[[Sequence[str]], object],
    texts: Sequence[str],
    limit: float | None,
    rounds: int = 3,
) -> Measured:
    """Texts per second of our bulk encoding over those of a plain one: best of several alternate rounds."""
    ours(texts[:8])
    plain(texts[:8])
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        times[0].append(seconds(lambda: ours(texts)))
        times[1].append(seconds(lambda: plain(texts)))
    own, other = (len(texts) / min(side) for side in times)
    return Measured(
        name, own / other, "×", limit, at_least=True, detail=f"{own:.0f} ÷ {other:.0f} texts/s, {len(texts)} texts"
    )
