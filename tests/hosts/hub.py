"""A server of our own on 127.0.0.1 that behaves like a model hub, well and badly."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Hub:
    """Files of one model, and how to misbehave."""

    def __init__(self, name: str, files: Mapping[str, bytes]) -> None:
        self.name = name
        self.files = dict(files)
        self.requests: list[tuple[str, str]] = []  # (path, Range)
        self.cut: list[int] = []  # answers of the weights break off after that many bytes
        self.ranges = True
        self.corrupt = False
        self.redirect = False
        self.down = False  # answers nothing but 503
        self.flowing = threading.Event()  # while it is not set, half of the weights is sent, and no more
        self.flowing.set()
        self.address = ""

    def tree(self) -> list[dict[str, Any]]:
        """The answer to what files there are."""
        out = []
        for path, data in self.files.items():
            entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data)}
            entry["oid"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            if path.endswith(".safetensors"):
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}
            out.append(entry)
        return [*out, {"type": "directory", "path": "1_Pooling", "size": 0, "oid": "0"}]


@contextmanager
def serving(state: Hub) -> Iterator[Hub]:
    """Serve a hub's files at its ``address``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append((self.path, self.headers.get("Range", "")))
            if state.down:
                self.answer(503, b"")
                return
            if self.path.startswith(f"/api/models/{state.name}/tree/main"):
                self.answer(200, json.dumps(state.tree()).encode())
                return
            prefix = f"/{state.name}/resolve/main/"
            if state.redirect and self.path.startswith(prefix):
                self.send_response(302)
                self.send_header("Location", "/cdn" + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path = self.path.removeprefix("/cdn").removeprefix(prefix)
            if path not in state.files:
                self.answer(404, b"")
                return
            data, status = state.files[path], 200
            if state.corrupt and path == "model.safetensors":
                data = data[:-1] + b"!"
            wanted = self.headers.get("Range")
            if wanted and state.ranges:
                data, status = data[int(wanted.removeprefix("bytes=").removesuffix("-")) :], 206
            self.answer(status, data, state.cut.pop(0) if state.cut and path == "model.safetensors" else None)

        def answer(self, status: int, data: bytes, cut: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.close_connection = True
            if not state.flowing.is_set() and len(data) > 10_000:
                piece = len(data) // 8
                for _ in range(4):
                    self.wfile.write(data[:piece])
                    data = data[piece:]
                    time.sleep(0.06)
                state.flowing.wait(20)
            try:
                self.wfile.write(data if cut is None else data[:cut])
            except OSError:
                pass  # whoever asked had enough

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        state.flowing.set()
        server.shutdown()
        server.server_close()
        thread.join()
