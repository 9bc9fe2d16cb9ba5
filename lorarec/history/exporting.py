"""Every row of a user as JSON-ready objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from .schema import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

_READABLE: dict[str, Callable[[Any], Any]] = {
    "key": bytes.hex,
    "family": bytes.hex,
    "seed": int,
    "live": bool,
    "hashes": str.split,
    "active": msgspec.json.decode,
}


def export(connection: Connection, user: str | None) -> Iterator[dict[str, Any]]:
    """Objects with ``kind`` first, then the columns of that table; rows refer to each other by ``id``."""
    import sqlalchemy as sa

    t = tables()
    kinds = {
        "generation": t.generation,
        "use": t.use,
        "image": t.image,
        "source": t.source,
        "outcome": t.outcome,
        "impression": t.impression,
        "shown": t.shown,
        "event": t.event,
        "usage": t.usage,
    }
    for kind, table in kinds.items():
        for row in connection.execute(sa.select(table).where(table.c.user == user).order_by(table.c.id)):
            columns = row._mapping.items()
            readable = {
                name: _READABLE[name](value) if name in _READABLE and value is not None else value
                for name, value in columns
            }
            yield {"kind": kind, **readable}
