"""Find LoRAs like one you have: alternatives to it, best first."""

from __future__ import annotations

import argparse

from ..present import console, print_json, remarks, show_suggestions
from .arguments import add_json, add_refresh, add_top
from .common import bring_up_to_date, opened, unsaid


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("name", metavar="NAME", help="a LoRA: its path below the LoRA folder, file name or title")
    add_top(parser)
    add_json(parser)
    add_refresh(parser)


def run(args: argparse.Namespace) -> int:
    """Print the LoRAs most like one."""
    with opened(args) as recommender:
        bring_up_to_date(recommender, not args.no_refresh)
        found = recommender.similar(args.name, args.top)
    remarks(unsaid(found.notes, recommender))
    if args.json:
        print_json(found)
    else:
        show_suggestions(found, console(), what="LoRA")
    return 0
