"""Suggest LoRAs of yours for a prompt, best first, each with a strength, trigger words and reasons.

Indexes the LoRA folders first where that was not done yet, and looks for changed files each time.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..present import console, print_json, remarks, show_suggestions
from .arguments import SEEDS, add_json, add_refresh, add_top, whole
from .common import bring_up_to_date, opened, own_command, unsaid
from .query import active, add_filters, clean, query

if TYPE_CHECKING:
    from ..recommender import Recommender
    from ..types import Query


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("prompt", nargs="*", metavar="PROMPT", help="the prompt, in quotes")
    parser.add_argument("--negative", default="", metavar="TEXT", help="the negative prompt")
    add_top(parser)
    parser.add_argument(
        "--active",
        action="append",
        default=[],
        type=active,
        metavar="NAME[:W]",
        help="a LoRA already in use, with its strength; it is not suggested again, and others are weighed beside it",
    )
    parser.add_argument(
        "--base-model", metavar="NAME", help="checkpoint or base model, e.g. SDXL or ponyRealism_v22.safetensors"
    )
    add_filters(parser)
    parser.add_argument("--seed", type=whole(*SEEDS), default=0, metavar="N", help="seed of the exploration share")
    parser.add_argument(
        "--batch", metavar="FILE", help="read queries as JSON Lines from a file, or from stdin with -; see docs/cli.md"
    )
    add_json(parser)
    add_refresh(parser)


def run(args: argparse.Namespace) -> int:
    """Suggest for one prompt, or for a file of them."""
    prompt = clean(" ".join(args.prompt))
    if args.batch:
        if prompt:
            raise UsageError("give either a prompt or --batch, not both")
        from .batch import run_batch

        return run_batch(args)
    if not prompt.strip():
        raise UsageError(f'the prompt is empty; type it in quotes: {own_command()} suggest "a castle at night"')
    with opened(args) as recommender:
        bring_up_to_date(recommender, not args.no_refresh)
        return answer(recommender, query(args, prompt), args)


def answer(recommender: Recommender, asked: Query, args: argparse.Namespace) -> int:
    """Print the suggestions for one query."""
    found = recommender.recommend(asked, args.top)
    remarks(unsaid(found.notes, recommender))
    if args.json:
        print_json(found)
    else:
        least = recommender.settings.min_score if asked.min_score is None else asked.min_score
        show_suggestions(found, console(), least=least)
    return 0
