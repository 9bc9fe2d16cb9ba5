"""Take over what other tools know of your LoRAs: usage counts, recipes, prompts and likes. Their files are only read.

Recognised by content: LoRA Manager's lora_manager_stats.json and .recipe.json files, tagcomplete's tag_frequency.db,
Infinite Image Browsing's iib.db. A folder is searched for all of these. Counts replace what the same tool said before,
so give all files of one tool at once; the rest is added, and twice the same changes nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..paths import exists
from ..present import print_json
from ..progress import progress
from .arguments import add_json
from .common import opened
from .linked import index_loras, learn, show_counts, show_links, show_problems

if TYPE_CHECKING:
    from ..history.imports.importing import ImportReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("paths", nargs="+", metavar="FILE|DIR", help="a file of another tool, or a folder with some")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Index the LoRAs, then read the files."""
    for name in args.paths:
        if not exists(name):
            raise UsageError(f"{name} is not there; check its spelling, or that its drive is connected")
    with opened(args) as recommender:
        index_loras(recommender)
        with progress() as meter:
            report = recommender.memory.import_usage([Path(name) for name in args.paths], meter)
            learn(recommender, meter)
    if args.json:
        print_json(report)
    else:
        _print(report)
    return 0


def _print(report: ImportReport) -> None:
    print(
        f"{report.generations:,} generations learned, {report.usage:,} counts taken over, "
        f"{report.liked:,} images newly known to be liked; {report.seconds:.1f} s"
    )
    show_counts("entries read", report.sources)
    show_links(report)
    show_problems(report.problems)
