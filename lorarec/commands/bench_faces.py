"""The measurements of `lorarec bench` on the server: one client, and twenty at once."""

from __future__ import annotations

import contextlib
import json
import math
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from ..errors import MissingPart
from ..measure import faces, speed
from ..measure.faces import Load
from ..measure.speed import Measured
from ..settings import save
from .bench_suite import Suite, token_counter

CLIENTS = 20
EVERY = 2.0  # seconds between two prompts of one client
TOKENS = 40  # of prompts
KEYS = 5  # questions that each client asks at once
STARTS_WITHIN = 600.0  # seconds, a first index included


def servers(suite: Suite, count: int, seconds: float) -> list[Measured]:
    """Twenty clients against `lorarec serve` with ``count`` LoRAs, beside one alone and beside hasty ones."""
    name = f"serve, {count:,} LoRAs, {CLIENTS} clients: p95 ÷ p50 of one alone"
    encoder = suite.encoder()
    if encoder is None:
        return [Measured(name, math.nan, "×", 4, detail="no encoder model on this machine")]
    folder, data = suite.collection(count)
    many = int(CLIENTS * (seconds / EVERY + 1))
    prompts = speed.prompts_of_length(TOKENS, many + 60 + CLIENTS * KEYS, token_counter(encoder), seed=7)
    save(data, suite.settings)
    with serving(folder, data) as url:
        suite.say("one client")
        faces.one_user(url, prompts[:10], 0.0)
        alone = faces.one_user(url, prompts[10:60], 0.05)
        suite.say(f"{CLIENTS} clients")
        load = faces.many_users(url, prompts[60 : 60 + many], CLIENTS, seconds, EVERY)
        hasty, newest = faces.typing(url, prompts[60 + many :], CLIENTS, KEYS)
    p50, p95 = statistics.median(alone.answered), _rank(load, 0.95)
    failures = [*alone.errors, *load.errors, *hasty.errors]
    median = _rank(load, 0.5)
    said = f"{p95:.1f} ms ÷ {p50:.1f} ms; {len(load.answered)} answers in {seconds:.0f} s, median {median:.1f} ms"
    asked = CLIENTS * KEYS
    return [
        Measured(name, p95 / p50, "×", 4, detail=said),
        Measured("serve: errors met by all clients", len(failures), "", 0, detail="; ".join(failures[:3]) or "none"),
        Measured(
            f"serve, {KEYS} prompts of each client at once: newest answered",
            newest / CLIENTS * 100,
            "%",
            100,
            at_least=True,
            detail=f"{hasty.outdated} of {asked} questions dropped as outdated, {len(hasty.answered)} computed",
        ),
    ]


@contextlib.contextmanager
def serving(folder: Path, data: Path) -> Iterator[str]:
    """The address of a `lorarec serve` in a process of its own, once its index is full.

    Raises:
        MissingPart: it does not start.
    """
    home = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-m", "lorarec", "serve", "--port", "0", "--loras", str(folder), "--data", str(data)]
    server = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        until = time.monotonic() + STARTS_WITHIN
        while not url or not _ready(url):
            if not url or time.monotonic() > until:
                raise MissingPart("`lorarec serve` does not start; run it by itself to see why")
            time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait(60)


def _ready(url: str) -> bool:
    with urllib.request.urlopen(f"{url}lorarec/v1/index", timeout=30) as answer:
        state = json.load(answer)
    return bool(state["stage"] == "full" and state["job"]["state"] == "done")


def _rank(load: Load, share: float) -> float:
    """A percentile by the nearest rank."""
    taken = sorted(load.answered)
    return taken[max(0, math.ceil(share * len(taken)) - 1)] if taken else math.nan
