"""The measurements of `lorarec bench` on suggestions: libraries of every size, the parts of an answer, memory."""

from __future__ import annotations

import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from .. import library as library_module
from ..errors import StorageError
from ..index.vectors import index_class
from ..indexing import library_folder
from ..measure import process, speed
from ..measure.speed import Measured
from ..recommender import Recommender
from ..settings import Settings
from ..timings import Laps
from ..types import Encoder, Query
from .bench_suite import Suite, token_counter
from .bench_tiled import tiled

REAL = 10_000  # LoRAs beyond which a library is laid side by side from one of this size
LAID = 26_000  # bytes of disk for each LoRA of such a library while it is laid out
TOKENS = (30, 75)  # of prompts
NEAREST = 200  # of the bare search


class Size(msgspec.Struct, frozen=True):
    """What was measured at one size, for growth from one to the next."""

    count: int
    milliseconds: float  # a suggestion for the shortest prompts
    megabytes: float  # of a process that serves it


def suggestions(suite: Suite, sizes: Sequence[int]) -> list[Measured]:
    """Suggestions from libraries of these sizes, the smallest first, and how time and memory grow."""
    rows: list[Measured] = []
    found: list[Size] = []
    for count in sorted(sizes):
        if suite.encoder() is None:
            name = f"one suggestion of {count:,} LoRAs ÷ encoder forward"
            rows.append(Measured(name, math.nan, "×", 1.7, detail="no encoder model on this machine"))
            continue
        more, size = _of_size(suite, count)
        rows += more
        found.append(size)
    for small, large in pairwise(found):
        if small.count >= REAL:
            rows += _growth(small, large)
    return rows


def collection(suite: Suite, count: int) -> tuple[Path, Path]:
    """A library and its data folder; a very large one is ready to be served, but there are no files of it."""
    if count <= REAL:
        return suite.collection(count)
    times = -(-count // REAL)
    folder, data = suite.work / f"loras-{count}", suite.work / f"data-{count}"
    if library_module.load(library_folder(data, [folder])) is None:
        _need_disk(suite.work, count * LAID)
        small, small_data = suite.collection(REAL)
        with Recommender.open([small], small_data, settings=suite.settings, user=None) as recommender:
            recommender.refresh(suite.meter)
        suite.say(f"laying out {count} LoRAs")
        library = library_module.load(library_folder(small_data, [small]))
        assert library is not None  # it was just saved
        folder.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=suite.work, ignore_cleanup_errors=True) as scratch,
            tiled(library, times, Path(scratch)) as large,
        ):
            library_module.save(large, library_folder(data, [folder]))
    suite.prepare(data)
    return folder, data


def _need_disk(folder: Path, size: int) -> None:
    """Refuse to fill a disk: files are mapped while they are written, and a process that runs out of disk then dies."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise StorageError(
            f"{folder} has {free / 1e9:.0f} GB left and {size / 1e9:.0f} are needed; name another folder with --work"
        )


def _of_size(suite: Suite, count: int) -> tuple[list[Measured], Size]:
    encoder = suite.encoder()
    assert encoder is not None
    folder, data = collection(suite, count)
    rows = []
    with Recommender.open([folder], data, settings=suite.settings, user=None) as recommender:
        if count <= REAL:
            recommender.refresh(suite.meter)
        count = len(recommender.loras())
        search = _flat_search(count, encoder.dim) if count > REAL else None
        suite.say(f"suggestions of {count} LoRAs")
        pairs = {tokens: _latency(suite, recommender, encoder, search, tokens) for tokens in TOKENS}
        for tokens, pair in pairs.items():
            rows.append(_latency_row(count, tokens, pair, search is not None))
        rows += _repeated(suite, recommender, encoder, count)
        rows += _parts(suite, recommender, encoder, count)
    suite.say(f"memory of {count} LoRAs")
    memory, own = _served_memory(folder, data, suite.settings, count <= REAL)
    vectors = _vector_bytes(folder, data) / 1e6
    text = (
        f"fresh process after open and 20 suggestions, {own:.0f} MB its own, the rest pages of files that are mapped; "
        f"limit 1.2 × {vectors:.0f} MB of vectors + 400 MB"
    )
    limit = round(1.2 * vectors + 400)
    rows.append(Measured(f"resident memory serving {count:,} LoRAs", memory, "MB", limit, detail=text))
    return rows, Size(count, pairs[TOKENS[0]].ours, memory)


def _growth(small: Size, large: Size) -> list[Measured]:
    """How much more time and memory a larger library takes for each times that it is larger."""
    times = large.count / small.count
    name = f"from {small.count:,} to {large.count:,} LoRAs ÷ growth of the library"
    taken, held = large.milliseconds / small.milliseconds, large.megabytes / small.megabytes
    return [
        Measured(f"growth of a suggestion's time {name}", taken / times, "×", 1, detail=f"{taken:.1f} ÷ {times:.0f}"),
        Measured(f"growth of memory {name}", held / times, "×", 1, detail=f"{held:.1f} ÷ {times:.0f}"),
    ]


def _latency(
    suite: Suite, recommender: Recommender, encoder: Encoder, search: Callable[[Any], object] | None, tokens: int
) -> speed.Pair:
    prompts = speed.prompts_of_length(tokens, suite.prompts + 3, token_counter(encoder), seed=tokens)

    def bare(prompt: str) -> object:
        vector = encoder.encode([prompt])
        return search(vector) if search else vector

    return speed.side_by_side(lambda prompt: recommender.recommend(Query(prompt=prompt)), bare, prompts)


def _latency_row(count: int, tokens: int, pair: speed.Pair, large: bool) -> Measured:
    bare = "(forward + flat search)" if large else "encoder forward"
    return Measured(
        f"one suggestion of {count:,} LoRAs ÷ {bare}, {tokens} tokens",
        pair.ratio,
        "×",
        1.5 if large else 1.7,
        detail=f"{pair.ours:.2f} ms ÷ {pair.bare:.2f} ms, medians of {pair.runs} prompts, no cache",
    )


def _repeated(suite: Suite, recommender: Recommender, encoder: Encoder, count: int) -> list[Measured]:
    """The same prompt again while nothing else changed."""
    prompts = speed.prompts_of_length(TOKENS[0], suite.prompts, token_counter(encoder), seed=1)
    first, again = [], []
    for prompt in prompts:
        ask = partial(recommender.recommend, Query(prompt=prompt))
        first.append(speed.seconds(ask))
        again.append(speed.seconds(ask))
    once, twice = statistics.median(first) * 1000, statistics.median(again) * 1000
    return [
        Measured(
            f"the same prompt again ÷ the first time, {count:,} LoRAs",
            twice / once,
            "×",
            0.1,
            detail=f"{twice:.2f} ms ÷ {once:.2f} ms, medians of {len(prompts)} prompts of {TOKENS[0]} tokens",
        )
    ]


def _parts(suite: Suite, recommender: Recommender, encoder: Encoder, count: int) -> list[Measured]:
    """Where the time of a suggestion goes; the parts wait for each other here."""
    rows = []
    for tokens in TOKENS:
        every: list[Mapping[str, float]] = []
        for prompt in speed.prompts_of_length(tokens, suite.prompts, token_counter(encoder), seed=2):
            laps = Laps()
            recommender.recommend(Query(prompt=prompt), None, laps)
            every.append(laps.parts)
        for part in every[0]:
            taken = statistics.median(parts[part] for parts in every)
            rows.append(Measured(f"{part}, {tokens} tokens, {count:,} LoRAs", taken, "ms", None, detail="part"))
    return rows


def _flat_search(count: int, dim: int) -> Callable[[Any], object]:
    """The bare search: one matrix of as many vectors, nothing else."""
    matrix = np.random.default_rng(1).standard_normal((count, dim), np.float32)
    index = index_class()(matrix)
    return lambda query: index.search(query, NEAREST)


_SERVE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from lorarec.commands.bench_suggest import serve
print(json.dumps(serve(*sys.argv[2:])))
"""


def _vector_bytes(folder: Path, data: Path) -> int:
    """Bytes of all vectors of a saved library."""
    library = library_module.load(library_folder(data, [folder]))
    assert library is not None and library.vectors is not None  # it was just served
    found = (getattr(library.vectors, name) for name in library.vectors.__struct_fields__)
    return sum(matrix.nbytes for matrix in found if isinstance(matrix, np.ndarray))


def _served_memory(folder: Path, data: Path, settings: Settings, refresh: bool) -> tuple[float, float]:
    """MB of a fresh process that serves a library, resident and of its own; NaN where they cannot be read."""
    home = str(Path(__file__).resolve().parents[2])
    arguments = [home, str(folder), str(data), msgspec.json.encode(settings).decode(), "refresh" if refresh else ""]
    done = subprocess.run(
        [sys.executable, "-c", _SERVE, *arguments], capture_output=True, text=True, encoding="utf-8", check=True
    )
    resident, own = (math.nan if value is None else float(value) for value in json.loads(done.stdout))
    return resident, own


def serve(folder: str, data: str, settings: str, refresh: str) -> tuple[float | None, float | None]:
    """Body of the fresh process: serve a library as a host does and say how much memory that holds."""
    chosen = msgspec.json.decode(settings, type=Settings)
    with Recommender.open([folder], data, settings=chosen, user=None) as recommender:
        if refresh:
            recommender.refresh()
        for prompt in speed.prompts_of_length(60, 20, lambda text: len(text.split())):
            recommender.recommend(Query(prompt=prompt))
        return process.resident_mb(), process.own_mb()
