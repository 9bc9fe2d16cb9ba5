"""The REST API on ComfyUI's own server: one route that takes in the whole table of lorarec/api.

Nothing is imported and no thread started before the first request. Whatever may take a moment runs in threads of our
own: ComfyUI's event loop sends its previews and progress, and its default executor loads its files.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ..lorarec.errors import missing_package
from . import host, library

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..lorarec.api.app import Api
    from ..lorarec.api.wire import Request, Response

PREFIX = "/lorarec/v1"
ANSWERS = "lorarec_answers"  # attribute of the route table: who answers, for packs that are loaded again
THREADS = {"live": 8, "bulk": 2}

T = TypeVar("T")


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
        self._threads: dict[str, Executor] = {}

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

        api = self._api or await self._in_thread("live", self._open)
        asked = await _read(request)
        response = await self._in_thread(api.lane(asked).value, lambda: api.respond(asked))
        if response.events is None and response.chunks is None:
            return web.Response(status=response.status, headers=response.headers, body=response.body)
        return await self._stream(request, response)

    def _open(self) -> Api:
        """The API, made when it is first asked: its imports alone would hold up the event loop."""
        with self._lock:
            if self._api is None:
                from ..lorarec.api.app import Api
                from ..lorarec.api.context import Context
                from ..lorarec.api.guard import Guard, Hosts

                context = Context(library.recommender, library.reopen, lambda: [host.output_dir()])
                self._api = Api(context, Guard(Hosts(host.listens_at())))
            return self._api

    async def _stream(self, request: Any, response: Response) -> Any:
        """Send a body, or events, piece by piece for as long as the client listens."""
        import asyncio

        from aiohttp import web

        from ..lorarec.api.wire import EVERY

        pieces: Any = response.chunks if response.events is None else response.events
        lane = "bulk" if response.events is None else "live"
        out = web.StreamResponse(status=response.status, headers=response.headers)
        try:
            await out.prepare(request)
            while (piece := await self._in_thread(lane, lambda: next(pieces, None))) is not None:
                if piece:
                    await out.write(piece)
                else:
                    await asyncio.sleep(EVERY)
                if request.transport is None or request.transport.is_closing():
                    break
            await out.write_eof()
        except ConnectionError:
            pass  # the client went away
        finally:
            pieces.close()
        return out

    async def _in_thread(self, lane: str, work: Callable[[], T]) -> T:
        import asyncio

        if lane not in self._threads:
            from concurrent.futures import ThreadPoolExecutor

            self._threads[lane] = ThreadPoolExecutor(THREADS[lane], f"lorarec-{lane}")
        return await asyncio.get_running_loop().run_in_executor(self._threads[lane], work)


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
