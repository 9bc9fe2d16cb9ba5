"""The API as doors see it: a request in, a response out; nothing else is raised or written."""

from __future__ import annotations

import logging
from typing import Any

from ..chinese import chinese
from ..errors import LorarecError
from .context import Context
from .guard import Guard
from .routes import ROUTES, Route
from .wire import Lane, Refused, Request, Response, answer, decode_body, decode_query, failure, told, wants_chinese

_log = logging.getLogger(__name__)

# Nothing of ours is a page: whatever a file holds, a browser must neither run it nor show it inside a foreign page.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


class Api:
    """The mounted table. Safe from many threads; `respond` blocks and belongs on a thread, never on an event loop."""

    def __init__(self, context: Context, guard: Guard) -> None:
        """Take what handlers work with, and who may ask."""
        self.context = context
        context.trusts = guard.trusts
        self._guard = guard

    def respond(self, request: Request) -> Response:
        """Answer a request."""
        try:
            self._guard.check(request)
            response = self._answer(request)
        except LorarecError as error:
            said = self.context.public(str(error))
            response = failure(error, chinese(said) if wants_chinese(request) else said)
        except Exception as error:  # the boundary to the network: a door can do nothing with it
            _log.exception("%s %s failed", request.method, request.path)
            response = failure(
                Refused(500, "internal", f"something went wrong ({type(error).__name__}); the log has the details")
            )
        if request.method == "HEAD" and not (response.chunks is response.events is None):
            response.close()  # nobody reads it
            response = Response(status=response.status, headers=response.headers)
        headers = {"Cache-Control": "no-store", **_HEADERS, **response.headers}
        return Response(
            status=response.status,
            headers=headers,
            body=response.body,
            chunks=response.chunks,
            events=response.events,
        )

    def lane(self, request: Request) -> Lane:
        """How much a request asks for; cheap, for doors to choose the thread that answers it."""
        found = _find(request)
        return found[0].lane if isinstance(found, tuple) else Lane.LIVE

    def close(self) -> None:
        """End streams and work that the API began."""
        self.context.close()

    def _answer(self, request: Request) -> Response:
        found = _find(request)
        if not isinstance(found, tuple):
            if not found:
                raise Refused(404, "not_found", f"there is nothing at {request.path}; see openapi.json beside it")
            allowed = ", ".join(found)
            raise Refused(405, "method_not_allowed", f"this is asked with {allowed}", headers={"Allow": allowed})
        route, parts = found
        given: list[Any] = [self.context, *parts]
        if route.query is not None:
            given.append(decode_query(request.query, route.query))
        if route.body is not None:
            given.append(decode_body(request.body or b"", route.body))
        if route.raw:
            given.append(request)
        result = route.handler(*given)
        if isinstance(result, Response):
            return result
        return answer(told(request, result), route.status)


def _find(request: Request) -> tuple[Route, tuple[str, ...]] | list[str]:
    """The route of a request with the values in its path, else the methods that there are for this path."""
    method = "GET" if request.method == "HEAD" else request.method
    methods: list[str] = []
    for route in ROUTES:
        match = route.pattern.fullmatch(request.path)
        if match and route.method == method:
            return route, match.groups()
        if match:
            methods.append(route.method)
    return methods
