"""The API as an ASGI application, for hosts on FastAPI or Starlette of any version: nothing of them is used.

It is mounted as the endpoint of one route ``/lorarec/v1/{rest:path}``. Source of the messages: the ASGI specification
3.0, HTTP connection scope.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from .lanes import Lanes
from .wire import MAX_BODY, PREFIX, Request, Response

if TYPE_CHECKING:
    from .app import Api

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

ROUTE = PREFIX + "/{rest:path}"


class Admission(NamedTuple):
    """What the host's own login says of a client."""

    admitted: bool
    logged_in: bool  # False also where nobody needs to


Admit = Callable[[Scope], Awaitable[Admission]]


class Asgi:
    """Turns ASGI's messages into requests, and responses into messages."""

    def __init__(
        self, api: Callable[[], Api], lanes: Lanes, admit: Admit, ending: Callable[[], bool] = lambda: False
    ) -> None:
        """Wire it.

        Args:
            api: opens the API at the first request, later gives the same one; called in a thread.
            lanes: the threads that answer.
            admit: what the host's own login says of a request.
            ending: whether the server shuts down; it waits for all answers, and events would never end.
        """
        self._open = api
        self._api: Api | None = None
        self._lanes = lanes
        self._admit = admit
        self._ending = ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._api is None:
            self._api = await self._lanes.run("live", self._open)
        api = self._api
        request = await _read(scope, receive, await self._admit(scope))
        response = await self._lanes.run(api.lane(request).value, lambda: api.respond(request))
        if response.chunks is None and response.events is None:
            headers = {**response.headers, "Content-Length": str(len(response.body))}
            await send({"type": "http.response.start", "status": response.status, "headers": _raw(headers)})
            await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})
        else:
            await self._stream(response, receive, send)

    async def _stream(self, response: Response, receive: Receive, send: Send) -> None:
        """Send piece by piece for as long as the client listens."""
        import asyncio

        # A host that packs answers would hold events back until they fill a block.
        headers = {**response.headers, **({} if response.events is None else {"Content-Encoding": "identity"})}
        gone = asyncio.ensure_future(_hung_up(receive))
        try:
            await send({"type": "http.response.start", "status": response.status, "headers": _raw(headers)})
            async for piece in self._lanes.pieces(response):
                if gone.done():
                    return
                if response.events is not None and self._ending():
                    break
                if piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except OSError:
            pass  # the client went away
        finally:
            response.close()
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(scope: Scope, receive: Receive, admission: Admission) -> Request:
    """A request as the API knows it; of a body no more is read than it takes."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    length = headers.get("content-length", "0")
    fits = length.isdecimal() and len(length) < 12 and int(length) <= MAX_BODY
    body: bytes | None = await _body(receive) if fits else None
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Request(
        method=scope["method"],
        path=f"{PREFIX}/{scope['path_params']['rest']}",
        query=query,
        headers=headers,
        body=body,
        peer=(scope.get("client") or ("",))[0],
        admitted=admission.admitted,
        logged_in=admission.logged_in,
    )


async def _body(receive: Receive) -> bytes | None:
    read = bytearray()
    while True:
        message = await receive()
        read += message.get("body", b"")
        if len(read) > MAX_BODY:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return bytes(read)
