"""What the history remembers, for those who learn from it and those who show it.

Rows are mostly put in order here: asked for an order, SQLite walks a whole index of times to save itself the sort,
instead of using the index that finds the few rows wanted. What every answer needs, events and the version, is asked in
plain SQL, see `Database.peek`.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from ..batches import chunks
from ..history_types import Event, EventKind, Impression, OutcomeKind, PastGeneration, PastUse, ShownLora
from .images import LIKED
from .rows import fetch
from .schema import tables

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Select

_EVENTS = "SELECT id, at, what, lora, strength, before, impression, prompt, project FROM history_event"
_KINDS = {kind.value: kind for kind in EventKind}
OPINIONS = {EventKind.LIKE: 1, EventKind.DISLIKE: -1, EventKind.NEUTRAL: 0}
WISHES = (*OPINIONS, EventKind.HIDE, EventKind.SHOW)  # settings rather than traces: they hold whatever else is kept


class PastCount(Struct, frozen=True):
    """What another tool counted."""

    source: str  # the tool, as the import names it
    lora: str  # catalogue id, "" = not linked
    name: str  # as that tool names it
    how: str  # how the link was made, see `Linked`
    count: int
    at: float | None  # the day counted, or the last use; None = not stated


class Counts(Struct, frozen=True):
    """How much the history holds."""

    generations: int = 0
    loras: int = 0  # different installed LoRAs that they use
    unlinked: int = 0  # LoRAs named in them, by different names, that no installed file is known to be
    images: int = 0  # files seen, also those that taught nothing
    outcomes: int = 0
    impressions: int = 0
    events: int = 0
    usage: int = 0  # counts of other tools
    first: float | None = None  # when the oldest and the newest generation were made
    last: float | None = None


def within(column: ColumnElement[Any], since: float | None, until: float | None) -> list[ColumnElement[bool]]:
    """Conditions: since <= column < until, where given."""
    low = [] if since is None else [column >= since]
    return low if until is None else [*low, column < until]


def meant(lora: str, table_columns: Any) -> ColumnElement[bool]:
    """Condition: a row is about a LoRA, given by catalogue id or by the name that an image or tool uses."""
    import sqlalchemy as sa

    return sa.or_(table_columns.lora == lora, table_columns.name == lora)


def matches(prompt: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Condition: a prompt matches a valid regular expression anywhere, case ignored, as in `history_exclude`."""
    return prompt.regexp_match(f"(?i){pattern}")


def past(
    connection: Connection,
    user: str | None,
    since: float | None = None,
    until: float | None = None,
    lora: str | None = None,
    project: str | None = None,
    limit: int | None = None,
    pattern: str | None = None,
) -> list[PastGeneration]:
    """Generations, oldest first; of more than ``limit`` the newest. ``pattern`` as for `matches`."""
    import sqlalchemy as sa

    t = tables()
    g, u = t.generation.c, t.use.c
    chosen = sa.select(g.id).where(g.user == user, *within(g.made, since, until))
    if lora is not None:
        chosen = chosen.where(g.id.in_(sa.select(u.generation).where(u.user == user, meant(lora, u))))
    if project is not None:
        chosen = chosen.where(g.project == project)
    if pattern is not None:
        chosen = chosen.where(matches(g.prompt, pattern))
    if limit is not None:
        chosen = chosen.order_by(g.made.desc(), g.id.desc()).limit(limit)

    uses = _uses(connection, chosen)
    images = _images(connection, chosen)
    deleted = _images(connection, chosen, OutcomeKind.DELETED)
    liked = _images(connection, chosen, *LIKED)
    columns = (g.made, g.id, g.prompt, g.negative, g.base_model, g.checkpoint, g.project, g.host)
    return [
        PastGeneration(
            id=id_,
            made=made,
            prompt=prompt,
            negative=negative,
            base_model=base_model,
            checkpoint=checkpoint,
            project=of_project,
            host=host,
            loras=tuple(uses.get(id_, ())),
            images=images.get(id_, 0),
            deleted=deleted.get(id_, 0),
            liked=liked.get(id_, 0),
        )
        for made, id_, prompt, negative, base_model, checkpoint, of_project, host in sorted(
            fetch(connection, chosen.with_only_columns(*columns))
        )
    ]


def _uses(connection: Connection, generations: Select[Any]) -> dict[int, list[PastUse]]:
    import sqlalchemy as sa

    c = tables().use.c
    query = sa.select(c.generation, c.lora, c.name, c.strength, c.how).where(c.generation.in_(generations))
    found: dict[int, list[PastUse]] = {}
    for generation, *rest in fetch(connection, query.order_by(c.id)):
        found.setdefault(generation, []).append(PastUse(*rest))
    return found


def _images(connection: Connection, generations: Select[Any], *outcomes: OutcomeKind) -> dict[int, int]:
    """How many files each generation has; only those with one of these outcomes, where given."""
    import sqlalchemy as sa

    t = tables()
    i, o = t.image.c, t.outcome.c
    query = sa.select(i.generation, sa.func.count(i.id.distinct())).where(i.generation.in_(generations))
    if outcomes:
        query = query.join(t.outcome, o.image == i.id).where(o.what.in_([kind.value for kind in outcomes]))
    return dict(fetch(connection, query.group_by(i.generation)))


def events(
    connection: sqlite3.Connection,
    user: str | None,
    lora: str | None = None,
    kinds: Collection[EventKind] | None = None,
    limit: int | None = None,
) -> list[Event]:
    """Events in the order they were recorded; of more than ``limit`` the newest."""
    where: list[str] = ["user = ?"]
    values: list[str | int | None] = [user]
    if lora is not None:
        where.append("lora = ?")
        values.append(lora)
    if kinds is not None:
        where.append(_one_of("what", kinds))
        values += [kind.value for kind in kinds]
    query = f"{_EVENTS} WHERE {' AND '.join(where)}"
    if limit is not None:
        query += " ORDER BY at DESC, id DESC LIMIT ?"
        values.append(limit)
    return [
        Event(
            kind=_KINDS[what],
            lora=of,
            at=at,
            strength=strength,
            before=before,
            impression=impression,
            prompt=prompt,
            project=project,
        )
        for _, at, what, of, strength, before, impression, prompt, project in sorted(connection.execute(query, values))
    ]


def _one_of(column: str, kinds: Collection[EventKind]) -> str:
    """Condition: a column holds one of these kinds, which are to be its values."""
    return f"{column} IN ({', '.join('?' * len(kinds))})"


def prompts_of_all(connection: Connection) -> list[str]:
    """The distinct prompts of all users' generations."""
    import sqlalchemy as sa

    c = tables().generation.c
    query = sa.select(c.prompt).where(c.prompt.is_not(None)).distinct()
    return [prompt for (prompt,) in fetch(connection, query)]


def impressions_of(connection: Connection, user: str | None, ids: Collection[int]) -> dict[int, Impression]:
    """``{id: answer}`` of those of the ids that the user has."""
    import sqlalchemy as sa

    c = tables().impression.c
    found: dict[int, Impression] = {}
    for chunk in chunks(sorted(ids)):
        mine = c.user.concat("") == user  # no bare column, or SQLite would look through all that the user has
        found |= _impressions(connection, sa.select(c.id).where(mine, c.id.in_(chunk)))
    return found


def _impressions(connection: Connection, chosen: Select[Any]) -> dict[int, Impression]:
    """The answers whose ids a query gives, oldest first."""
    import sqlalchemy as sa

    t = tables()
    c, s = t.impression.c, t.shown.c
    shown: dict[int, list[ShownLora]] = {}
    query: Select[Any] = (
        sa.select(s.impression, s.lora, s.score, s.propensity).where(s.impression.in_(chosen)).order_by(s.position)
    )
    for impression, *rest in fetch(connection, query):
        shown.setdefault(impression, []).append(ShownLora(*rest))
    query = sa.select(c.id, c.at, c.prompt, c.base_model, c.active, c.project).where(c.id.in_(chosen))
    return {
        id_: Impression(
            at=at,
            prompt=prompt,
            shown=tuple(shown.get(id_, ())),
            base_model=base_model,
            active=tuple(msgspec.json.decode(active)),
            project=project,
        )
        for id_, at, prompt, base_model, active, project in fetch(connection, query.order_by(c.at, c.id))
    }


def usage(connection: Connection, user: str | None) -> list[PastCount]:
    """Counts of other tools, in the order they came."""
    import sqlalchemy as sa

    c = tables().usage.c
    query = sa.select(c.source, c.lora, c.name, c.how, c.count, c.at).where(c.user == user).order_by(c.id)
    return [PastCount(*row) for row in fetch(connection, query)]


def counted_elsewhere(usage: Sequence[PastCount], since: float | None = None) -> dict[str, int]:
    """Catalogue id -> uses. Tools that count the same uses do not add up: the one that counted most is believed."""
    by_tool: Counter[tuple[str, str]] = Counter()
    for one in usage:
        if one.lora and (since is None or (one.at is not None and one.at >= since)):
            by_tool[one.lora, one.source] += max(one.count, 0)
    most: dict[str, int] = {}
    for (lora, _), count in by_tool.items():
        most[lora] = max(most.get(lora, 0), count)
    return most


def latest(connection: sqlite3.Connection, user: str | None, kinds: Sequence[EventKind]) -> dict[str, EventKind]:
    """``{catalogue id: the last of these kinds that was recorded of it}``, whatever the clock said then."""
    query = f"SELECT id, lora, what FROM history_event WHERE user = ? AND {_one_of('what', kinds)}"
    found = connection.execute(query, [user, *(kind.value for kind in kinds)])
    return {lora: _KINDS[what] for _, lora, what in sorted(found)}


def counts(connection: Connection, user: str | None) -> Counts:
    """How much there is of everything."""
    import sqlalchemy as sa

    t = tables()
    g, u = t.generation.c, t.use.c

    def number(table: Any) -> int:
        query = sa.select(sa.func.count()).select_from(table).where(table.c.user == user)
        return int(connection.execute(query).scalar() or 0)

    def distinct(column: Any, condition: ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count(column.distinct())).where(u.user == user, condition)
        return int(connection.execute(query).scalar() or 0)

    [(first, last)] = fetch(connection, sa.select(sa.func.min(g.made), sa.func.max(g.made)).where(g.user == user))
    return Counts(
        generations=number(t.generation),
        loras=distinct(u.lora, u.lora != ""),
        unlinked=distinct(u.name, u.lora == ""),
        images=number(t.image),
        outcomes=number(t.outcome),
        impressions=number(t.impression),
        events=number(t.event),
        usage=number(t.usage),
        first=first,
        last=last,
    )


def version(connection: sqlite3.Connection, user: str | None) -> str:
    """See `History.version`."""
    row = connection.execute("SELECT token, version FROM history_state WHERE user = ?", [user]).fetchone()
    return f"{row[0]}-{row[1]}" if row else ""
