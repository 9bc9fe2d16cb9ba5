"""Rows of a damaged database, copied into a new one as far as SQLite can still read them.

Only the history is worth it: all else is made anew from files. The damaged file is only read.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

PART = "history"  # whose tables are copied: those named history_...
OUTLIVES = "history_event"  # its rows mean something without the row they point to; others go with theirs
_NEAR = 256  # rows tried one by one behind a damaged place, more than a page holds; then in growing steps
_LAST = 1 << 62


def rescue(damaged: Path, fresh: Path) -> dict[str, int]:
    """Copy the history of a damaged database into a fresh one that has none.

    Returns:
        Rows copied by table, without the prefix; empty if nothing could be read, and then nothing is changed.
    """
    address = f"{damaged.resolve().as_uri()}?mode=ro"
    try:
        with (
            contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None)) as source,
            contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as target,
        ):
            return _copy(source, target)
    except sqlite3.Error:
        return {}


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> dict[str, int]:
    version = source.execute("SELECT version FROM part NOT INDEXED WHERE name = ?", (PART,)).fetchone()
    named = "SELECT name, sql FROM sqlite_master WHERE type = ? AND tbl_name GLOB ? AND sql NOT NULL"
    tables = source.execute(named, ("table", f"{PART}_*")).fetchall()
    if not version or not tables:
        return {}
    target.execute("BEGIN IMMEDIATE")
    for _, statement in [*tables, *source.execute(named, ("index", f"{PART}_*")).fetchall()]:
        target.execute(statement)
    for name, _ in tables:
        columns = [row[1] for row in target.execute(f'PRAGMA table_info("{name}")')]
        into = ", ".join(f'"{column}"' for column in columns)
        places = ", ".join("?" * len(columns))
        # What breaks a rule of the table (no value where there must be one, a key twice) was damaged too.
        target.executemany(f'INSERT OR IGNORE INTO "{name}" ({into}) VALUES ({places})', _rows(source, name, into))
    _drop_orphans(target)
    # What was derived of the whole history counts by this token, and must not pass for what is derived of the rest.
    target.execute(f"UPDATE {PART}_state SET token = ?", (secrets.token_hex(4),))
    target.execute("INSERT INTO part (name, version) VALUES (?, ?)", (PART, version[0]))
    copied = {name: int(target.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name, _ in tables}
    target.execute("COMMIT")
    return {name.removeprefix(f"{PART}_"): rows for name, rows in copied.items()}


def _rows(source: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[object, ...]]:
    """All rows of a table that can be read, in order of their ids, on both sides of whatever cannot."""
    query = f'SELECT rowid, {columns} FROM "{table}" NOT INDEXED WHERE rowid > ? ORDER BY rowid'
    at, misses = -1, 0
    while at < _LAST:
        try:
            for row in source.execute(query, (at,)):
                if row[0] <= at:
                    raise sqlite3.DatabaseError("pages that lead back to others")
                at, misses = row[0], 0
                yield row[1:]
            return
        except sqlite3.DatabaseError:
            misses += 1
            at += 1 if misses <= _NEAR else 1 << (misses - _NEAR)


def _drop_orphans(target: sqlite3.Connection) -> None:
    """Remove what belongs to rows that were lost: an image whose generation is gone is then harvested again."""
    while orphans := target.execute("PRAGMA foreign_key_check").fetchall():
        for table, row, _, number in orphans:
            [column] = [key[3] for key in target.execute(f'PRAGMA foreign_key_list("{table}")') if key[0] == number]
            change = f'UPDATE "{table}" SET "{column}" = NULL' if table == OUTLIVES else f'DELETE FROM "{table}"'
            target.execute(f"{change} WHERE rowid = ?", (row,))
