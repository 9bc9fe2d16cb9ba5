"""The catalogue as readers see it: the LoRAs of all roots ever scanned, with what every source says about them.

What describing a file yields is stored as it is; what is found out otherwise (place, presence, partner, hashes) stands
in columns and is laid over the record when it is read, so that neither overwrites the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from ..batches import chunks
from ..database import Database
from ..errors import UnknownLora
from ..types import Claim, Lora, LoraDetails, Origin, ScanProblem
from .ledger import Ledger
from .rows import state
from .schema import VERSION, tables

if TYPE_CHECKING:
    from sqlalchemy import Select

_decode_lora = msgspec.msgpack.Decoder(Lora).decode
_decode_claims = msgspec.msgpack.Decoder(tuple[Claim, ...]).decode


class Catalog:
    """All LoRAs known. Safe from many threads and processes; every call reads one consistent state.

    ``ledger`` is the writing side, for scans.
    """

    def __init__(self, database: Database) -> None:
        """Open the catalogue's tables, made where absent.

        Raises:
            StorageError: a newer lorarec made them, or the database fails.
        """
        self._database = database
        database.ensure("catalog", VERSION, lambda: tables().metadata)
        self.ledger = Ledger(database)

    def version(self) -> int:
        """Grows with every change that a reader of `loras` could see; 0 while the catalogue was never filled."""
        with self._database.read() as connection:
            return state(connection, tables().state, "version")

    def loras(self, *, include_missing: bool = False, roots: Sequence[str] | None = None) -> list[Lora]:
        """All LoRAs in order of root and path; only those of these roots (as in `Lora.root`) where given."""
        c = tables().lora.c
        query = self._records()
        if not include_missing:
            query = query.where(c.missing == 0)
        if roots is not None:
            query = query.where(c.root.in_(list(roots)))
        with self._database.read() as connection:
            loras = [_lora(row) for row in connection.execute(query)]
        loras.sort(key=lambda lora: (lora.root, lora.path))
        return loras

    def by_ids(self, ids: Sequence[str]) -> list[Lora]:
        """The LoRAs of these ids, missing ones included, in the order asked; unknown ids are left out."""
        found: dict[str, Lora] = {}
        with self._database.read() as connection:
            for chunk in chunks(ids):
                query = self._records().where(tables().lora.c.id.in_(chunk))
                for row in connection.execute(query):
                    lora = _lora(row)
                    found[lora.id] = lora
        return [found[id_] for id_ in ids if id_ in found]

    def details(self, id_: str) -> LoraDetails:
        """One LoRA with everything every source says about it.

        Raises:
            UnknownLora: no LoRA has this id.
        """
        t = tables()
        query = self._records().add_columns(t.claims.c.data, t.lora.c.evidence)
        query = query.join(t.claims, t.claims.c.key == t.lora.c.key).where(t.lora.c.id == id_)
        with self._database.read() as connection:
            row = connection.execute(query).fetchone()
        if row is None:
            raise UnknownLora(f"no LoRA has the id {id_}; scan again if it is new")
        packed, evidence = row[-2:]
        lora = _lora(row[:-2])
        claims = list(_decode_claims(packed))
        if lora.partner:
            claims.append(Claim("noise", lora.noise, evidence, Origin.GUESS))
            claims.append(Claim("partner", lora.partner, evidence, Origin.GUESS))
        full = _hashes(*row[7:9])
        if full:
            claims.append(Claim("hashes", list(full), "file contents", Origin.TRAINER))
        return LoraDetails(lora, tuple(claims))

    def count(self, *, missing: bool = False) -> int:
        """How many LoRAs are present, or how many are missing."""
        import sqlalchemy as sa

        c = tables().lora.c
        query = sa.select(sa.func.count()).select_from(tables().lora).where(c.missing == int(missing))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar() or 0)

    def roots(self) -> list[str]:
        """Absolute paths of all roots that ever had LoRAs, sorted."""
        import sqlalchemy as sa

        with self._database.read() as connection:
            return sorted(connection.execute(sa.select(tables().lora.c.root).distinct()).scalars())

    def problems(self, roots: Sequence[str] | None = None) -> list[ScanProblem]:
        """What could not be read of the files present, as found when each was last described."""
        import sqlalchemy as sa

        c, problem = tables().lora.c, tables().problem
        query = (
            sa.select(c.root, problem.c.path, problem.c.message)
            .join(problem, problem.c.key == c.key)
            .where(c.missing == 0)
            .order_by(c.root, c.path, problem.c.number)
        )
        if roots is not None:
            query = query.where(c.root.in_(list(roots)))
        with self._database.read() as connection:
            return [ScanProblem(f"{root}/{path}", text) for root, path, text in connection.execute(query)]

    def _records(self) -> Select[Any]:
        """Rows for `_lora`: data, then what is laid over it."""
        import sqlalchemy as sa

        t, c, hashed = tables(), tables().lora.c, tables().hashes.c
        current = sa.and_(hashed.key == c.key, hashed.size == c.size, hashed.modified_ns == c.modified_ns)
        return (
            sa.select(
                t.record.c.data,
                c.id,
                c.root,
                c.path,
                c.fingerprint,
                c.missing,
                c.partner,
                hashed.sha256,
                hashed.autov3,
                c.noise,
            )
            .join(t.record, t.record.c.key == c.key)
            .outerjoin(t.hashes, current)
        )


def _lora(row: Sequence[Any]) -> Lora:
    data, id_, root, path, fingerprint, missing, partner, sha256, autov3, noise = row
    lora = _decode_lora(data)
    return replace(
        lora,
        id=id_,
        root=root,
        path=path,
        fingerprint=fingerprint,
        missing=bool(missing),
        partner=partner,
        noise=noise or lora.noise,
        hashes=tuple(dict.fromkeys(lora.hashes + _hashes(sha256, autov3))),
    )


def _hashes(sha256: str | None, autov3: str | None) -> tuple[str, ...]:
    """Full SHA-256, whose first ten digits are AutoV2, and AutoV3."""
    return tuple(h for h in (sha256, autov3 and autov3[:12]) if h)
