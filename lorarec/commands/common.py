"""What several verbs do: open the recommender, bring its index up to date, serve until told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NotIndexed, UsageError
from ..paths import is_folder, printable
from ..present import remarks
from ..progress import progress
from ..settings import Settings, change

if TYPE_CHECKING:
    from ..recommender import Recommender


def own_command() -> str:
    """How the user called lorarec, for commands that we tell them to type."""
    script = Path(sys.argv[0])
    if script.suffix == ".py" and script.name != "__main__.py":
        return f"{quoted(sys.executable)} {quoted(sys.argv[0])}"
    return "lorarec" if script.stem in ("lorarec", "pytest") else f"{quoted(sys.executable)} -m lorarec"


def quoted(text: str) -> str:
    """A path as one word of a shell command."""
    return f'"{text}"' if " " in text else text


def check_folders(args: argparse.Namespace) -> None:
    """Refuse LoRA folders on the command line that are not there.

    Raises:
        UsageError: a folder does not exist, or is a file.
    """
    for name in args.loras:
        if not is_folder(name):
            raise UsageError(f"--loras {name} is no folder; check its spelling, or that its drive is connected")


def change_settings(data_dir: Path, changed: Callable[[Settings], Settings]) -> None:
    """Store changed settings; says so where a file with mistakes was kept under another name.

    Raises:
        UsageError: a value is out of bounds.
        StorageError: the data folder cannot be written.
    """
    kept = change(data_dir, changed)
    remarks([kept] if kept else [])


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[Recommender]:
    """The recommender of the folders on the command line, closed at the end.

    Raises:
        UsageError: a folder on the command line does not exist.
        LorarecError: settings or data folder cannot be used.
    """
    from ..recommender import Recommender

    check_folders(args)
    recommender = Recommender.open(args.loras, args.data)
    try:
        yield recommender
    finally:
        recommender.close()


def bring_up_to_date(recommender: Recommender, refresh: bool = True, *, loras_needed: bool = True) -> None:
    """Index what is new or changed, if ``refresh``, with progress on stderr; says which LoRA folder is out of reach.

    Raises:
        NotIndexed: there is nothing to recommend from, with the reason; with ``loras_needed`` also where no LoRA of the
            index is there any more.
    """
    if refresh:
        with progress() as meter:
            report = recommender.refresh(meter)
        folders = set(map(printable, recommender.roots))
        remarks([f"{one.path}: {one.message}" for one in report.problems if one.path in folders])
    recommender.encoders.prepare()
    remarks(recommender.notices)
    if recommender.stage == "empty" and not refresh:
        raise NotIndexed(f"there is no index yet; run `{own_command()} index --loras DIR` first")
    if recommender.stage == "empty" or (loras_needed and not recommender.loras()):
        raise NotIndexed(nothing_found(recommender))


def unsaid(notes: Iterable[str], recommender: Recommender) -> list[str]:
    """The notes of an answer that do not repeat what was said when the recommender was opened."""
    return [note for note in notes if not any(notice in note for notice in recommender.notices)]


def nothing_found(recommender: Recommender) -> str:
    """Why a scan found nothing."""
    folders = ", ".join(str(root) for root in recommender.roots)
    return f"no LoRA files were found below {folders}; name another folder with --loras"


@contextmanager
def told_to_stop() -> Iterator[None]:
    """While it lasts, SIGTERM ends a program as Ctrl-C does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
