"""Writing down generations, answers, events and counts, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from ..batches import chunks, insert
from ..history_types import Event, Generation, ImageFile, Impression, Linked, Linker, Use
from . import derived, images
from .rows import generation_row, keys, named, number, text, touch, use_row, whole
from .schema import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Added(Struct, frozen=True):
    """What a batch of generations brought."""

    generations: int = 0  # new ones
    images: int = 0  # files that show a generation they were not known to show
    excluded: int = 0  # not stored, since their prompt matches an excluding pattern


class UsageCount(Struct, frozen=True):
    """How often another tool saw a LoRA used. A tool that counts by day gives a row for each day."""

    use: Use  # as that tool names it; strengths are ignored
    count: int
    at: float | None = None  # the day counted, or the last use, seconds since the epoch; None = not stated


class Found(Struct, frozen=True):
    """A generation made ready for the database, with the file that showed it, if one did."""

    key: bytes
    row: dict[str, Any]
    uses: list[dict[str, Any]]
    image: images.Seen | None


def linking(link: Linker) -> Linker:
    """A linker that looks up each LoRA of a batch once, whatever its strengths."""
    known: dict[tuple[str, tuple[str, ...], str], Linked] = {}

    def linked(use: Use) -> Linked:
        key = (use.name, use.hashes, use.version_id)
        if key not in known:
            known[key] = link(use)
        return known[key]

    return linked


def prepare(generation: Generation, image: ImageFile | None, link: Linker, now: float) -> Found:
    """What needs no database: clean values, links, the content's key, the time."""
    row = generation_row(generation)
    uses = [use_row(use, link(use)) for use in generation.loras]
    made = number(generation.made)
    if made is None:
        made = image.modified_ns / 1e9 if image else now
    key, family = keys(row, uses)
    seen = showing(generation, image) if image else None
    return Found(key, {**row, "made": made, "live": 0, "family": family}, uses, seen)


def showing(generation: Generation, image: ImageFile) -> images.Seen:
    """A file with what its metadata says of its origin; its generation is not known to the database yet."""
    upscaled = whole(generation.upscaled) or 0
    return images.Seen(image, None, upscaled, tuple(map(text, generation.sources)))


def put_generations(
    connection: Connection, user: str, batch: Sequence[Found], nothing: Sequence[images.Seen] = ()
) -> tuple[int, int]:
    """Store generations, and files that taught nothing.

    Returns:
        How many generations are new, and how many files show one that they did not show before.
    """
    import sqlalchemy as sa

    t = tables()
    first: dict[bytes, Found] = {}
    for found in batch:
        first.setdefault(found.key, found)
    ids = _ids(connection, user, list(first))
    new = [found for key, found in first.items() if key not in ids]
    insert(connection, t.generation, [{"user": user, "key": found.key, **found.row} for found in new])
    ids.update(_ids(connection, user, [found.key for found in new]))
    uses = [{"user": user, "generation": ids[found.key], **use} for found in new for use in found.uses]
    insert(connection, t.use, uses)
    for live in chunks([ids[found.key] for found in batch if found.image is None]):
        connection.execute(sa.update(t.generation).where(t.generation.c.id.in_(live)).values(live=1))
    seen = [found.image._replace(generation=ids[found.key]) for found in batch if found.image]
    pointed, changed = images.put(connection, user, [*seen, *nothing])
    if changed:
        derived.mark_upscaled(connection, user, {found.row["family"] for found in batch} - {None})
    if new or changed:
        touch(connection, user)
    return len(new), pointed


def _ids(connection: Connection, user: str, keys: Sequence[bytes]) -> dict[bytes, int]:
    import sqlalchemy as sa

    c = tables().generation.c
    found: dict[bytes, int] = {}
    for chunk in chunks(keys):
        query = sa.select(c.key, c.id).where(c.user == user, c.key.in_(chunk))
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found


def put_impression(connection: Connection, user: str, impression: Impression) -> int:
    """Store an answer with its LoRAs; returns its id."""
    import sqlalchemy as sa

    t = tables()
    row = {
        "user": user,
        "at": impression.at,
        "prompt": text(impression.prompt),
        "base_model": text(impression.base_model),
        "active": msgspec.json.encode([text(lora) for lora in impression.active]).decode(),
        "project": text(impression.project),
    }
    made = connection.execute(sa.insert(t.impression).values(row)).inserted_primary_key
    assert made is not None
    id_ = int(made[0])
    shown = [
        {
            "user": user,
            "impression": id_,
            "position": position,
            "lora": one.lora,
            "score": one.score,
            "propensity": one.propensity,
        }
        for position, one in enumerate(impression.shown)
    ]
    insert(connection, t.shown, shown)
    return id_


def put_event(connection: Connection, user: str, event: Event) -> int:
    """Store an event; returns its id. An impression that was deleted meanwhile is left out."""
    import sqlalchemy as sa

    t, impression = tables(), event.impression
    if impression is not None:
        c = t.impression.c
        impression = connection.execute(sa.select(c.id).where(c.id == impression, c.user == user)).scalar()
    row = {
        "user": user,
        "what": event.kind.value,
        "lora": event.lora,
        "at": event.at,
        "strength": number(event.strength),
        "before": number(event.before),
        "impression": impression,
        "prompt": text(event.prompt),
        "project": text(event.project),
    }
    made = connection.execute(sa.insert(t.event).values(row)).inserted_primary_key
    touch(connection, user)
    assert made is not None
    return int(made[0])


def put_usage(connection: Connection, user: str, source: str, counts: Sequence[UsageCount], link: Linker) -> int:
    """Replace the counts of a source; returns how many rows it now has."""
    import sqlalchemy as sa

    usage = tables().usage
    c = usage.c
    rows = []
    for one in counts:
        if whole(one.count) is None:
            continue
        linked = link(one.use)
        values = {"lora": linked.lora, "how": linked.how, "count": one.count, "at": number(one.at)}
        rows.append({"user": user, "source": source, **named(one.use), **values})
    mine = (c.user == user, c.source == source)
    columns = [c[name] for name in rows[0]] if rows else [c.id]
    old = [tuple(row) for row in connection.execute(sa.select(*columns).where(*mine).order_by(c.id))]
    if old != [tuple(row.values()) for row in rows]:  # the same again is no change
        connection.execute(sa.delete(usage).where(*mine))
        insert(connection, usage, rows)
        touch(connection, user)
    return len(rows)


def relink(connection: Connection, user: str, again: Callable[[Use], Linked]) -> int:
    """Try unlinked and ambiguous LoRAs again; returns how many rows found theirs."""
    import sqlalchemy as sa

    found = 0
    changed = False
    for table in (tables().use, tables().usage):
        c = table.c
        unlinked = (c.user == user, c.lora == "")
        names = sa.select(c.name, c.hashes, c.version_id, c.how).where(*unlinked).distinct()
        for name, hashes, version_id, how in connection.execute(names).fetchall():
            linked = again(Use(name=name, hashes=tuple(hashes.split()), version_id=version_id))
            if linked == Linked("", how):
                continue
            same = (c.name == name, c.hashes == hashes, c.version_id == version_id, c.how == how)
            values = {"lora": linked.lora, "how": linked.how}
            rows = connection.execute(sa.update(table).where(*unlinked, *same).values(values)).rowcount
            found += rows if linked.lora else 0
            changed = True
    if changed:
        touch(connection, user)
    return found
