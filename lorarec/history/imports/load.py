"""Recognise what other tools left, by content, and read it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import BadFile
from ...paths import is_folder, printable
from ...types import ScanProblem
from . import infinite_browsing, lora_manager, tagcomplete
from .imported import Imported
from .sqlite import is_sqlite, opened

RECIPE = ".recipe.json"
STORES = ("lora_manager_stats.json", "tag_frequency.db", "iib.db")
UNDERSTOOD = (
    "LoRA Manager's lora_manager_stats.json and recipes, tagcomplete's tag_frequency.db, "
    "Infinite Image Browsing's iib.db"
)


def load(path: str | Path, known: Callable[[str], bool] = lambda name: False) -> Iterator[Imported]:
    """Read a file of another tool, or all of them below a folder; large ones in several parts.

    Args:
        path: a file of any name, or a folder in which files are found by their usual names.
        known: whether a string names a catalogued LoRA.

    Raises:
        BadFile: the file cannot be read or is none of them; below a folder such files become problems of a part, and
            only a folder without any of them is an error.
    """
    place = Path(path).absolute()
    if not is_folder(place):
        yield from _read(str(place), known)
        return
    recipes: list[Imported] = []
    problems: list[ScanProblem] = []
    files = _stores(place, problems)
    if not files:
        unread = "".join(f"; {one.path}: {one.message}" for one in problems[:1])
        raise BadFile(f"{place} holds nothing that can be imported; understood are {UNDERSTOOD}{unread}")
    for file in files:
        try:
            if file.endswith(RECIPE):
                recipes.append(lora_manager.read(file))
            else:
                yield from _read(file, known)
        except BadFile as error:
            problems.append(ScanProblem(file, str(error)))
    if recipes or problems:
        generations = tuple(entry for part in recipes for entry in part.generations)
        yield Imported(source=lora_manager.RECIPES, generations=generations, problems=tuple(problems))


def _read(path: str, known: Callable[[str], bool]) -> Iterator[Imported]:
    if not is_sqlite(path):
        yield lora_manager.read(path)
        return
    with opened(path) as connection:
        if tagcomplete.recognises(connection):
            yield tagcomplete.read(connection)
        elif infinite_browsing.recognises(connection):
            yield from infinite_browsing.read(connection, known)
        else:
            raise BadFile(f"{path} is a database of another program; understood are {UNDERSTOOD}")


def _stores(folder: Path, problems: list[ScanProblem]) -> list[str]:
    """Files below a folder that carry the usual names, sorted; folders that cannot be read become ``problems``."""

    def unreadable(error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        problems.append(
            ScanProblem(printable(str(error.filename)), f"folder cannot be read ({reason}); check its permissions")
        )

    found: list[str] = []
    for place, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.join(place, name) for name in names if name.endswith(RECIPE) or name in STORES]
    return sorted(found)
