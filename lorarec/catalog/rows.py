"""Small moves on the catalogue's tables, inside the caller's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..batches import chunks, insert

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table


def state(connection: Connection, table: Table, name: str) -> int:
    """A counter of the catalogue, 0 before it was first set."""
    import sqlalchemy as sa

    return int(connection.execute(sa.select(table.c.value).where(table.c.name == name)).scalar() or 0)


def set_state(connection: Connection, table: Table, name: str, value: int) -> None:
    """Set a counter of the catalogue."""
    import sqlalchemy as sa

    if not connection.execute(sa.update(table).where(table.c.name == name).values(value=value)).rowcount:
        connection.execute(sa.insert(table).values(name=name, value=value))


def give_ids(connection: Connection, lora: Table, inserts: list[dict[str, Any]]) -> None:
    """Fill in ids: a digest of the first place, counted on where a LoRA that moved away still has it."""
    import sqlalchemy as sa

    waiting, taken, count = inserts, set[str](), 0
    while waiting:
        for row in waiting:
            row["id"] = lora_id(row["root"], row["path"], count)
        for chunk in chunks([row["id"] for row in waiting]):
            taken.update(connection.execute(sa.select(lora.c.id).where(lora.c.id.in_(chunk))).scalars())
        again = []
        for row in waiting:
            if row["id"] in taken:
                again.append(row)
            taken.add(row["id"])
        waiting, count = again, count + 1


def lora_id(root: str, path: str, count: int = 0) -> str:
    """The id a LoRA gets at first sight, 16 hex digits; ``count`` > 0 where that was taken."""
    text = f"{root}\0{path}" + (f"\0{count}" if count else "")
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def update(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Set the columns that the rows (all alike) name, by "at" = key."""
    import sqlalchemy as sa

    if rows:
        values: dict[str, Any] = {name: sa.bindparam(name) for name in rows[0] if name != "at"}
        connection.execute(sa.update(table).where(table.c.key == sa.bindparam("at")).values(values), rows)


def replace_rows(connection: Connection, table: Table, keys: Sequence[int], rows: list[dict[str, Any]]) -> None:
    """Delete the rows of these keys, then insert."""
    import sqlalchemy as sa

    for chunk in chunks(keys):
        connection.execute(sa.delete(table).where(table.c.key.in_(chunk)))
    insert(connection, table, rows)
