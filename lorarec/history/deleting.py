"""Taking things out of the history again, inside the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from .reading import WISHES, matches, meant, within
from .schema import tables

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table


class Deleted(Struct, frozen=True):
    """How much was deleted of each kind."""

    generations: int = 0
    images: int = 0  # what was known of files, never the files themselves
    outcomes: int = 0
    impressions: int = 0
    events: int = 0
    usage: int = 0
    wiped: bool = True  # False: another program held the database; remains may stand in it until the next deletion


def delete_all(connection: Connection, user: str) -> Deleted:
    """Delete every row of a user."""
    import sqlalchemy as sa

    t = tables()

    def gone(table: Table) -> int:
        return connection.execute(sa.delete(table).where(table.c.user == user)).rowcount

    gone(t.source)
    return Deleted(
        outcomes=gone(t.outcome),
        images=gone(t.image),
        generations=gone(t.generation),
        events=gone(t.event),
        impressions=gone(t.impression),
        usage=gone(t.usage),
    )


def delete(
    connection: Connection,
    user: str,
    since: float | None,
    until: float | None,
    lora: str | None,
    pattern: str | None = None,
) -> Deleted:
    """Delete what was made, shown, done and counted in a period, about one LoRA, with such a prompt, or all at once.

    Everything that mentions the LoRA goes as a whole: generations that use it, answers that show it or had it active.
    With a ``pattern``, see `matches`, counts stay: they have no prompt. Unless a LoRA is named, likes, dislikes and
    hides hold on, and lose only prompt, project and answer: what was hidden never shows again by itself.
    Of image files path, size and time stay, pointing nowhere: else the next harvest would bring back what was deleted.
    """
    import sqlalchemy as sa

    t = tables()
    g, u, i, o, p, s, e, c = (
        table.c for table in (t.generation, t.use, t.image, t.outcome, t.impression, t.shown, t.event, t.usage)
    )

    def gone(table: Table, *conditions: ColumnElement[bool]) -> int:
        return connection.execute(sa.delete(table).where(table.c.user == user, *conditions)).rowcount

    made: list[Any] = within(g.made, since, until)
    shown: list[Any] = within(p.at, since, until)
    done: list[Any] = within(e.at, since, until)
    counted: list[Any] = within(c.at, since, until)
    if lora is not None:
        made.append(g.id.in_(sa.select(u.generation).where(u.user == user, meant(lora, u))))
        in_answer = sa.select(s.impression).where(s.user == user, s.lora == lora)
        was_active = p.active.contains(msgspec.json.encode(lora).decode(), autoescape=True)
        shown.append(sa.or_(p.id.in_(in_answer), was_active))
        done.append(e.lora == lora)
        counted.append(meant(lora, c))
    if pattern is not None:
        for conditions, prompt in ((made, g.prompt), (shown, p.prompt), (done, e.prompt)):
            conditions.append(matches(prompt, pattern))
    if lora is None:
        wishes = e.what.in_([kind.value for kind in WISHES])
        blank = sa.update(t.event).values(prompt="", project="", impression=None)
        connection.execute(blank.where(e.user == user, wishes, *done))
        done.append(~wishes)
    generations = sa.select(g.id).where(g.user == user, *made)
    images = sa.select(i.id).where(i.generation.in_(generations))
    count = sa.select(sa.func.count()).select_from(images.subquery())
    of_images = int(connection.execute(count).scalar() or 0)
    outcomes = gone(t.outcome, o.image.in_(images))
    gone(t.source, t.source.c.image.in_(images))
    if lora is None and pattern is None:
        outcomes += gone(t.outcome, *within(o.at, since, until))
    return Deleted(
        generations=gone(t.generation, *made),
        images=of_images,
        outcomes=outcomes,
        impressions=gone(t.impression, *shown),
        events=gone(t.event, *done),
        usage=gone(t.usage, *counted) if pattern is None else 0,
    )
