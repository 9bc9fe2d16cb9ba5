"""One connection of the standalone server: HTTP/1.1 requests in, responses out, and no patience with either."""

from __future__ import annotations

import io
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from .wire import EVERY, MAX_BODY, Refused, Request, Response, failure

if TYPE_CHECKING:
    from .server import Server

_log = logging.getLogger(__name__)

IDLE_SECONDS = 60.0  # that a connection may wait for its next request
READ_SECONDS = 10.0  # from a request's first byte to its last
WRITE_SECONDS = 30.0  # for one piece of an answer
LINGER_SECONDS = 1.0  # that we listen to a body we refused, so that its sender hears why
_FIELDS = 1000  # in a query string
_PIECE = 64 * 1024


class Connection(BaseHTTPRequestHandler):
    """Reads requests and sends answers until either side has enough."""

    server: Server
    rfile: io.BufferedReader
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "lorarec", ""

    def setup(self) -> None:
        """Take the socket over."""
        self.connection = self.request
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self._source = _Source(self.connection)
        self.rfile = io.BufferedReader(self._source, _PIECE)
        self.wfile = io.BytesIO()  # what is written at once leaves at once

    def finish(self) -> None:
        """Let go of it."""
        self.rfile.close()

    def handle_one_request(self) -> None:
        """Wait for a request, then read and answer it."""
        self._source.until = time.monotonic() + IDLE_SECONDS
        self.close_connection = True
        with suppress(OSError), self.server.waiting(self.connection):
            self.close_connection = not self.rfile.peek(1)
        if self.close_connection:
            return
        self._source.until = time.monotonic() + READ_SECONDS
        super().handle_one_request()

    def handle_expect_100(self) -> bool:
        """Tell a client who asks whether to go on to do so, unless the body is too large."""
        if (self.headers.get("Content-Length") or "").isdigit() and int(self.headers["Content-Length"]) > MAX_BODY:
            return True  # the answer comes at once, and is no
        self.connection.settimeout(WRITE_SECONDS)
        self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _respond(self) -> None:
        """Answer the request whose head was read."""
        try:
            request = self._read()
        except Refused as error:
            self._refuse(failure(error))
            return
        if request is None:
            self.close_connection = True
            return
        response = self.server.answer(request)
        if request.body is None:
            self._refuse(response)
        else:
            self._send(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _respond

    def _read(self) -> Request | None:
        """The request with its body; None if it ends too early.

        Raises:
            Refused: it is no proper HTTP, or does not say how long it is.
        """
        headers = self.headers
        for name in ("Host", "Content-Length", "Content-Type", "Origin", "Authorization"):
            if len(set(headers.get_all(name, ()))) > 1:
                raise Refused(400, "bad_http", f"there is more than one header {name}", field=name)
        if "Transfer-Encoding" in headers:
            raise Refused(411, "length_required", "send the body with its Content-Length", field="Transfer-Encoding")
        stated = headers.get("Content-Length", "0").strip()
        if not (stated.isascii() and stated.isdigit() and len(stated) < 20):
            raise Refused(400, "bad_http", "Content-Length is no number", field="Content-Length")
        try:
            place = urlsplit(self.path)
            query = parse_qs(place.query, keep_blank_values=True, max_num_fields=_FIELDS)
        except ValueError:
            raise Refused(400, "bad_http", "the address is not a valid one") from None
        length = int(stated)
        body = self.rfile.read(length) if length <= MAX_BODY else None
        if body is not None and len(body) < length:
            return None
        return Request(
            method=self.command,
            path=unquote(place.path),
            query=query,
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
            peer=str(self.client_address[0]),
        )

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses, in our shape."""
        self.close_connection = True
        said = message or self.responses.get(code, ("", "this is no HTTP that is understood here"))[1]
        self._refuse(failure(Refused(int(code), "bad_http", said)))

    def _refuse(self, response: Response) -> None:
        """Answer, hear out a little of the rest so that the client reads the answer, and hang up."""
        self.close_connection = True
        self._send(response)
        until = time.monotonic() + LINGER_SECONDS
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while (left := until - time.monotonic()) > 0:
                self.connection.settimeout(left)
                if not self.connection.recv(_PIECE):
                    return

    def _send(self, response: Response) -> None:
        streamed = response.chunks is not None or response.events is not None
        chunked = response.chunks is not None and self.request_version >= "HTTP/1.1"
        if self.server.closing or (streamed and not chunked):
            self.close_connection = True
        headers = {**response.headers, "Date": self.date_time_string()}
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif not streamed and response.status != 304:
            headers["Content-Length"] = str(len(response.body))
        headers["Connection"] = "close" if self.close_connection else "keep-alive"
        lines = [f"HTTP/1.1 {response.status} {self.responses.get(response.status, ('',))[0]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        try:
            if self.command == "HEAD":
                self._write(head)
            elif response.events is not None:
                self._write(head)
                self._send_events(response.events)
            elif response.chunks is not None:
                self._write(head)
                for chunk in response.chunks:
                    self._write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
                self._write(b"0\r\n\r\n" if chunked else b"")
            else:
                self._write(head + response.body)
        except OSError:  # the client went away, or does not listen
            self.close_connection = True
        finally:
            for stream in (response.events, response.chunks):
                if stream is not None and hasattr(stream, "close"):
                    stream.close()

    def _send_events(self, events: Iterator[bytes]) -> None:
        for news in events:
            if news:
                self._write(news)
                continue
            self.connection.settimeout(EVERY)
            try:
                self.connection.recv(1)
                return  # a listener says nothing any more: it hung up
            except TimeoutError:
                pass

    def _write(self, data: bytes) -> None:
        self.connection.settimeout(WRITE_SECONDS)
        self.connection.sendall(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Not on stderr."""
        _log.debug(format, *args)


class _Source(io.RawIOBase):
    """Reads a socket up to a moment, however often bytes come in before it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.until = 0.0  # of `time.monotonic`

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the client is too slow")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)
