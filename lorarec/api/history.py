"""The history and what it says about its user: counting, showing, exporting, deleting, switching it off and on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from ..errors import UsageError
from ..history.deleting import Deleted
from ..history.reading import Counts
from ..history.statements import Profile
from ..types import PastGeneration
from . import settings
from .fields import Moment, Name, Nothing
from .wire import Response, encode

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
    pattern: Name | None = None  # regular expression that the prompt matches anywhere, case ignored
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
    pattern: Name | None = None  # regular expression that the prompt matches anywhere, case ignored
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


def generations(context: Context, period: Period) -> Generations:
    """What was made."""
    return Generations(
        tuple(
            context.recommender().memory.history.past(
                since=period.since,
                until=period.until,
                lora=period.lora or None,
                pattern=period.pattern or None,
                project=period.project,
                limit=period.limit,
            )
        )
    )


def delete(context: Context, what: Deletion) -> Deleted:
    """Delete for good; the files of images stay.

    Raises:
        UsageError: nothing was said to be deleted, or everything and a part of it, or the pattern is none.
    """
    parts = (what.since, what.until, what.lora, what.pattern)
    if what.everything and any(part is not None for part in parts):
        raise UsageError("everything leaves nothing to choose; leave it out to delete a part of it")
    return context.recommender().memory.delete(
        since=what.since, until=what.until, lora=what.lora, pattern=what.pattern, everything=what.everything
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
