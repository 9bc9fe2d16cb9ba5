"""Images made from other images, which says that those were good: enlarged, made again larger, or started from.

A1111's "extras" and a redo with hires fix keep what the first image says of itself, its size too: they join its
generation as a further image, and only the times enlarged tell them apart. A redo that states a larger size was sampled
anew; it is a generation of its own, which learning sees as the same occasion.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..batches import chunks
from ..history_types import OutcomeKind
from .images import put_outcomes
from .rows import fetch, touch
from .schema import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection


class _Scale(NamedTuple):
    """How large an image is, as far as its metadata says."""

    width: int | None
    height: int | None
    upscaled: int


class _Sized(NamedTuple):
    """An image of a family."""

    modified_ns: int
    id: int
    scale: _Scale


class _Place(NamedTuple):
    """An image that may be what another one started from."""

    modified_ns: int
    id: int
    path: str
    size: int
    generation: int


def mark_upscaled(connection: Connection, user: str, families: Collection[bytes]) -> int:
    """Mark images UPSCALED of which a larger one of their family was made later; returns how many were news.

    A family shares prompts, LoRAs, checkpoint and seed, see `rows.keys`.
    """
    import sqlalchemy as sa

    t = tables()
    g, i = t.generation.c, t.image.c
    columns = sa.select(g.family, g.width, g.height, i.modified_ns, i.id, i.upscaled)
    related = columns.join(t.image, i.generation == g.id).where(g.user == user)
    members: dict[bytes, list[_Sized]] = {}
    for some in chunks(list(families)):
        for family, width, height, modified, id_, upscaled in fetch(connection, related.where(g.family.in_(some))):
            members.setdefault(family, []).append(_Sized(modified, id_, _Scale(width, height, upscaled)))
    news = [
        (id_, OutcomeKind.UPSCALED, at)
        for images in members.values()
        if len(images) > 1
        for id_, at in _originals(images)
    ]
    return put_outcomes(connection, user, news) if news else 0


def _originals(images: Iterable[_Sized]) -> Iterator[tuple[int, float]]:
    """For each image with smaller ones before it the last of these, and when the larger one was made."""
    last: dict[_Scale, _Sized] = {}
    for image in sorted(images):
        smaller = [
            one for one in last.values() if one.modified_ns < image.modified_ns and _is_smaller(one.scale, image.scale)
        ]
        if smaller:
            yield max(smaller).id, image.modified_ns / 1e9
        kept = last.get(image.scale)
        if kept is None or kept.modified_ns < image.modified_ns:  # of copies the first
            last[image.scale] = image


def _is_smaller(one: _Scale, other: _Scale) -> bool:
    if one[:2] == other[:2]:
        return one.upscaled < other.upscaled
    if one.width is None or one.height is None or other.width is None or other.height is None:
        return False
    return one.width < other.width and one.height < other.height and one.upscaled <= other.upscaled


def mark_sources(connection: Connection, user: str) -> int:
    """See `History.mark_sources`."""
    import sqlalchemy as sa

    t = tables()
    s, i = t.source.c, t.image.c
    named = fetch(
        connection,
        sa.select(s.name, i.id, i.modified_ns, i.upscaled).join(t.image, s.image == i.id).where(s.user == user),
    )
    if not named:
        return 0
    wanted = {_file_name(name) for name, *_ in named}
    places: dict[str, list[_Place]] = {}
    columns = sa.select(i.modified_ns, i.id, i.path, i.size, i.generation)
    for row in fetch(connection, columns.where(i.user == user, i.generation.is_not(None))):
        if (name := _file_name(row[2])) in wanted:
            places.setdefault(name, []).append(_Place(*row))
    meant = [
        (_source(name, id_, modified, places.get(_file_name(name), ())), upscaled, modified / 1e9)
        for name, id_, modified, upscaled in named
    ]
    news = [
        (id_, OutcomeKind.UPSCALED if upscaled else OutcomeKind.REUSED, at)
        for id_, upscaled, at in meant
        if id_ is not None
    ]
    found = put_outcomes(connection, user, news)
    if found:
        touch(connection, user)
    return found


def _source(name: str, made: int, modified_ns: int, places: Iterable[_Place]) -> int | None:
    """The image that ``name`` means in the metadata of the image ``made``; None if there is none, or not only one.

    It ends in what was named, and was there before what was made of it. Of copies of one file the oldest is meant, even
    if it is gone: so a file that moves is not marked twice.
    """
    tail = "/" + _slashed(name).lstrip("/")
    found = [
        place
        for place in places
        if place.id != made and place.modified_ns <= modified_ns and ("/" + _slashed(place.path)).endswith(tail)
    ]
    alike = {(place.size, place.generation) for place in found}
    return min(found).id if len(alike) == 1 else None


def _slashed(path: str) -> str:
    return path.replace("\\", "/")


def _file_name(path: str) -> str:
    return _slashed(path).rpartition("/")[2]
