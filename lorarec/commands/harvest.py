"""Learn from the images you have made: prompts, LoRAs and strengths are read from the files, pixels never.

Understands images of A1111, Forge, SD.Next, ComfyUI, SwarmUI, InvokeAI, Fooocus and NovelAI. Only new and changed
files are read, newest first; stop it whenever you like, the next call goes on from there. Everything stays on this
machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..paths import is_folder
from ..present import print_json, remark
from ..progress import progress
from ..settings import adopt
from .arguments import add_json
from .common import opened, own_command
from .linked import index_loras, learn, show_counts, show_links, show_problems

if TYPE_CHECKING:
    from ..history.harvest.harvest import HarvestReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "folders",
        nargs="*",
        metavar="DIR",
        help="image folders, e.g. ComfyUI's output (default: the setting `images`)",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Index the LoRAs, then read the images."""
    for name in args.folders:
        if not is_folder(name):
            raise UsageError(f"{name} is no folder; check its spelling, or that its drive is connected")
    with opened(args) as recommender:
        folders = [Path(name) for name in args.folders or recommender.settings.images]
        if not folders:
            raise UsageError(
                f"no image folder is known; name those with your images: {own_command()} harvest DIR, "
                f"or set them: {own_command()} settings set images DIR"
            )
        index_loras(recommender)
        with progress() as meter:
            report = recommender.memory.harvest(folders, meter)
            learn(recommender, meter)
        if adopt(recommender.data_dir, "images", args.folders):
            remark(f"these image folders are now the default; `{own_command()} settings set images` changes that")
    if args.json:
        print_json(report)
    else:
        _print(report)
    return 0


def _print(report: HarvestReport) -> None:
    parts = [f"{report.found:,} images"]
    for name in ("new", "changed", "gone"):
        if amount := getattr(report, name):
            parts.append(f"{amount:,} {name}")
    learned = f"{report.generations:,} generations learned"
    print(f"{', '.join(parts)}; {learned}; {report.seconds:.1f} s")
    left = {"no generator's metadata": report.bare, "unreadable": report.unreadable, "kept out": report.excluded}
    show_counts("images read by", {**report.readers, **{name: count for name, count in left.items() if count}})
    show_links(report)
    show_problems(report.problems)
