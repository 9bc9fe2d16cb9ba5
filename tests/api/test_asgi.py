"""The API as an ASGI application, spoken to in ASGI's own messages."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lorarec.api.asgi import Admission, Asgi
from lorarec.api.lanes import Lanes
from lorarec.api.wire import MAX_BODY, Lane, Request, Response


class Echo:
    """Stands for the API: says what it was asked, or sends what it was given."""

    def __init__(self, response: Response | None = None) -> None:
        self.response = response
        self.asked: Request | None = None
        self.thread = ""

    def lane(self, request: Request) -> Lane:
        return Lane.BULK

    def respond(self, request: Request) -> Response:
        self.asked, self.thread = request, threading.current_thread().name
        return self.response or Response(headers={"X-Name": "value"}, body=b"said")


def talk(
    api: Any,
    *messages: dict[str, Any],
    admitted: bool = True,
    logged_in: bool = False,
    ending: bool = False,
    **scope: Any,
) -> list[dict[str, Any]]:
    """What the application sends; after the messages given the client waits for ever, or has gone if one says so."""
    sent: list[dict[str, Any]] = []
    waiting = list(messages) or [{"type": "http.request", "body": b""}]

    async def run() -> None:
        async def receive() -> dict[str, Any]:
            if not waiting:
                await asyncio.Event().wait()
            return waiting.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        async def admit(_: Any) -> Admission:
            return Admission(admitted, logged_in)

        lanes = Lanes()
        given = {"type": "http", "method": "GET", "headers": [], "query_string": b"", "path_params": {"rest": "loras"}}
        await asyncio.wait_for(Asgi(lambda: api, lanes, admit, lambda: ending)({**given, **scope}, receive, send), 20)
        lanes.close()

    asyncio.run(run())
    return sent


def test_requests_come_whole_and_are_answered_in_threads_of_their_lane() -> None:
    api = Echo()
    body = [{"type": "http.request", "body": b'{"a":', "more_body": True}, {"type": "http.request", "body": b"1}"}]
    headers = [(b"Content-Type", b"application/json"), (b"host", b"here"), (b"host", b"elsewhere")]
    sent = talk(api, *body, method="POST", headers=headers, query_string=b"a=1&a=2&b=", client=("127.0.0.1", 5))
    assert api.asked is not None and api.thread.startswith("lorarec-bulk")
    assert json.loads(api.asked.body or b"") == {"a": 1}
    assert api.asked.headers == {"content-type": "application/json", "host": "here"}, "the first Host is what counts"
    assert (api.asked.path, api.asked.query, api.asked.peer) == (
        "/lorarec/v1/loras",
        {"a": ["1", "2"], "b": [""]},
        "127.0.0.1",
    )
    assert api.asked.admitted
    assert sent[0]["headers"] == [(b"x-name", b"value"), (b"content-length", b"4")] and sent[1]["body"] == b"said"


def test_of_a_body_too_long_no_more_is_read_than_that() -> None:
    for declared in (b"%d" % (MAX_BODY + 1), b"nonsense", b"-1"):
        api = Echo()
        talk(api, headers=[(b"content-length", declared)])
        assert api.asked is not None and api.asked.body is None
    api = Echo()
    piece = {"type": "http.request", "body": b"x" * (MAX_BODY // 2 + 1), "more_body": True}
    talk(api, piece, piece, piece, method="POST")
    assert api.asked is not None and api.asked.body is None


def test_whom_the_login_does_not_admit_the_api_hears_of() -> None:
    api = Echo()
    talk(api, admitted=False)
    assert api.asked is not None and not api.asked.admitted


def test_who_logged_in_at_the_host_is_known_to_have() -> None:
    for logged_in in (False, True):
        api = Echo()
        talk(api, logged_in=logged_in)
        assert api.asked is not None and api.asked.logged_in is logged_in


class Pieces(Iterator[bytes]):
    """News that never end, until somebody closes it."""

    closed = False

    def __next__(self) -> bytes:
        return b"news"

    def close(self) -> None:
        self.closed = True


def test_events_end_and_are_let_go_when_the_client_has_gone() -> None:
    news = Pieces()
    sent = talk(Echo(Response(events=news)), {"type": "http.request"}, {"type": "http.disconnect"})
    assert news.closed and (b"content-encoding", b"identity") in sent[0]["headers"]


def test_events_end_when_the_server_does() -> None:
    news = Pieces()
    sent = talk(Echo(Response(events=news)), ending=True)
    assert news.closed and sent[-1] == {"type": "http.response.body", "body": b""}, "an end, nothing torn"


@pytest.mark.parametrize("ending", [False, True])
def test_chunks_are_sent_in_order_and_let_go(ending: bool) -> None:
    chunks = (piece for piece in (b"one", b"two"))
    sent = talk(Echo(Response(chunks=chunks)), ending=ending)
    assert [one.get("body") for one in sent[1:]] == [b"one", b"two", b""]
    assert [one.get("more_body", False) for one in sent[1:]] == [True, True, False]


def test_head_has_no_body() -> None:
    sent = talk(Echo(), method="HEAD")
    assert sent[1]["body"] == b"" and (b"content-length", b"4") in sent[0]["headers"]
