"""The standalone server: the standard library's HTTP server with the bounds it lacks.

A thread per connection, so many and no more; a deadline for every request and every write, so that a client who dawdles
costs one thread for seconds; bodies of known and bounded length only.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from .app import Api
from .connection import LINGER_SECONDS, Connection
from .wire import PREFIX, Lane, Refused, Request, Response, failure

_log = logging.getLogger(__name__)

CONNECTIONS = 256
GRACE_SECONDS = 5.0  # that requests may take to end when the server does
WAIT_SECONDS = 30.0  # that a request may wait for its lane
LANES = {Lane.LIVE: 32, Lane.BULK: 2}  # requests answered at once

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
WELCOME = Response(
    headers={"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"},
    body=f"lorarec suggests LoRAs here. What programs can ask is described in {PREFIX}/openapi.json\n".encode(),
)


class Server(ThreadingHTTPServer):
    """Serves an `Api` until `close`; `serve_forever` does the work."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = os.name != "nt"  # there it would let two programs listen at one address

    def __init__(self, api: Api, host: str, port: int, pages: Mapping[str, Response] | None = None) -> None:
        """Listen on an address.

        Args:
            api: answers what lies below `PREFIX`.
            host: address of this machine to listen on.
            port: 0 = any that is free.
            pages: what else there is to read for everybody, by path.

        Raises:
            OSError: the address is in use, or none of this machine's.
        """
        self.api = api
        self.pages = {"/": WELCOME} if pages is None else pages
        self._lanes = {lane: threading.BoundedSemaphore(many) for lane, many in LANES.items()}
        self._room = threading.BoundedSemaphore(CONNECTIONS)
        self._changed = threading.Condition()
        self._idle: dict[socket.socket, float] = {}  # connections that wait for a request, and since when
        self._busy = 0
        self.closing = False
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Connection)

    @property
    def url(self) -> str:
        """Where this machine reaches it."""
        host, port = str(self.server_address[0]), self.server_address[1]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def close(self) -> None:
        """End: no new requests, streams closed, answers that are being made given a moment. Not from `serve_forever`'s
        own thread while it runs."""
        self.closing = True
        self.shutdown()
        self.api.close()
        with self._changed:
            for connection in self._idle:
                _hang_up(connection)
            self._changed.wait_for(lambda: self._busy == 0, GRACE_SECONDS)
        self.server_close()

    def answer(self, request: Request) -> Response:
        """Answer a request, a page or the API's."""
        page = self.pages.get(request.path) if request.method in ("GET", "HEAD") else None
        if page is not None:
            known = request.headers.get("if-none-match") == page.headers.get("ETag", "")
            return Response(status=304, headers=page.headers) if known else page
        lane = self._lanes[self.api.lane(request)]
        if not lane.acquire(timeout=WAIT_SECONDS):
            return failure(Refused(503, "busy", "too much to do; try again", headers={"Retry-After": "5"}))
        try:
            return self.api.respond(request)
        finally:
            lane.release()

    @contextmanager
    def waiting(self, connection: socket.socket) -> Iterator[None]:
        """While a connection waits for a request it is hung up if room is needed, or the server ends."""
        with self._changed:
            self._busy -= 1
            self._idle[connection] = time.monotonic()
            self._changed.notify_all()
            if self.closing:
                _hang_up(connection)
        try:
            yield
        finally:
            with self._changed:
                self._busy += 1
                self._idle.pop(connection, None)

    # -- the standard library's hooks -------------------------------------------------------------------------------

    def server_bind(self) -> None:
        """Bind, without asking a name server for our own name as the standard library does: that can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection its thread, if there is room or some other connection is idle."""
        if not self._room.acquire(blocking=False):
            with self._changed:
                if self._idle:
                    _hang_up(min(self._idle, key=lambda connection: self._idle[connection]))
            if not self._room.acquire(timeout=LINGER_SECONDS):
                with suppress(OSError):
                    request.settimeout(LINGER_SECONDS)
                    request.sendall(_FULL)
                self.shutdown_request(request)
                return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection to its end."""
        with self._changed:
            self._busy += 1
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is no news; anything else is."""
        _log.debug("connection of %s ended", client_address, exc_info=True)


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
