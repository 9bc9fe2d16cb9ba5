"""Many clients of one server: their answers, their errors and what a newer question overtook are all counted."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lorarec.measure import faces


class Server:
    """Answers as the API does, slowly, one question at a time; notes who asked what."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.newest: dict[str, int] = {}
        self.fault = 0
        self.turn = threading.Lock()


@pytest.fixture
def server() -> Iterator[Any]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append(body)
            client, number = body["client"], body["number"]
            state.newest[client] = max(number, state.newest.get(client, 0))
            with state.turn:
                time.sleep(0.02)
                if state.fault:
                    self.reply(state.fault, {"error": {"code": "internal", "message": "x"}})
                elif state.newest[client] > number:
                    self.reply(409, {"error": {"code": "outdated", "message": "x"}})
                else:
                    self.reply(200, {"suggestions": []})

        def reply(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{http.server_port}/"  # type: ignore[attr-defined]
    yield state
    http.shutdown()
    http.server_close()


def test_one_user_asks_one_after_another(server: Any) -> None:
    load = faces.one_user(server.url, ["a", "b", "c"], 0.0)
    assert len(load.answered) == 3 and not load.outdated and not load.errors
    assert min(load.answered) >= 20
    assert [(one["prompt"], one["number"]) for one in server.asked] == [("a", 1), ("b", 2), ("c", 3)]


def test_many_users_ask_on_their_own_and_every_prompt_is_new(server: Any) -> None:
    load = faces.many_users(server.url, [str(n) for n in range(100)], clients=3, seconds=0.6, every=0.2)
    assert len({one["client"] for one in server.asked}) == 3
    assert len({one["prompt"] for one in server.asked}) == len(server.asked) == len(load.answered) >= 6
    assert not load.errors


def test_typing_counts_what_was_overtaken(server: Any) -> None:
    load, newest = faces.typing(server.url, [str(n) for n in range(20)], clients=2, keys=5)
    assert newest == 2
    assert load.outdated > 0 and load.outdated + len(load.answered) == 10 and not load.errors


def test_errors_are_not_lost(server: Any) -> None:
    server.fault = 500
    assert faces.one_user(server.url, ["a", "b"], 0.0).errors == ["500 internal"] * 2
    load = faces.one_user("http://127.0.0.1:9/", ["a"], 0.0)
    assert len(load.errors) == 1 and not load.answered
