"""Measure speed and memory on this machine, as ratios to the bare work that nobody can do without.

Works on made-up collections in a temporary folder; nothing of yours is read or changed. Every run is kept in the data
folder, see --history. docs/measuring.md explains the rows. The full run takes some minutes and 4 GB of disk.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from .. import __version__
from .. import settings as options
from ..errors import StorageError, UsageError
from ..host import PlainHost
from ..measure import process, tables
from ..measure.bench_data import Bench
from ..measure.speed import Measured
from ..present import print_json
from ..progress import progress
from . import bench_faces, bench_history, bench_runs, bench_start, bench_suggest
from .arguments import add_json, whole
from .bench_history import EVENTS
from .bench_suite import Suite

LARGE = (100_000, 1_000_000)  # LoRAs
_LEAST = 10  # files, images …
_count = whole(_LEAST, 1_000_000)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--sizes", type=_sizes, metavar="LIST", help="LoRAs in the libraries, by commas (default: 1000,10000)"
    )
    parser.add_argument(
        "--only", type=_parts, metavar="LIST", help=f"measure only these, by commas: {', '.join(MEASUREMENTS)}"
    )
    parser.add_argument("--files", type=_count, metavar="N", help="files to scan (default: 10000)")
    parser.add_argument("--images", type=_count, metavar="N", help="images to harvest (default: 5000)")
    parser.add_argument("--generations", type=_count, metavar="N", help="generations of history (default: 20000)")
    parser.add_argument("--quick", action="store_true", help="a tenth of all that, for a first look")
    parser.add_argument(
        "--large",
        action="store_true",
        help=f"also {LARGE[0]:,} and {LARGE[1]:,} LoRAs and {EVENTS:,} events: a quarter of an hour, 30 GB of disk, 8 "
        "of memory",
    )
    parser.add_argument(
        "--bench",
        default=os.environ.get("LORAREC_BENCH"),
        metavar="BENCH",
        help="encode the texts of this lorabench folder (default: LORAREC_BENCH, else made-up texts)",
    )
    parser.add_argument("--work", metavar="DIR", help="keep the made-up collections here between runs")
    parser.add_argument("--history", action="store_true", help="list earlier runs and compare the last two")
    add_json(parser)


def _sizes(text: str) -> list[int]:
    return sorted({_count(part) for part in text.split(",")})


def _parts(text: str) -> list[str]:
    wanted = text.split(",")
    for part in wanted:
        if part not in MEASUREMENTS:
            raise argparse.ArgumentTypeError(f"{part!r} is none of {', '.join(MEASUREMENTS)}")
    return wanted


def run(args: argparse.Namespace) -> int:
    """Measure, keep and print; or list earlier runs."""
    if args.loras:
        raise UsageError("bench works on made-up collections; leave out --loras")
    data_dir = PlainHost(data=args.data).data_dir()
    if args.history:
        return _history(data_dir, args.json)
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="lorarec-bench-", ignore_cleanup_errors=True) as scratch,
        progress() as meter,
    ):
        work = Path(args.work) if args.work else Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        suite = Suite(work, data_dir, options.load(data_dir), meter, 40 if args.quick else 120)
        rows = [
            row for name, measure in MEASUREMENTS.items() if not args.only or name in args.only
            for row in measure(suite, args)
        ]  # fmt: skip
        encoders = suite.encoders.model_ids()
    chosen = ("sizes", "only", "files", "images", "generations", "quick", "large", "bench")
    done = bench_runs.Run(
        at=time.time(),
        lorarec=__version__,
        options={name: _plain(getattr(args, name)) for name in chosen},
        encoders=encoders,
        machine=process.machine(),
        versions=process.versions(),
        seconds=round(time.monotonic() - begun, 1),
        rows=tuple(bench_runs.kept(row) for row in rows),
    )
    try:
        bench_runs.add(data_dir, done)
    except OSError as error:
        raise StorageError(f"{data_dir / bench_runs.FILE} cannot be written ({error.strerror})") from error
    if args.json:
        print_json(msgspec.to_builtins(done))
        return 0
    print(tables.speed(rows))
    print("\n" + _machine(done))
    print(f"encoder {encoders.get('semantic', 'none')}; {done.seconds} s")
    return 0


def _plain(value: object) -> str | int | bool | None:
    """An option as it is kept with a run."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str | int | bool) else None


def _sizes_of(args: argparse.Namespace) -> list[int]:
    sizes = args.sizes or ([100, 1000] if args.quick else [1000, 10_000])
    return [*sizes, *(LARGE if args.large else ())]


def _library_of(args: argparse.Namespace) -> int:
    """LoRAs of the library that the other measurements use."""
    return max(size for size in (*_sizes_of(args), _LEAST) if size <= bench_suggest.REAL)


def _tenth(args: argparse.Namespace) -> int:
    return 10 if args.quick else 1


def _suggest(suite: Suite, args: argparse.Namespace) -> list[Measured]:
    return bench_suggest.suggestions(suite, _sizes_of(args))


def _start(suite: Suite, args: argparse.Namespace) -> list[Measured]:
    runs = 5 if args.quick else 15
    return suite.start(runs) + bench_start.first_suggestion(suite, _library_of(args), runs // 2 + 1)


def _past(suite: Suite, args: argparse.Namespace) -> list[Measured]:
    rows = bench_history.pasts(suite, _library_of(args), args.generations or 20_000 // _tenth(args))
    rows += bench_history.harvests(suite, args.images or 5_000 // _tenth(args))
    return rows + (bench_history.events(suite) if args.large else [])


def _serve(suite: Suite, args: argparse.Namespace) -> list[Measured]:
    return bench_faces.servers(suite, _library_of(args), 10 if args.quick else 60)


def _busy(suite: Suite, args: argparse.Namespace) -> list[Measured]:
    return bench_start.beside_sampling(suite, _library_of(args), 4 if args.quick else 12)


def _scan(suite: Suite, args: argparse.Namespace) -> list[Measured]:
    return suite.scans(args.files or 10_000 // _tenth(args))


def _encode(suite: Suite, args: argparse.Namespace) -> list[Measured]:
    return suite.throughput(Bench(args.bench) if args.bench else None, 300 if args.quick else 1500)


MEASUREMENTS: dict[str, Callable[[Suite, argparse.Namespace], list[Measured]]] = {
    "suggest": _suggest,
    "start": _start,
    "past": _past,
    "serve": _serve,
    "busy": _busy,
    "scan": _scan,
    "encode": _encode,
}


def _history(data_dir: Path, as_json: bool) -> int:
    """List earlier runs and compare the last two."""
    runs = bench_runs.load(data_dir)
    if as_json:
        print_json(msgspec.to_builtins(runs))
        return 0
    if not runs:
        print(f"no run is kept in {data_dir} yet")
        return 0
    print(bench_runs.listing(runs))
    if len(runs) > 1:
        print("\n" + bench_runs.comparison(runs[-2], runs[-1]))
    return 0


def _machine(done: bench_runs.Run) -> str:
    """Machine facts in one line."""
    facts = done.machine
    packages = ", ".join(f"{name} {version}" for name, version in done.versions.items())
    return f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}; {packages}"
