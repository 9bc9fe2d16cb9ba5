"""The measurements of `lorarec bench` on what surrounds an answer: a process's first one, and the host's own work."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import math
import mmap
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec

from ..encode.lender import Lender
from ..measure import speed
from ..measure.speed import Measured
from ..recommender import Recommender
from ..settings import Settings
from ..types import Query
from .bench_suite import Suite, token_counter

EVERY = 0.3  # seconds between live suggestions
WINDOW = 1.5  # seconds of work that are counted at once
THREADS = 2  # of the sampling-like load
_COUNT = 8  # bytes of the load's counter

_HOME = str(Path(__file__).resolve().parents[2])
_FIRST = """
import sys
sys.path.insert(0, sys.argv[1])
from lorarec.commands.bench_start import {body}
{body}(*sys.argv[2:])
"""
_LOAD = """
import mmap, sys, torch
torch.set_num_threads(int(sys.argv[2]))
left, right = torch.randn(768, 768), torch.randn(768, 768)
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
    done = 0
    while True:
        left @ right
        done += 1
        shared[:8] = done.to_bytes(8, "little")
"""


def first_suggestion(suite: Suite, count: int, runs: int) -> list[Measured]:
    """A process that answers one prompt from a ready index against one that only loads the encoder."""
    name = f"first suggestion of a process, {count:,} LoRAs ready ÷ loading the encoder alone"
    if suite.encoder() is None:
        return [Measured(name, math.nan, "×", 1.5, detail="no encoder model on this machine")]
    folder, data = suite.collection(count)
    with Recommender.open([folder], data, settings=suite.settings, user=None) as recommender:
        recommender.refresh(suite.meter)
    suite.say("first suggestions")
    arguments = [_HOME, str(folder), str(data), msgspec.json.encode(suite.settings).decode()]
    taken: dict[str, list[float]] = {"answer_one": [], "load_encoder": []}
    for number in range(runs + 1):
        for body, times in taken.items():
            command = [sys.executable, "-c", _FIRST.format(body=body), *arguments]
            seconds = speed.seconds(partial(subprocess.run, command, check=True, capture_output=True))
            if number:  # the first round writes byte code and warms the disk cache
                times.append(seconds)
    ours, bare = min(taken["answer_one"]), min(taken["load_encoder"])
    text = f"{ours * 1000:.0f} ms ÷ {bare * 1000:.0f} ms, best of {runs} processes each, from start to end"
    return [Measured(name, ours / bare, "×", 1.5, detail=text)]


def answer_one(folder: str, data: str, settings: str) -> None:
    """Body of a fresh process: open a ready index and answer."""
    chosen = msgspec.json.decode(settings, type=Settings)
    with Recommender.open([folder], data, settings=chosen) as recommender:
        assert recommender.recommend(Query(prompt="a castle on a hill")).stage == "full"


def load_encoder(folder: str, data: str, settings: str) -> None:
    """Body of a fresh process: load the encoder and encode as much."""
    chosen = msgspec.json.decode(settings, type=Settings)
    with Lender(chosen, Path(data)).lend("semantic") as encoder:
        encoder.encode(["a castle on a hill"])


def beside_sampling(suite: Suite, count: int, rounds: int) -> list[Measured]:
    """How much live suggestions slow a load down that keeps all cores busy, as sampling on the CPU does."""
    name = f"matrix products on {THREADS} threads slowed by a suggestion every {EVERY * 1000:.0f} ms, {count:,} LoRAs"
    encoder = suite.encoder()
    if encoder is None or importlib.util.find_spec("torch") is None:
        return [Measured(name, math.nan, "%", 5, detail="needs torch and an encoder model")]
    folder, data = suite.collection(count)
    suite.say("beside a busy host")
    prompts = iter(speed.prompts_of_length(30, 16 * rounds, token_counter(encoder)))
    with Recommender.open([folder], data, settings=suite.settings, user=None) as recommender:
        recommender.refresh(suite.meter)
        recommender.recommend(Query(prompt=next(prompts)))
        with _load(suite.work / "load.count") as shared:
            alone = [_window(shared, None, prompts)]
            together = []
            for _ in range(rounds):
                together.append(_window(shared, recommender, prompts))
                alone.append(_window(shared, None, prompts))
    # Each turn against those before and after it: the machine's own pace changes within seconds.
    around = [(before + after) / 2 for before, after in itertools.pairwise(alone)]
    shares = [ours / beside for ours, beside in zip(together, around, strict=True) if beside]
    slowed = 100 * (1 - statistics.median(shares)) if shares else math.nan
    text = (
        f"median of {rounds} turns; {statistics.median(together):.0f} products in {WINDOW} s "
        f"against {statistics.median(alone):.0f}"
    )
    return [Measured(name, slowed, "%", 5, detail=text)]


def _window(shared: mmap.mmap, recommender: Recommender | None, prompts: Iterator[str]) -> int:
    """Products that the load finishes meanwhile."""
    begun, before = time.monotonic(), _done(shared)
    at = begun
    while time.monotonic() - begun < WINDOW:
        if recommender is not None:
            recommender.recommend(Query(prompt=next(prompts)))
        at += EVERY
        time.sleep(max(0.0, min(at, begun + WINDOW) - time.monotonic()))
    return round((_done(shared) - before) * WINDOW / (time.monotonic() - begun))


def _done(shared: mmap.mmap) -> int:
    return int.from_bytes(shared[:_COUNT], "little")


@contextlib.contextmanager
def _load(path: Path) -> Iterator[mmap.mmap]:
    """A process that multiplies matrices and counts."""
    path.write_bytes(bytes(_COUNT))
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), _COUNT) as shared:
        process = subprocess.Popen([sys.executable, "-c", _LOAD, str(path), str(THREADS)])
        try:
            until = time.monotonic() + 60
            while not _done(shared) and process.poll() is None and time.monotonic() < until:
                time.sleep(0.05)
            time.sleep(0.5)  # its first products are slow
            yield shared
        finally:
            process.kill()
            process.wait()
