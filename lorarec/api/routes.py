"""The table: every route once. Doors mount it, the OpenAPI document is made from it, docs/api.md describes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from ..history.deleting import Deleted
from ..history.statements import Profile
from ..jobs import JobState
from . import encoder, feedback, history, loras, openapi, previews, settings, status, suggestions, videos, work
from .fields import Nothing
from .wire import JSON, PREFIX, Lane, Response

if TYPE_CHECKING:
    from .context import Context

Handler = Callable[..., Any]


class Route(Struct, frozen=True, kw_only=True, dict=True):
    """One thing that clients may ask for.

    The handler gets the `Context`, the values of the path's ``{names}`` in their order, and what ``query`` or ``body``
    describes. It returns a struct, which is sent as JSON, or a `Response`. It raises `LorarecError`.
    """

    method: str
    path: str  # below `PREFIX`
    handler: Handler
    answer: type | str  # of the struct it returns, or the MIME type of what else it sends
    query: type | None = None
    body: type | None = None  # POST and PUT have one, GET none
    raw: bool = False  # the handler gets the request itself as well, at the end
    status: int = 200
    lane: Lane = Lane.LIVE

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the whole path of a request."""
        return re.compile(re.escape(PREFIX) + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path), re.ASCII)


def _get(path: str, handler: Handler, answer: type | str, query: type | None = Nothing, **more: Any) -> Route:
    return Route(method="GET", path=path, handler=handler, answer=answer, query=query, **more)


def _post(path: str, handler: Handler, answer: type, body: type, **more: Any) -> Route:
    return Route(method="POST", path=path, handler=handler, answer=answer, body=body, **more)


def _put(path: str, handler: Handler, answer: type, body: type, **more: Any) -> Route:
    return Route(method="PUT", path=path, handler=handler, answer=answer, body=body, **more)


def _document(context: Context, _: Nothing) -> Response:
    """The OpenAPI document of all this."""
    return Response(headers={"Content-Type": JSON}, body=_encoded())


@cache
def _encoded() -> bytes:
    return msgspec.json.encode(openapi.document(ROUTES))


_BULK: dict[str, Any] = {"lane": Lane.BULK}
ROUTES: tuple[Route, ...] = (
    _post("/suggestions", suggestions.suggest, suggestions.Answer, suggestions.Ask),
    _get("/loras", loras.browse, loras.Page, loras.Browse),
    _get("/loras/{id}", loras.details, loras.Record),
    _get("/loras/{id}/similar", suggestions.similar, suggestions.Answer, suggestions.SimilarQuery),
    _get("/loras/{id}/uses", loras.uses, loras.Uses),
    _get("/loras/{id}/preview", previews.preview, "image/*", previews.Size, raw=True, **_BULK),
    _get("/loras/{id}/video", videos.video, "video/*", raw=True, **_BULK),
    _get("/facets", loras.facets, loras.Facets),
    _post("/embeddings", suggestions.embed, suggestions.Embedded, suggestions.Texts, **_BULK),
    _get("/index", work.index, work.IndexState),
    _get("/jobs", work.jobs, work.Jobs),
    _get("/jobs/{job}", work.job, JobState),
    _post("/jobs/{job}", work.start, JobState, Nothing, status=202),
    _post("/jobs/{job}/cancel", work.cancel, JobState, Nothing),
    _get("/encoder", encoder.state, encoder.EncoderState, raw=True),
    _get("/events", work.events, "text/event-stream", None, raw=True),
    _post("/events", feedback.did, feedback.Stored, feedback.Did),
    _post("/impressions", feedback.seen, feedback.Stored, feedback.Seen),
    _get("/feedback", feedback.feedback, feedback.Feedback),
    _get("/profile", history.profile, Profile, history.ProfileOf, **_BULK),
    _get("/history", history.state, history.HistoryState),
    _put("/history", history.switch, history.HistoryState, history.Switch, **_BULK),
    _get("/history/generations", history.generations, history.Generations, history.Period, raw=True, **_BULK),
    _get("/history/export", history.export, "application/x-ndjson", **_BULK),
    _post("/history/delete", history.delete, Deleted, history.Deletion, raw=True, **_BULK),
    _get("/settings", settings.show, settings.AllSettings, raw=True),
    _put("/settings", settings.change, settings.AllSettings, settings.Changes, raw=True, **_BULK),
    _get("/statistics", status.statistics, status.Statistics),
    _post("/models/unload", status.unload, status.Unloaded, status.Unload, **_BULK),
    _get("/health", status.health, status.Health),
    _get("/openapi.json", _document, JSON, **_BULK),
)
