"""The REST API on ComfyUI's own server: one route that takes in the whole table of lorarec/api.

Nothing is imported and no thread started before the first request. Whatever may take a moment runs in threads of our
own: ComfyUI's event loop sends its previews and progress, and its default executor loads its files.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ..lorarec.errors import missing_package
from . import host, library

if TYPE_CHECKING:
    from ..lorarec.api.app import Api
    from ..lorarec.api.lanes import Lanes
    from ..lorarec.api.wire import Request, Response

PREFIX = "/lorarec/v1"
ANSWERS = "lorarec_answers"  # attribute of the route table: who answers, for packs that are loaded again


def mount() -> None:
    """Add the route to the server of this process, if there is one; ComfyUI repeats it below /api by itself."""
    routes = host.routes()
    if not callable(getattr(routes, "route", None)):
        return
    mounted = hasattr(routes, ANSWERS)
    setattr(routes, ANSWERS, _Door().answer)
    if mounted:
        return

    @routes.route("*", PREFIX + "/{rest:.*}")
    async def lorarec(request: Any) -> Any:
        return await getattr(routes, ANSWERS)(request)


class _Door:
    """Turns aiohttp's requests into ours, and our responses into aiohttp's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._api: Api | None = None
        self._lanes: Lanes | None = None

    async def answer(self, request: Any) -> Any:
        """Answer one request; where this Python lacks a package, with the sentence that says which."""
        try:
            return await self._respond(request)
        except ImportError as error:
            missing = missing_package(error)
            if missing is None:
                raise
            from aiohttp import web

            fault = {"error": {"code": "missing_part", "message": str(missing), "field": ""}}
            return web.json_response(fault, status=missing.status)

    async def _respond(self, request: Any) -> Any:
        from aiohttp import web

        from ..lorarec.api.lanes import Lanes

        lanes = self._lanes = self._lanes or Lanes()
        api = self._api or await lanes.run("live", self._open)
        asked = await _read(request)
        response = await lanes.run(api.lane(asked).value, lambda: api.respond(asked))
        if response.events is None and response.chunks is None:
            return web.Response(status=response.status, headers=response.headers, body=response.body)
        return await _stream(lanes, request, response)

    def _open(self) -> Api:
        """The API, made when it is first asked: its imports alone would hold up the event loop."""
        with self._lock:
            if self._api is None:
                from ..lorarec.api.app import Api
                from ..lorarec.api.context import Context
                from ..lorarec.api.guard import Guard, Hosts

                context = Context(library.keeper, lambda: [host.output_dir()])
                self._api = Api(context, Guard(Hosts(host.listens_at())))
            return self._api


async def _stream(lanes: Lanes, request: Any, response: Response) -> Any:
    """Send a body, or events, piece by piece for as long as the client listens."""
    from aiohttp import web

    out = web.StreamResponse(status=response.status, headers=response.headers)
    try:
        await out.prepare(request)
        async for piece in lanes.pieces(response):
            if piece:
                await out.write(piece)
            if request.transport is None or request.transport.is_closing():
                break
        await out.write_eof()
    except ConnectionError:
        pass  # the client went away
    finally:
        response.close()
    return out


async def _read(request: Any) -> Request:
    """A request as the API knows it; of a body no more is read than it takes."""
    from ..lorarec.api.wire import MAX_BODY, Request

    body: bytes | None = b""
    if (request.content_length or 0) > MAX_BODY:
        body = None
    elif request.can_read_body:
        pieces = bytearray()
        async for piece in request.content.iter_chunked(MAX_BODY):
            pieces += piece
            if len(pieces) > MAX_BODY:
                break
        body = None if len(pieces) > MAX_BODY else bytes(pieces)
    return Request(
        method=request.method,
        path=f"{PREFIX}/{request.match_info['rest']}",
        query={name: request.query.getall(name) for name in request.query},
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        peer=request.remote or "",
    )
