"""The index and other long work: how it stands, starting and stopping it, and events for those who watch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ..errors import UsageError
from ..jobs import Job, JobState, Run
from . import encoder
from .fields import Nothing
from .wire import Refused, Request, Response, encode, told

if TYPE_CHECKING:
    from .context import Context

JOBS = ("index", "harvest", "encoder")
HEARTBEAT = 10.0  # seconds without news after which a stream shows that it lives


class IndexState(Struct, frozen=True, kw_only=True):
    """The index as it is."""

    stage: str  # "empty": no suggestions yet | "lexical": by words | "full": by words and meaning
    version: str  # changes with its content
    loras: int
    folders: int  # LoRA folders known
    notices: tuple[str, ...]  # sentences for the user: what is missing, with the remedy
    job: JobState


class Jobs(Struct, frozen=True):
    """All long work."""

    jobs: tuple[JobState, ...]


def index(context: Context, _: Nothing) -> IndexState:
    """The state of the index."""
    recommender = context.recommender()
    return IndexState(
        stage=recommender.stage,
        version=recommender.version,
        loras=len(recommender.loras()),
        folders=len(recommender.roots),
        notices=tuple(map(context.public, recommender.notices)),
        job=_state(context, "index"),
    )


def jobs(context: Context, _: Nothing) -> Jobs:
    """How all long work stands."""
    return Jobs(tuple(_state(context, name) for name in JOBS))


def job(context: Context, name: str, _: Nothing) -> JobState:
    """How one job stands."""
    return _state(context, name)


def start(context: Context, name: str, _: Nothing) -> JobState:
    """Start a job in the background; one that runs goes on.

    Raises:
        UsageError: there is nothing to do it with: no folder, or the history is off.
    """
    if not _job(context, name).state.active:
        _START[name](context)
    return _state(context, name)


def _start_index(context: Context) -> None:
    recommender = context.recommender()
    if not recommender.roots:
        raise UsageError("no LoRA folder is known; set it with `lorarec settings set loras DIR`")
    recommender.start_refresh()


def _start_harvest(context: Context) -> None:
    with context.changing:
        recommender = context.recommender()
        folders = [*recommender.settings.images, *context.image_folders()]
        if not folders:
            raise UsageError("no image folder is known; set it with `lorarec settings set images DIR`")
        if not recommender.memory.history.recording:
            raise UsageError("the history is off, so that nothing can be harvested; switch it on first")
        context.harvest.start(lambda run: _harvest(context, folders, run))


_START: dict[str, Callable[[Context], object]] = {
    "index": _start_index,
    "harvest": _start_harvest,
    "encoder": encoder.start,
}


def cancel(context: Context, name: str, _: Nothing) -> JobState:
    """Ask a job to stop; what it has done stays. One that does not run is left as it is."""
    _job(context, name).cancel()
    return _state(context, name)


def events(context: Context, request: Request) -> Response:
    """News of all jobs, as server-sent events: ``event: job`` with a `JobState` as data, first how all stand now."""
    if not context.streams.acquire(blocking=False):
        raise Refused(503, "busy", "too many listen to events already", headers={"Retry-After": "5"})
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(headers=headers, events=_News(context, request))


class _News(Iterator[bytes]):
    """Server-sent events; never blocks. Closing it makes room for another listener."""

    def __init__(self, context: Context, request: Request) -> None:
        self._context, self._request = context, request
        self._seen: dict[str, tuple[Job, int]] = {}
        self._said = time.monotonic()
        self._open = True

    def __next__(self) -> bytes:
        if not self._open or self._context.closed.is_set():
            raise StopIteration
        news = b""
        for name in JOBS:
            watched = _job(self._context, name)
            state = watched.state
            if self._seen.get(name) != (watched, state.change):
                self._seen[name] = watched, state.change
                data = encode(told(self._request, self._context.public_state(state)))
                news += b"event: job\ndata: " + data + b"\n\n"
        now = time.monotonic()
        if not news and now - self._said >= HEARTBEAT:
            news = b": still here\n\n"
        if news:
            self._said = now
        return news

    def close(self) -> None:
        """Stop listening."""
        if self._open:
            self._open = False
            self._context.streams.release()

    __del__ = close  # a door that is cancelled before it has the answer cannot close it


def _job(context: Context, name: str) -> Job:
    if name == "index":
        return context.recommender().indexing
    if name in JOBS:
        return context.harvest if name == "harvest" else context.encoder
    raise Refused(404, "unknown_job", f"there is no job {name!r}; there are {', '.join(JOBS)}", field="job")


def _state(context: Context, name: str) -> JobState:
    return context.public_state(_job(context, name).state)


def _harvest(context: Context, folders: list[Path | str], run: Run) -> Any:
    """Index the LoRAs where that was not done yet, so that names can be linked; then read images and learn."""
    with context.keeper.lent() as recommender:
        if recommender.stage == "empty" and recommender.roots:
            recommender.refresh(run.progress, run.stop)
        report = recommender.memory.harvest(folders, run.progress, run.stop)
        if recommender.stage != "empty" and not run.stop():
            recommender.learn(run.progress, run.stop)
        return report
