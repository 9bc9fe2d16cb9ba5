"""Compute SHA-256 and AutoV3 of all LoRA files, which link images and imports to files.

Reads every byte of every file, smallest first: hours for thousands of files. Stop it whenever you like; the next call
goes on from there. Suggestions need no hashes.
"""

from __future__ import annotations

import argparse
import sys

from ..present import plain, print_json
from ..progress import progress
from .arguments import add_json
from .common import bring_up_to_date, opened


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Hash what has no hashes yet. Returns 1 if a file could not be read."""
    from ..catalog.hashing import hash_all
    from ..catalog.store import Catalog
    from ..database import open_database

    with opened(args) as recommender:
        bring_up_to_date(recommender)
        with open_database(recommender.data_dir) as database, progress() as meter:
            report = hash_all(Catalog(database), meter)
    if args.json:
        print_json(report)
    else:
        print(f"{report.hashed} files hashed, {report.waiting} waiting")
        for problem in report.problems:
            print(plain(f"{problem.path}: {problem.message}"), file=sys.stderr)
    return 1 if report.problems else 0
