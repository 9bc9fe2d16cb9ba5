"""Many rows at once, in statements that SQLite takes, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

CHUNK = 500  # values per statement; SQLite allows at least 999
_T = TypeVar("_T")


def insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, all with the same columns; none is fine."""
    import sqlalchemy as sa

    if rows:
        connection.execute(sa.insert(table), rows)


def chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Slices short enough for one statement."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
