"""Values as the history's tables take them, and small moves on these inside the caller's transaction.

Metadata of images is written by anybody: half a surrogate pair, infinite strengths and absurd numbers must not break a
batch of thousands.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ..batches import insert
from ..history_types import Generation, Linked, Use
from .schema import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection, Executable

_CONTENT = ("prompt", "negative", "checkpoint", "seed", "steps", "sampler", "width", "height")
_FAMILY = ("prompt", "negative", "checkpoint", "seed")


def text(value: str) -> str:
    """Valid Unicode; what is none becomes an escape."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")


def number(value: float | None) -> float | None:
    """A finite number, or None; zero has no sign."""
    return float(value) + 0.0 if value is not None and math.isfinite(value) else None


def whole(value: int | None) -> int | None:
    """A number that a signed 64-bit column holds, or None."""
    return value if value is not None and -(2**63) <= value < 2**63 else None


def generation_row(generation: Generation) -> dict[str, Any]:
    """Columns of a generation, but for user, key, family, made and live."""
    return {
        "prompt": None if generation.prompt is None else text(generation.prompt),
        "negative": None if generation.negative is None else text(generation.negative),
        "checkpoint": text(generation.checkpoint),
        "base_model": text(generation.base_model),
        "sampler": text(generation.sampler),
        "host": text(generation.host),
        "reader": text(generation.reader),
        "project": text(generation.project),
        "seed": None if generation.seed is None else str(generation.seed),
        "steps": whole(generation.steps),
        "cfg": number(generation.cfg),
        "width": whole(generation.width),
        "height": whole(generation.height),
    }


def named(use: Use) -> dict[str, str]:
    """The columns that say which LoRA was meant; equal ones are linked alike."""
    hashes = " ".join("".join(text(digest).split()) for digest in use.hashes)
    return {"name": text(use.name), "hashes": hashes, "version_id": text(use.version_id)}


def use_row(use: Use, linked: Linked) -> dict[str, Any]:
    """Columns of a use, but for user and generation."""
    strengths = {"strength": number(use.strength), "clip": number(use.clip)}
    return {**named(use), **strengths, "lora": linked.lora, "how": linked.how}


def keys(row: dict[str, Any], uses: Sequence[dict[str, Any]]) -> tuple[bytes, bytes | None]:
    """Digests, 16 bytes each, of what makes two generations the same one, and of what a redo in another size shares.

    The order of LoRAs makes no difference. One counts by its name and strengths; hashes count only without a name: a
    live capture may not know them yet. Without prompt or seed nothing is known to be a redo: None.
    """
    loras = sorted(
        msgspec.msgpack.encode(
            (use["name"] or (use["hashes"], use["version_id"]), _rounded(use["strength"]), _rounded(use["clip"]))
        )
        for use in uses
    )
    told = row["prompt"] is not None and row["seed"] is not None
    return _digest(row, _CONTENT, loras), _digest(row, _FAMILY, loras) if told else None


def _digest(row: dict[str, Any], columns: Sequence[str], loras: Sequence[bytes]) -> bytes:
    content = msgspec.msgpack.encode(([row[name] for name in columns], loras))
    return hashlib.blake2b(content, digest_size=16).digest()


def _rounded(strength: float | None) -> float | None:
    # One host writes 0.8, another the nearest single-precision number.
    return None if strength is None else round(strength, 4)


def fetch(connection: Connection, query: Executable) -> list[Any]:
    """Plain tuples straight from the driver: SQLAlchemy's rows would cost more than the query."""
    cursor = connection.execute(query).cursor
    return list(cursor.fetchall()) if cursor else []


def touch(connection: Connection, user: str) -> None:
    """Count the user's version on: what readers of past, events or usage see has changed."""
    import sqlalchemy as sa

    state = tables().state
    counted = sa.update(state).where(state.c.user == user).values(version=state.c.version + 1)
    if not connection.execute(counted).rowcount:
        insert(connection, state, [{"user": user, "token": secrets.token_hex(4), "version": 1}])
