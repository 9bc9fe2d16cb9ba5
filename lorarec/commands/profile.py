"""Show what your history says about you: favourites, styles, strengths, habits, and what lies idle.

Every statement carries the number n it rests on; what too little is known of is not said, and the end of the page tells
why. With --project the generations of that project count fully and all others a little.
"""

from __future__ import annotations

import argparse

from ..present import console, print_json, remark
from .arguments import add_json, add_refresh
from .common import bring_up_to_date, opened, own_command
from .moments import since
from .profile_page import show_profile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--project", metavar="NAME", help='only this project, "" for all (default: the setting)')
    parser.add_argument("--since", type=since, metavar="DATE", help="not what is older: 2026-01-31, or an age like 90d")
    add_json(parser, "print JSON instead of a page")
    add_refresh(parser)


def run(args: argparse.Namespace) -> int:
    """Print the profile."""
    with opened(args) as recommender:
        bring_up_to_date(recommender, not args.no_refresh, loras_needed=False)
        project = recommender.settings.project if args.project is None else args.project
        found = recommender.profile(project=project, since=args.since)
        if not recommender.memory.history.recording:
            remark(f"the history is off: nothing is recorded or used; `{own_command()} history on` changes that")
    if args.json:
        print_json(found)
    else:
        show_profile(found, console())
    return 0
