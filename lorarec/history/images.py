"""Image files as the history knows them: which generation each shows, and what became of it.

A file is known by its path. Found again unchanged but read differently (a better reader, an excluding pattern), its old
generation was a mistake and goes, unless something else vouches for it. Found changed, it is another image at the same
place, as hosts make them that count from 1 again in an emptied folder: what the old one showed did happen, and stays.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..batches import chunks, insert
from ..history_types import ImageFile, OutcomeKind
from .rows import fetch, text, touch
from .schema import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

SOON = 7 * 86400.0  # seconds within which a deletion says something about the image
LIKED = (OutcomeKind.LIKED, OutcomeKind.UPSCALED, OutcomeKind.REUSED)


class Seen(NamedTuple):
    """A file and the generation it shows, None where it taught nothing."""

    file: ImageFile
    generation: int | None
    upscaled: int = 0  # times that it was enlarged
    sources: tuple[str, ...] = ()  # files that it started from, as named


class _Image(NamedTuple):
    """A row of the image table."""

    id: int
    path: str
    size: int
    modified_ns: int
    generation: int | None
    gone_at: float | None


def put(connection: Connection, user: str, seen: Sequence[Seen]) -> tuple[int, bool]:
    """Store what files show; of several words on one file the last counts.

    Returns:
        How many files now show a generation they did not show before, and whether anything at all changed.
    """
    import sqlalchemy as sa

    t = tables()
    latest = {text(item.file.path): item for item in seen}
    known = {row.path: row for row in _rows(connection, user, list(latest))}
    inserts: list[dict[str, Any]] = []
    updates: list[dict[str, Any]] = []
    replaced: list[int] = []  # images whose outcomes are those of another image
    back: list[int] = []  # images thought gone
    left: set[int] = set()  # generations that an unchanged file no longer shows
    sources: dict[str, tuple[str, ...]] = {}
    pointed = 0
    for path, (file, generation, upscaled, started_from) in latest.items():
        values = {
            "size": file.size,
            "modified_ns": file.modified_ns,
            "generation": generation,
            "upscaled": upscaled,
            "gone_at": None,
        }
        row = known.get(path)
        if row is None:
            sources[path] = started_from
            inserts.append({"user": user, "path": path, **values})
            pointed += generation is not None
            continue
        changed = (row.size, row.modified_ns) != (file.size, file.modified_ns)
        if not changed and row.generation == generation and row.gone_at is None:
            continue
        sources[path] = started_from
        updates.append({"at": row.id, **values})
        if row.gone_at is not None:
            back.append(row.id)
        if row.generation != generation:
            pointed += generation is not None
            if changed:
                replaced.append(row.id)
            elif row.generation is not None:
                left.add(row.generation)
    insert(connection, t.image, inserts)
    if updates:
        columns: dict[str, Any] = {name: sa.bindparam(name) for name in updates[0] if name != "at"}
        connection.execute(sa.update(t.image).where(t.image.c.id == sa.bindparam("at")).values(columns), updates)
    _put_sources(connection, user, [row["at"] for row in updates], sources)
    _forget_outcomes(connection, replaced)
    _forget_outcomes(connection, back, OutcomeKind.DELETED)
    _drop_unfounded(connection, left)
    return pointed, bool(inserts or updates)


def known(connection: Connection, user: str | None, folder: str) -> dict[str, tuple[int, int]]:
    """``{path: (size, modified_ns)}`` of the files below a folder that were there when last looked for."""
    import sqlalchemy as sa

    c = tables().image.c
    start = os.path.join(text(folder), "")
    end = start[:-1] + chr(ord(start[-1]) + 1)
    query = sa.select(c.path, c.size, c.modified_ns).where(
        c.user == user, c.path >= start, c.path < end, c.gone_at.is_(None)
    )
    return {path: (size, modified) for path, size, modified in fetch(connection, query)}


def mark_gone(connection: Connection, user: str, paths: Sequence[str], at: float) -> int:
    """Note files that are no longer there, and as DELETED those made less than `SOON` before; returns how many.

    Where a file of the same size still shows the same generation, the one that is gone was moved, not deleted.
    """
    import sqlalchemy as sa

    t = tables()
    rows = [row for row in _rows(connection, user, [text(path) for path in paths]) if row.gone_at is None]
    made: dict[int, float] = {}
    for chunk in chunks([row.generation for row in rows if row.generation is not None]):
        query = sa.select(t.generation.c.id, t.generation.c.made).where(t.generation.c.id.in_(chunk))
        made.update((row[0], row[1]) for row in connection.execute(query))
    for ids in chunks([row.id for row in rows]):
        connection.execute(sa.update(t.image).where(t.image.c.id.in_(ids)).values(gone_at=at))
    left: set[tuple[int | None, int]] = set()
    for chunk in chunks(list(made)):
        present = sa.select(t.image.c.generation, t.image.c.size)
        present = present.where(t.image.c.generation.in_(chunk), t.image.c.gone_at.is_(None))
        left.update((row[0], row[1]) for row in connection.execute(present))
    soon = [
        (row.id, OutcomeKind.DELETED, at)
        for row in rows
        if row.generation is not None and at - made[row.generation] < SOON and (row.generation, row.size) not in left
    ]
    if put_outcomes(connection, user, soon):
        touch(connection, user)
    return len(rows)


def add_outcomes(connection: Connection, user: str, outcomes: Sequence[tuple[str, OutcomeKind, float]]) -> int:
    """Store what became of images, by path, and return how much of it was news; unknown paths are passed over."""
    ids = {row.path: row.id for row in _rows(connection, user, [text(path) for path, _, _ in outcomes])}
    named = ((text(path), what, at) for path, what, at in outcomes)
    news = put_outcomes(connection, user, [(ids[path], what, at) for path, what, at in named if path in ids])
    if news:
        touch(connection, user)
    return news


def put_outcomes(connection: Connection, user: str, outcomes: Iterable[tuple[int, OutcomeKind, float]]) -> int:
    """Store what became of images, by row, and return how much of it was news."""
    import sqlalchemy as sa

    c = tables().outcome.c
    wanted: dict[tuple[int, str], float] = {}
    for image, what, at in outcomes:
        wanted.setdefault((image, what.value), at)
    for ids in chunks(list({image for image, _ in wanted})):
        for row in connection.execute(sa.select(c.image, c.what).where(c.image.in_(ids))):
            wanted.pop((row[0], row[1]), None)
    rows = [{"user": user, "image": image, "what": what, "at": at} for (image, what), at in wanted.items()]
    insert(connection, tables().outcome, rows)
    return len(rows)


def _put_sources(connection: Connection, user: str, known: Sequence[int], sources: dict[str, tuple[str, ...]]) -> None:
    """Store which files images started from, by path, in place of what the ``known`` among them said before."""
    import sqlalchemy as sa

    source = tables().source
    for ids in chunks(known):
        connection.execute(sa.delete(source).where(source.c.image.in_(ids)))
    naming = [path for path, names in sources.items() if names]
    rows = [
        {"user": user, "image": row.id, "name": name}
        for row in _rows(connection, user, naming)
        for name in dict.fromkeys(sources[row.path])
    ]
    insert(connection, source, rows)


def _rows(connection: Connection, user: str, paths: Sequence[str]) -> list[_Image]:
    import sqlalchemy as sa

    c = tables().image.c
    columns = sa.select(c.id, c.path, c.size, c.modified_ns, c.generation, c.gone_at)
    found: list[_Image] = []
    for chunk in chunks(list(dict.fromkeys(paths))):
        found += (_Image(*row) for row in connection.execute(columns.where(c.user == user, c.path.in_(chunk))))
    return found


def _forget_outcomes(connection: Connection, images: Sequence[int], what: OutcomeKind | None = None) -> None:
    import sqlalchemy as sa

    outcome = tables().outcome
    for ids in chunks(images):
        gone = sa.delete(outcome).where(outcome.c.image.in_(ids))
        connection.execute(gone if what is None else gone.where(outcome.c.what == what.value))


def _drop_unfounded(connection: Connection, generations: Collection[int]) -> None:
    """Delete those generations that no file shows any more and that are known from files only."""
    import sqlalchemy as sa

    t = tables()
    shown = sa.select(t.image.c.id).where(t.image.c.generation == t.generation.c.id).exists()
    for ids in chunks(list(generations)):
        connection.execute(sa.delete(t.generation).where(t.generation.c.id.in_(ids), t.generation.c.live == 0, ~shown))
