"""The writing side of the catalogue: what scans, pairing and hashing note down. Each call is one short transaction.

Two processes may scan the same folders at once. Rows are found by root and path inside the write transaction, so both
arrive at one record per file, and the last writer's words stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from ..batches import chunks, insert
from ..database import Database
from ..types import Claim, Lora, ScanProblem
from .rows import give_ids, replace_rows, set_state, state, update
from .schema import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select


class Known(Struct, frozen=True, gc=False):
    """What the catalogue knows of a file, for comparing it with the disk."""

    key: int  # of its database row
    id: str
    root: str
    path: str
    size: int
    modified_ns: int
    stamp: str
    fingerprint: str
    missing: bool


class Entry(Struct, frozen=True):
    """A described file on its way into the catalogue, packed."""

    root: str
    path: str
    size: int
    modified_ns: int
    stamp: str
    fingerprint: str
    record: bytes
    claims: bytes
    problems: tuple[ScanProblem, ...]  # paths root-relative


class Partner(Struct, frozen=True):
    """The other half of a pair, see partners.py."""

    id: str
    noise: str  # "high" | "low"
    evidence: str


class Hashes(Struct, frozen=True):
    """Full hashes of a file in one state."""

    size: int
    modified_ns: int
    sha256: str
    autov3: str  # SHA-256 of what follows the header; "" without a header


def pack(lora: Lora, claims: Sequence[Claim]) -> tuple[bytes, bytes]:
    """Record and claims as stored.

    Raises:
        UnicodeEncodeError: a text in them is not valid Unicode.
        TypeError: a claim's value has no JSON-like shape.
    """
    return msgspec.msgpack.encode(lora), msgspec.msgpack.encode(tuple(claims))


class Ledger:
    """Notes about files. Readers use `Catalog`."""

    def __init__(self, database: Database) -> None:
        """Use an open database whose catalogue tables exist."""
        self._database = database

    def known(self) -> list[Known]:
        """Every file ever seen, the oldest record first."""
        query = self._known().order_by(tables().lora.c.key)
        with self._database.read() as connection:
            # Straight from the driver: every scan reads this, and SQLAlchemy's rows would cost more than the query.
            cursor = connection.execute(query).cursor
            # Row by row, since fetching all in one call would hold up every other thread.
            return [Known(*row) for row in iter(cursor.fetchone, None)] if cursor else []

    def put(self, entries: Sequence[Entry]) -> None:
        """Store described files: new ones get an id, known ones (by root and path) keep theirs."""
        import sqlalchemy as sa

        t = tables()
        with self._database.write() as connection:
            rows = self._rows_at(connection, entries)
            old = self._records(connection, [row.key for row in rows.values()])
            key = connection.execute(sa.select(sa.func.max(t.lora.c.key))).scalar() or 0
            version = state(connection, t.state, "version") + 1
            inserts: list[dict[str, Any]] = []
            updates: list[dict[str, Any]] = []
            records: list[dict[str, Any]] = []
            claims: list[dict[str, Any]] = []
            problems: list[dict[str, Any]] = []
            for entry in entries:
                row = rows.get((entry.root, entry.path))
                values: dict[str, Any] = {
                    "size": entry.size,
                    "modified_ns": entry.modified_ns,
                    "stamp": entry.stamp,
                    "fingerprint": entry.fingerprint,
                    "missing": 0,
                }
                if row is None:
                    key += 1
                    at = key
                    place = {"root": entry.root, "path": entry.path}
                    inserts.append({"key": at, "id": "", **place, **values})
                else:
                    at = row.key
                    same = (old.get(at), row.fingerprint, row.missing) == (entry.record, entry.fingerprint, 0)
                    updates.append({"at": at, **values})
                if row is None or not same:
                    records.append({"key": at, "data": entry.record})
                claims.append({"key": at, "data": entry.claims})
                for number, problem in enumerate(entry.problems):
                    problems.append({"key": at, "number": number, **msgspec.structs.asdict(problem)})
            give_ids(connection, t.lora, inserts)
            insert(connection, t.lora, inserts)
            update(connection, t.lora, updates)
            replace_rows(connection, t.record, [record["key"] for record in records], records)
            replace_rows(connection, t.claims, [claim["key"] for claim in claims], claims)
            replace_rows(connection, t.problem, [row.key for row in rows.values()], problems)
            if records:
                set_state(connection, t.state, "version", version)

    def relocate(
        self,
        moved: Mapping[int, tuple[str, str]],
        missing: Iterable[Known] = (),
        returned: Iterable[Known] = (),
    ) -> None:
        """Note what the disk says about known files.

        Args:
            moved: ``{key: (root, path)}`` of files found elsewhere; they are present, and to be described again.
            missing: files that are gone. One that another process has moved meanwhile is left alone.
            returned: missing files that are back unchanged.
        """
        lora = tables().lora
        with self._database.write() as connection:
            version = state(connection, tables().state, "version") + 1
            flags = [(item, 1) for item in missing] + [(item, 0) for item in returned]
            places = self._places(connection, [item.key for item, _ in flags])
            flagged = [
                {"at": item.key, "missing": flag}
                for item, flag in flags
                if places.get(item.key) == (item.root, item.path)
            ]
            # An empty stamp matches no file: should we die before describing it, the next scan will.
            placed = [
                {"at": key, "root": root, "path": path, "stamp": "", "missing": 0}
                for key, (root, path) in moved.items()
            ]
            update(connection, lora, flagged)
            update(connection, lora, placed)
            if flagged or placed:
                set_state(connection, tables().state, "version", version)

    def unpaired(self) -> list[tuple[str, str]] | None:
        """Ids and paths of all present LoRAs, or None if nothing changed since pairs were last looked for."""
        import sqlalchemy as sa

        c = tables().lora.c
        with self._database.read() as connection:
            if state(connection, tables().state, "paired") == state(connection, tables().state, "version"):
                return None
            rows = connection.execute(sa.select(c.id, c.path).where(c.missing == 0)).fetchall()
        return [(row[0], row[1]) for row in rows]

    def set_partners(self, partners: Mapping[str, Partner]) -> None:
        """Replace all pairs by these, ``{id: Partner}``."""
        import sqlalchemy as sa

        c = tables().lora.c
        none = Partner("", "", "")
        with self._database.write() as connection:
            version = state(connection, tables().state, "version")
            updates = []
            for row in connection.execute(sa.select(c.key, c.id, c.partner, c.noise, c.evidence)).fetchall():
                new = partners.get(row.id, none)
                if (new.id, new.noise, new.evidence) != (row.partner, row.noise, row.evidence):
                    values = {"partner": new.id, "noise": new.noise, "evidence": new.evidence}
                    updates.append({"at": row.key, **values})
            if updates:
                version += 1
                update(connection, tables().lora, updates)
                set_state(connection, tables().state, "version", version)
            set_state(connection, tables().state, "paired", version)

    def unhashed(self) -> list[Known]:
        """Present files without full hashes of their present state, smallest first."""
        import sqlalchemy as sa

        c, hashed = tables().lora.c, tables().hashes.c
        current = sa.and_(hashed.key == c.key, hashed.size == c.size, hashed.modified_ns == c.modified_ns)
        query = self._known().outerjoin(tables().hashes, current).where(c.missing == 0, hashed.sha256.is_(None))
        with self._database.read() as connection:
            return [Known(*row) for row in connection.execute(query.order_by(c.size, c.path)).fetchall()]

    def put_hashes(self, hashes: Mapping[int, Hashes]) -> None:
        """Store full hashes by `Known.key`."""
        t = tables()
        with self._database.write() as connection:
            version = state(connection, t.state, "version") + 1
            rows = [{"key": key, **msgspec.structs.asdict(item)} for key, item in hashes.items()]
            replace_rows(connection, t.hashes, list(hashes), rows)
            set_state(connection, t.state, "version", version)

    def _known(self) -> Select[Any]:
        import sqlalchemy as sa

        c = tables().lora.c
        return sa.select(c.key, c.id, c.root, c.path, c.size, c.modified_ns, c.stamp, c.fingerprint, c.missing)

    def _rows_at(self, connection: Connection, entries: Sequence[Entry]) -> dict[tuple[str, str], Any]:
        """Rows at these places; where a missing LoRA had the same path before, the present one."""
        import sqlalchemy as sa

        c = tables().lora.c
        columns = sa.select(c.key, c.root, c.path, c.fingerprint, c.missing)
        rows: dict[tuple[str, str], Any] = {}
        for root in {entry.root for entry in entries}:
            for chunk in chunks([entry.path for entry in entries if entry.root == root]):
                query = columns.where(c.root == root, c.path.in_(chunk)).order_by(c.missing.desc(), c.key)
                for row in connection.execute(query).fetchall():
                    rows[row.root, row.path] = row
        return rows

    def _records(self, connection: Connection, keys: Sequence[int]) -> dict[int, bytes]:
        import sqlalchemy as sa

        c = tables().record.c
        found: dict[int, bytes] = {}
        for chunk in chunks(keys):
            found.update((k, data) for k, data in connection.execute(sa.select(c.key, c.data).where(c.key.in_(chunk))))
        return found

    def _places(self, connection: Connection, keys: Sequence[int]) -> dict[int, tuple[str, str]]:
        import sqlalchemy as sa

        c = tables().lora.c
        found: dict[int, tuple[str, str]] = {}
        for chunk in chunks(keys):
            rows = connection.execute(sa.select(c.key, c.root, c.path).where(c.key.in_(chunk)))
            found.update((key, (root, path)) for key, root, path in rows)
        return found
