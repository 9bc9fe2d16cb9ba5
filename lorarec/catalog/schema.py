"""The catalogue's tables.

``lora`` is narrow, for comparing thousands of files with the disk at every scan; what describing a file yields stands
in ``lora_record`` and ``lora_claims`` as msgpack, to be read only when asked for.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table

VERSION = 1


class Tables(Struct, frozen=True):
    """SQLAlchemy's descriptions of the tables."""

    metadata: MetaData
    lora: Table  # one row per file ever seen
    record: Table  # its Lora, without what stands in columns of `lora` and `hashes`
    claims: Table
    problem: Table  # what could not be read of it
    hashes: Table  # full hashes of one state of it
    state: Table  # "version", "paired": counters


@functools.cache
def tables() -> Tables:
    """Build the descriptions; imports SQLAlchemy."""
    import sqlalchemy as sa

    metadata = sa.MetaData()

    def child(name: str, *columns: sa.Column[object]) -> sa.Table:
        owner = sa.ForeignKey("lora.key", ondelete="CASCADE")
        return sa.Table(name, metadata, sa.Column("key", sa.Integer, owner, primary_key=True), *columns)

    def text(name: str, default: str | None = None) -> sa.Column[object]:
        return sa.Column(name, sa.Text, nullable=False, server_default=default)

    def number(name: str, default: str | None = None) -> sa.Column[object]:
        return sa.Column(name, sa.BigInteger, nullable=False, server_default=default)

    def blob() -> sa.Column[object]:
        return sa.Column("data", sa.LargeBinary, nullable=False)

    lora = sa.Table(
        "lora",
        metadata,
        sa.Column("key", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        text("root"),
        text("path"),
        number("size"),
        number("modified_ns"),
        text("stamp"),  # of the file with its sidecars, see files.py; "" = to be described again
        text("fingerprint"),
        number("missing", "0"),
        # Nobody reads it, yet tables that are there take no row without it. To drop it would raise `VERSION`, and an
        # older lorarec of another host, which shares the data folder, then refuses the file: it goes with a change
        # that is worth that. SQLite below 3.35 cannot drop a column either, and Pythons with one are about.
        sa.Column("changed", sa.BigInteger, nullable=False, default=0),
        text("partner", ""),
        text("noise", ""),
        text("evidence", ""),  # for partner and noise
        # Not unique: a missing LoRA keeps the path that another may have taken since.
        sa.Index("lora_place", "root", "path"),
    )
    return Tables(
        metadata=metadata,
        lora=lora,
        record=child("lora_record", blob()),
        claims=child("lora_claims", blob()),
        problem=child("lora_problem", sa.Column("number", sa.Integer, primary_key=True), text("path"), text("message")),
        hashes=child("lora_hash", number("size"), number("modified_ns"), text("sha256"), text("autov3")),
        state=sa.Table("catalog_state", metadata, sa.Column("name", sa.Text, primary_key=True), number("value")),
    )
