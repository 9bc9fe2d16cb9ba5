"""Scan LoRA folders and bring the index up to date: only new and changed files are read.

Nothing is written beside the models. It can be stopped at any time and goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from ..errors import NotIndexed
from ..present import plain, print_json, remark, remarks
from ..progress import progress
from ..settings import adopt
from .arguments import add_json
from .common import nothing_found, opened, own_command

if TYPE_CHECKING:
    from ..recommender import Recommender
    from ..types import ScanReport

SHOWN = 20  # problems listed here; `doctor` lists all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Scan, index and encode."""
    begun = time.monotonic()
    with opened(args) as recommender:
        with progress() as meter:
            report = replace(recommender.refresh(meter), seconds=time.monotonic() - begun)
        stage = recommender.stage
        remarks(recommender.notices)
        if args.json:
            print_json({**msgspec.structs.asdict(report), "stage": stage})
        else:
            _print(report, recommender)
        if stage == "empty" or not report.found:
            raise NotIndexed(nothing_found(recommender))
        if adopt(recommender.data_dir, "loras", args.loras):
            remark(f"these folders are now the default; `{own_command()} settings set loras` changes that")
    return 0


def _print(report: ScanReport, recommender: Recommender) -> None:
    parts = [f"{report.found} LoRAs"]
    for name in ("added", "changed", "moved", "missing"):
        if amount := getattr(report, name):
            parts.append(f"{amount} {name}")
    how = {"full": "words and meaning", "lexical": "words only"}.get(recommender.stage, "nothing")
    how = how if recommender.loras() else "nothing"
    print(f"{', '.join(parts)}; indexed: {how}; {report.seconds:.1f} s")
    for problem in report.problems[:SHOWN]:
        print(plain(f"{problem.path}: {problem.message}"), file=sys.stderr)
    more = len(report.problems) - SHOWN
    if more > 0:
        remark(f"{more} more problems; `{own_command()} doctor` lists all")
