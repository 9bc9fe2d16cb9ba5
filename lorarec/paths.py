"""Files and folders by the names that users and hosts gave them, on every system."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from .types import ScanProblem

SAFETENSORS = (".safetensors", ".sft")
PICKLES = (".pt", ".ckpt", ".bin")  # listed by name and sidecar; never opened as pickles
EXTENSIONS = SAFETENSORS + PICKLES  # of what counts as a LoRA; hosts also load others, see those who list more
Identity = tuple[int, int] | str


def without_extension(name: str) -> str:
    """A name without the extension of a LoRA file, in whatever case; other dots stay."""
    lowered = name.lower()
    for extension in EXTENSIONS:
        if lowered.endswith(extension):
            return name[: -len(extension)]
    return name


def folded(name: str) -> str:
    """A name as names are compared: without case, and with accents written one way."""
    # macOS decomposes accents in file names; other systems keep them as typed.
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def expanded(path: str | os.PathLike[str]) -> str:
    """A path with the home folder for a leading "~"; of a user that is not known it stays as typed. Never raises."""
    return os.path.expanduser(path)  # noqa: PTH111 (Path's raises where the home folder is not known)


def absolute(folders: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Folders as absolute paths without links resolved, each once, in order."""
    # abspath, for resolve() would follow links and name files as the hosts do not.
    return list(dict.fromkeys(os.path.abspath(expanded(folder)) for folder in folders))  # noqa: PTH100


def as_on_disk(folder: str) -> str:
    """An absolute path as the disk spells it, where Windows takes other spellings for the same (``c:\\Out``)."""
    real = os.path.realpath(folder)
    if os.path.normcase(real) == os.path.normcase(folder):
        return real
    drive, rest = os.path.splitdrive(folder)  # a link or a network drive is on the way: only its letter is certain
    return (drive.upper() if drive.endswith(":") else drive) + rest


def identity(folder: str) -> Identity:
    """What tells a real folder from all others, whatever it is called here. Raises OSError."""
    status = Path(folder).stat()
    # Some network file systems have no inode numbers.
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(folder)


# Path.is_dir() and its kin raise PermissionError below a folder that may not be entered (before Python 3.14).


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a path leads to a folder; False where that cannot be seen. Never raises."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path leads to a file; False where that cannot be seen. Never raises."""
    return os.path.isfile(path)


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether a path leads to anything; False where that cannot be seen. Never raises."""
    return os.path.exists(path)  # noqa: PTH110


def printable(path: str | Path) -> str:
    """A path that any console and JSON can carry: what is no valid Unicode appears as an escape."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def unstorable(path: str) -> ScanProblem | None:
    """Why a path cannot be kept, None if it can: no host puts invalid Unicode into a prompt, a workflow or JSON."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return ScanProblem(printable(path), "left out: its name is not valid Unicode; rename it")
    return None
