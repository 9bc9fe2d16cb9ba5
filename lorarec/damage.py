"""Damage of the database file: recognised, noted where it is met, looked for, and left behind.

A damaged file is replaced by a new one that is finished first: killed at any moment, the history is in one of the two,
and the next to open the file goes on from there.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from .aside import aside
from .errors import StorageError
from .salvage import rescue

SUSPECT = "lorarec.suspect"  # is there while damage was met in the file and it was not yet looked through


def new_name(path: Path) -> Path:
    """What is to take the place of a damaged file, beside it."""
    return path.with_name(f"{path.name}.new")


def is_damage(error: BaseException | None) -> bool:
    """Whether an error of SQLite says that the file is damaged."""
    text = str(error)
    # "no such table" means that the file carries our version but not our tables: not written by us.
    return any(sign in text for sign in ("not a database", "malformed", "no such table: part"))


def note(path: Path) -> None:
    """Note damage, so that the next to open the file looks through all of it."""
    with contextlib.suppress(OSError):
        path.with_name(SUSPECT).touch()


def look(path: Path, patience: float) -> None:
    """Look at a file that is to be opened: finish its replacement if that was cut short, check it if damage was noted.

    Args:
        path: the file.
        patience: seconds to wait for another process that holds it.

    Raises:
        sqlite3.DatabaseError: there is damage, or the file cannot be read.
    """
    if not path.exists() and new_name(path).exists():  # killed between the two renames of `replace`
        new_name(path).rename(path)
    if path.with_name(SUSPECT).exists():
        with contextlib.closing(sqlite3.connect(path, timeout=patience)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"malformed: {' '.join(str(found).split())}")
        path.with_name(SUSPECT).unlink(missing_ok=True)


def replace(path: Path, error: sqlite3.DatabaseError) -> str:
    """Put the empty file of `new_name` in the place of a damaged one, with what can be read of its history.

    Returns:
        What to say of it.

    Raises:
        StorageError: the damaged file cannot be set aside, or the new one not take its place.
    """
    new = new_name(path)
    rescued = rescue(path, new)
    try:
        kept = _set_aside(path)
        new.rename(path)
        path.with_name(SUSPECT).unlink(missing_ok=True)
    except OSError as reason:
        raise StorageError(
            f"{path} is damaged and cannot be set aside ({reason.strerror}); "
            "close other programs that use it and delete it"
        ) from reason
    saved = [f"{rescued[name]:,} {name}s" for name in ("generation", "event") if rescued.get(name)]
    history = f"of the history {' and '.join(saved)} could be saved" if saved else "the history begins anew"
    return (
        f"The database {path} was damaged ({error}); it was kept as {kept.name} and a new one started: {history}. "
        "The LoRAs must be scanned again; harvest your images to fill gaps."
    )


def _set_aside(path: Path) -> Path:
    kept = aside(path, "damaged")
    path.rename(kept)
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)  # made anew by whoever opens the file
    journal = path.with_name(f"{path.name}-wal")
    if journal.exists():
        if journal.stat().st_size:
            journal.rename(kept.with_name(kept.name + "-wal"))
        else:
            journal.unlink()
    return kept
