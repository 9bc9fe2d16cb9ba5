"""The history and what it says about its user: counting, showing, exporting, deleting, switching it off and on."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct
from msgspec.structs import replace

from ..errors import UsageError
from ..history.deleting import Deleted
from ..history.reading import Counts
from ..history.statements import Profile
from ..history_types import PastGeneration
from . import settings
from .fields import Moment, Name, Nothing
from .wire import Refused, Request, Response, encode

if TYPE_CHECKING:
    from .context import Context

CHUNK = 64 * 1024  # bytes
IN_MEMORY = 4 * 1024 * 1024  # bytes of an export; a longer one goes through a temporary file


class HistoryState(Struct, frozen=True, kw_only=True):
    """Whether things are remembered, and how much is."""

    enabled: bool  # the setting
    recording: bool  # enabled, and it is known whose history it is
    counts: Counts


class Switch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On or off."""

    enabled: bool


class Period(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which generations: ``since <= time < until``. Of many the newest."""

    since: Moment | None = None
    until: Moment | None = None
    lora: Name | None = None  # id, or a name as images have it
    text: Name | None = None  # that the prompt holds anywhere, case ignored
    pattern: Name | None = None  # the same, a regular expression
    project: Name | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class Generations(Struct, frozen=True):
    """Generations, oldest first."""

    generations: tuple[PastGeneration, ...]


class Deletion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to delete: a period, what mentions a LoRA, what has such a prompt, these at once, or everything."""

    since: Moment | None = None
    until: Moment | None = None
    lora: Name | None = None  # id, or a name as images have it
    text: Name | None = None  # that the prompt holds anywhere, case ignored
    pattern: Name | None = None  # the same, a regular expression
    everything: bool = False


class ProfileOf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of the history."""

    project: Name | None = None  # "" = all; absent: the setting
    since: Moment | None = None


def state(context: Context, _: Nothing) -> HistoryState:
    """Whether things are remembered, and how much is."""
    recommender = context.recommender()
    history = recommender.memory.history
    return HistoryState(enabled=recommender.settings.history, recording=history.recording, counts=history.counts())


def switch(context: Context, wanted: Switch) -> HistoryState:
    """Switch the history on or off; nothing is deleted."""
    settings.store(context, lambda now: replace(now, history=wanted.enabled))
    return state(context, Nothing())


def generations(context: Context, period: Period, request: Request) -> Generations:
    """What was made.

    Raises:
        UsageError: both a text and a pattern are given, or the pattern is none.
        Refused: a pattern comes from another machine without a login.
    """
    _may_match(context, period, request)
    return past(context, period)


def past(context: Context, period: Period) -> Generations:
    """What was made, for those who may send patterns. Raises `UsageError`, see `generations`."""
    wanted = {name: None if value == "" else value for name, value in part(period).items()}
    history = context.recommender().memory.history
    return Generations(tuple(history.past(**wanted, project=period.project, limit=period.limit)))


def delete(context: Context, what: Deletion, request: Request) -> Deleted:
    """Delete for good; the files of images stay.

    Raises:
        UsageError: nothing was said to be deleted, everything and a part of it, both a text and a pattern, or the
            pattern is none.
        Refused: a pattern comes from another machine without a login.
    """
    _may_match(context, what, request)
    return forget(context, what)


def forget(context: Context, what: Deletion) -> Deleted:
    """Delete for good, for those who may send patterns. Raises `UsageError`, see `delete`."""
    wanted = part(what)
    if what.everything and any(given is not None for given in wanted.values()):
        raise UsageError("everything leaves nothing to choose; leave it out to delete a part of it")
    return context.recommender().memory.delete(**wanted, everything=what.everything)


def part(of: Period | Deletion) -> dict[str, Any]:
    """Which part of the history, as `History.past` and `delete` take it. Raises `UsageError`: a text and a pattern."""
    if of.text is not None and of.pattern is not None:
        raise UsageError("send a text or a pattern, not both")
    pattern = of.pattern if of.text is None else re.escape(of.text)
    return {"since": of.since, "until": of.until, "lora": of.lora, "pattern": pattern}


def _may_match(context: Context, of: Period | Deletion, request: Request) -> None:
    """Refuse patterns of those who may not send any: one can be made to keep the whole program busy for minutes."""
    if of.pattern is not None and not context.trusts(request):
        raise Refused(
            403, "not_from_here", "patterns are for this machine itself; send a plain text instead", field="pattern"
        )


def export(context: Context, _: Nothing) -> Response:
    """Everything that is remembered, one JSON object per line."""
    # Written out first: a slow client must not hold a snapshot of the database, which deleting waits for.
    file = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(context.recommender().data_dir))  # noqa: SIM115 (closed by _chunks)
    try:
        for row in context.recommender().memory.history.export():
            file.write(encode(row) + b"\n")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return Response(
        headers={
            "Content-Type": "application/x-ndjson",
            "Content-Disposition": 'attachment; filename="lorarec-history.jsonl"',
        },
        chunks=_chunks(file),
    )


def profile(context: Context, of: ProfileOf) -> Profile:
    """What the history says about its user."""
    recommender = context.recommender()
    project = recommender.settings.project if of.project is None else of.project
    return recommender.profile(project=project, since=of.since)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
