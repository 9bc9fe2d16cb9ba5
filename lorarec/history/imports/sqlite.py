"""Open another program's SQLite file without writing a byte, not even beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ...errors import BadFile

MAGIC = b"SQLite format 3\0"
_BUSY_SECONDS = 5
_WAL = 2  # file format version at offset 18


def is_sqlite(path: str) -> bool:
    """Whether a file begins like an SQLite database.

    Raises:
        BadFile: the file cannot be read.
    """
    return _head(path).startswith(MAGIC)


@contextmanager
def opened(path: str) -> Iterator[sqlite3.Connection]:
    """The database, read only. Text that is no UTF-8 is read with replacement characters.

    Raises:
        BadFile: it is damaged, locked by the program that owns it, or cannot be read.
    """
    head = _head(path)
    wal = len(head) > 18 and head[18] == _WAL
    # A reader of a journal in WAL mode makes files beside it, unless told that nobody writes. Where one lies there
    # already it may hold what is not yet in the database, so that it must be read too.
    log = Path(f"{path}-wal")
    pending = log.exists() and log.stat().st_size > 0
    uri = Path(path).absolute().as_uri() + ("?mode=ro&immutable=1" if wal and not pending else "?mode=ro")
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as connection:
            connection.text_factory = lambda content: content.decode("utf-8", "replace")
            yield connection
    except sqlite3.DatabaseError as error:
        if "locked" in str(error) or "busy" in str(error):
            remedy = "close the program that uses it and import again"
        else:
            remedy = "if the program that wrote it is running, close it; else it is damaged"
        raise BadFile(f"{path} cannot be read ({error}); {remedy}") from error


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Names of a table's columns; empty if there is no such table."""
    return {row[0] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(100)
    except OSError as error:
        raise BadFile(f"{path} cannot be read ({error.strerror}); check its permissions") from error
