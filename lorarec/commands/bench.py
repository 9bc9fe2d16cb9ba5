"""Measure speed and memory on this machine, as ratios to the bare work that nobody can do without.

Works on made-up collections in a temporary folder; nothing of yours is read or changed. docs/measuring.md explains the
rows. The full run takes some minutes and 4 GB of disk.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from pathlib import Path

import msgspec

from .. import __version__
from .. import settings as options
from ..errors import UsageError
from ..host import PlainHost
from ..measure import process, tables
from ..measure.bench_data import Bench
from ..present import print_json
from ..progress import progress
from . import bench_faces, bench_history
from .bench_history import EVENTS
from .bench_suite import LARGE, Suite
from .common import add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--count", type=_count, metavar="N", help="LoRAs in the library (default: 10000)")
    parser.add_argument("--files", type=_count, metavar="N", help="files to scan (default: 10000)")
    parser.add_argument("--images", type=_count, metavar="N", help="images to harvest (default: 5000)")
    parser.add_argument("--generations", type=_count, metavar="N", help="generations of history (default: 20000)")
    parser.add_argument("--quick", action="store_true", help="a tenth of all that, for a first look")
    parser.add_argument(
        "--large", action="store_true", help=f"also {LARGE:,} LoRAs and {EVENTS:,} events: half an hour, 6 GB"
    )
    parser.add_argument(
        "--bench",
        default=os.environ.get("LORAREC_BENCH"),
        metavar="BENCH",
        help="encode the texts of this lorabench folder (default: LORAREC_BENCH, else made-up texts)",
    )
    parser.add_argument("--work", metavar="DIR", help="keep the made-up collections here between runs")
    add_json(parser)


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    if not 10 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text} must lie between 10 and 1000000")
    return value


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    if args.loras:
        raise UsageError("bench works on made-up collections; leave out --loras")
    tenth = 10 if args.quick else 1
    count, files = args.count or 10_000 // tenth, args.files or 10_000 // tenth
    images, generations = args.images or 5_000 // tenth, args.generations or 20_000 // tenth
    bench = Bench(args.bench) if args.bench else None
    data_dir = PlainHost(data=args.data).data_dir()
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="lorarec-bench-", ignore_cleanup_errors=True) as scratch,
        progress() as meter,
    ):
        work = Path(args.work) if args.work else Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        suite = Suite(work, data_dir, options.load(data_dir), meter, 40 if args.quick else 120)
        rows = suite.suggestions(count)
        if args.large:
            rows += suite.suggestions(LARGE)
        rows += bench_history.pasts(suite, count, generations)
        rows += bench_history.harvests(suite, images)
        if args.large:
            rows += bench_history.events(suite)
        rows += bench_faces.servers(suite, count, 10 if args.quick else 60)
        rows += suite.scans(files)
        rows += suite.throughput(bench, 300 if args.quick else 1500)
        rows += suite.start(5 if args.quick else 15)
        encoders = suite.encoders.model_ids()
    facts = {
        "lorarec": __version__,
        "encoders": encoders,
        "machine": process.machine(),
        "versions": process.versions(),
        "seconds": round(time.monotonic() - begun, 1),
    }
    if args.json:
        plain = msgspec.to_builtins(rows)
        for row, measured in zip(plain, rows, strict=True):
            row["value"] = None if math.isnan(measured.value) else measured.value
            row["good"] = measured.good
        print_json({**facts, "rows": plain})
        return 0
    print(tables.speed(rows))
    print("\n" + _machine())
    print(f"encoder {encoders.get('semantic', 'none')}; {facts['seconds']} s")
    return 0


def _machine() -> str:
    """Machine facts in one line."""
    facts = process.machine()
    packages = ", ".join(f"{name} {version}" for name, version in process.versions().items())
    return f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}; {packages}"
