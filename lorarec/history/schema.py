"""The history's tables, and how older ones become these: unlike what is derived from files, they are never dropped.

Every row carries a user id. A generation is what was made; image files point to it, also those that taught nothing and
point nowhere, so that a harvest need not read them again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from ..errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData, Table

PART = "history"
VERSION = 1

Step = Callable[["Connection"], None]
STEPS: dict[int, Step] = {}  # version -> what turns its tables into those of the next


class Tables(Struct, frozen=True):
    """SQLAlchemy's descriptions of the tables."""

    metadata: MetaData
    generation: Table
    use: Table  # the LoRAs of a generation
    image: Table  # every image file seen
    source: Table  # the files that its metadata says it started from
    outcome: Table  # what became of it
    impression: Table  # an answer that was shown
    shown: Table  # the LoRAs of it
    event: Table
    usage: Table  # counts that other tools kept
    state: Table  # one row per user: its version


def migrate(connection: Connection, old: int, steps: Mapping[int, Step] = STEPS, new: int = VERSION) -> None:
    """Turn older tables into those of version ``new``, step by step, in the caller's transaction.

    Raises:
        StorageError: there is no way from that version.
    """
    for version in range(old, new):
        step = steps.get(version)
        if step is None:
            raise StorageError(
                f"the history is of an unknown older kind ({version}); export it with the lorarec that wrote it, "
                "or choose another data folder"
            )
        step(connection)


@functools.cache
def tables() -> Tables:
    """Build the descriptions; imports SQLAlchemy."""
    import sqlalchemy as sa

    metadata = sa.MetaData()

    def text(name: str) -> sa.Column[str]:
        return sa.Column(name, sa.Text, nullable=False)

    def number(name: str, *, null: bool = False) -> sa.Column[float]:
        return sa.Column(name, sa.Double, nullable=null)

    def whole(name: str, *, null: bool = False) -> sa.Column[int]:
        return sa.Column(name, sa.BigInteger, nullable=null)

    def owner(name: str, *, keep: bool = False) -> sa.Column[int | None]:
        """The row that this one belongs to; it goes with it, or with ``keep`` outlives it."""
        key = sa.ForeignKey(f"history_{name}.id", ondelete="SET NULL" if keep else "CASCADE")
        return sa.Column(name, sa.Integer, key, nullable=keep)

    def table(name: str, *parts: sa.schema.SchemaItem) -> sa.Table:
        # AUTOINCREMENT: the id of a deleted row, which somebody may still hold, is never given to another.
        key: sa.Column[int] = sa.Column("id", sa.Integer, primary_key=True)
        return sa.Table(f"history_{name}", metadata, key, text("user"), *parts, sqlite_autoincrement=True)

    generation = table(
        "generation",
        sa.Column("key", sa.LargeBinary, nullable=False),  # digest of its content, see rows.py
        number("made"),  # seconds since the epoch
        sa.Column("prompt", sa.Text),
        sa.Column("negative", sa.Text),
        *map(text, ("checkpoint", "base_model", "sampler", "host", "reader", "project")),
        sa.Column("seed", sa.Text),  # decimal: hosts draw from 0 to 2^64 - 1, which no signed column holds
        whole("steps", null=True),
        number("cfg", null=True),
        whole("width", null=True),
        whole("height", null=True),
        whole("live"),  # 1: known from the act itself, not only from a file
        sa.Column("family", sa.LargeBinary),  # digest of what a redo in another size shares, see rows.py
        sa.UniqueConstraint("user", "key"),
        sa.Index("history_generation_family", "user", "family"),
        sa.Index("history_generation_made", "user", "made"),
    )
    use = table(
        "use",
        owner("generation"),
        text("name"),  # as written
        number("strength", null=True),
        number("clip", null=True),
        text("hashes"),  # as written, separated by spaces
        text("version_id"),
        text("lora"),  # catalogue id, "" = not linked
        text("how"),
        sa.Index("history_use_generation", "generation"),
        sa.Index("history_use_lora", "user", "lora", "name"),
    )
    image = table(
        "image",
        owner("generation", keep=True),
        text("path"),
        whole("size"),
        whole("modified_ns"),
        whole("upscaled"),  # times that it was enlarged, as far as its metadata says
        number("gone_at", null=True),  # when it was found to be gone
        sa.UniqueConstraint("user", "path"),
        sa.Index("history_image_generation", "generation"),
    )
    source = table("source", owner("image"), text("name"), sa.Index("history_source_image", "image"))
    outcome = table("outcome", owner("image"), text("what"), number("at"), sa.UniqueConstraint("image", "what"))
    impression = table(
        "impression",
        number("at"),
        *map(text, ("prompt", "base_model", "active", "project")),  # active: catalogue ids as JSON
        sa.Index("history_impression_at", "user", "at"),
    )
    shown = table(
        "shown",
        owner("impression"),
        whole("position"),
        text("lora"),
        number("score"),
        number("propensity"),
        sa.UniqueConstraint("impression", "position"),
        sa.Index("history_shown_lora", "user", "lora"),
    )
    event = table(
        "event",
        text("what"),
        text("lora"),
        number("at"),
        number("strength", null=True),
        number("before", null=True),
        owner("impression", keep=True),
        *map(text, ("prompt", "project")),
        sa.Index("history_event_at", "user", "at"),
        sa.Index("history_event_lora", "user", "lora", "at"),
        sa.Index("history_event_what", "user", "what", "at"),
        sa.Index("history_event_impression", "impression"),
    )
    usage = table(
        "usage",
        *map(text, ("source", "name", "hashes", "version_id", "lora", "how")),
        whole("count"),
        number("at", null=True),
        sa.Index("history_usage_source", "user", "source"),
        sa.Index("history_usage_lora", "user", "lora", "name"),
    )
    state = sa.Table(
        "history_state",
        metadata,
        sa.Column("user", sa.Text, primary_key=True),
        text("token"),  # of this row: a history begun anew never repeats an old version
        whole("version"),
    )
    return Tables(
        metadata=metadata,
        generation=generation,
        use=use,
        image=image,
        source=source,
        outcome=outcome,
        impression=impression,
        shown=shown,
        event=event,
        usage=usage,
        state=state,
    )
