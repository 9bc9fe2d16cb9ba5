"""Advisory locks among processes."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from .errors import StorageError


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold a lock among processes; the system frees it when its holder dies.

    Where the file system knows no locks (some network drives) the block runs unlocked.

    Raises:
        StorageError: the lock file cannot be made.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StorageError(unwritable(path, error)) from error
    try:
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(handle, msvcrt.LK_LOCK, 1)  # gives up after ten seconds
            else:
                import fcntl

                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # closing frees the lock on every system


def unwritable(path: Path, error: OSError) -> str:
    """What to tell a user of a file or folder of ours that cannot be written."""
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return f"{path} cannot be made, for a file is in its way; choose another data folder"
    return f"{path} cannot be written ({error.strerror}); check its permissions or choose another data folder"
