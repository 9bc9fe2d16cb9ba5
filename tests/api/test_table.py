"""Every route of the table, asked once for what it is there for, over a real recommender."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest

from lorarec.api.loras import Browse
from lorarec.api.routes import ROUTES
from lorarec.api.wire import Response, decode_query, encode
from lorarec.jobs import JobState

ROOT = Path(__file__).resolve().parents[2]

ASK = {"prompt": "watercolor painting of a harbour"}
# What to send for each route, with MOON for a LoRA's id.
CALLS: dict[tuple[str, str], Any] = {
    ("POST", "/suggestions"): ASK,
    ("GET", "/loras"): None,
    ("GET", "/loras/{id}"): None,
    ("GET", "/loras/{id}/similar"): None,
    ("GET", "/loras/{id}/uses"): None,
    ("GET", "/loras/{id}/preview"): None,
    ("GET", "/loras/{id}/video"): None,
    ("GET", "/facets"): None,
    ("POST", "/embeddings"): {"texts": ["a cat"]},
    ("GET", "/index"): None,
    ("GET", "/jobs"): None,
    ("GET", "/jobs/{job}"): None,
    ("POST", "/jobs/{job}"): {},
    ("POST", "/jobs/{job}/cancel"): {},
    ("GET", "/encoder"): None,
    ("GET", "/events"): None,
    ("POST", "/events"): {"kind": "like", "lora": "MOON"},
    ("POST", "/impressions"): {"prompt": "a", "shown": [{"id": "MOON", "score": 0.5}]},
    ("GET", "/feedback"): None,
    ("GET", "/profile"): None,
    ("GET", "/history"): None,
    ("PUT", "/history"): {"enabled": True},
    ("GET", "/history/generations"): None,
    ("GET", "/history/export"): None,
    ("POST", "/history/delete"): {"everything": True},
    ("GET", "/settings"): None,
    ("PUT", "/settings"): {"top": 7},
    ("GET", "/statistics"): None,
    ("POST", "/models/unload"): {},
    ("GET", "/health"): None,
    ("GET", "/openapi.json"): None,
}
# What these six LoRAs lack; test_encoder.py and test_videos.py have it.
LACKING = {
    ("POST", "/embeddings"): (503, "missing_part"),
    ("GET", "/loras/{id}/video"): (404, "no_preview"),
}


def test_every_route_has_its_call():
    assert set(CALLS) == {(route.method, route.path) for route in ROUTES}
    assert len(CALLS) == len(ROUTES)


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_route_answers_what_the_table_says(client, method, path):
    [route] = [route for route in ROUTES if (route.method, route.path) == (method, path)]
    moon = client.id("moon_priestess")
    body = json.loads(json.dumps(CALLS[method, path]).replace("MOON", moon))
    reply = client(method, path.replace("{id}", moon).replace("{job}", "index"), body)
    if (method, path) in LACKING:
        assert (reply.status, reply.code) == LACKING[method, path]
        return
    assert reply.status == route.status, reply.json
    if isinstance(route.answer, type):
        assert isinstance(msgspec.convert(reply.json, route.answer), route.answer)
    else:
        kind = reply.headers["Content-Type"]
        assert kind == route.answer or (route.answer == "image/*" and kind.startswith("image/"))
    for stream in (reply.response.events, reply.response.chunks):
        if stream is not None:
            next(stream, None)
            stream.close()


def test_head_is_get(client):
    assert client("HEAD", "/health").status == 200


def test_who_asks_for_the_head_of_events_takes_nobodys_place(client):
    for _ in range(40):
        reply = client("HEAD", "/events")
        assert (reply.status, reply.response.events) == (200, None)
    assert client("GET", "/events").status == 200


def test_of_what_is_long_the_head_comes_alone(client, monkeypatch):
    closed = []

    def pieces():
        try:
            yield b"one"
            raise AssertionError("nobody reads it")
        finally:
            closed.append(True)

    def export(context, _):
        made = pieces()
        assert next(made)
        return Response(headers={"Content-Type": "application/x-ndjson"}, chunks=made)

    [route] = [route for route in ROUTES if route.path == "/history/export"]
    assert client("GET", "/history/export").response.chunks is not None
    monkeypatch.setattr("lorarec.api.app.ROUTES", (msgspec.structs.replace(route, handler=export),))
    reply = client("HEAD", "/history/export")
    assert (reply.status, reply.response.chunks, reply.response.body) == (200, None, b"")
    assert reply.headers["Content-Type"] == "application/x-ndjson" and closed == [True]


@pytest.mark.parametrize(
    "prompt", ['"\\ud800"', '"\\u0000"', '"' + "\\u202e" * 900 + '"', '"' + "é\u0301" * 9000 + '"']
)
def test_no_prompt_is_too_strange(client, prompt):
    assert client("POST", "/suggestions", f'{{"prompt": {prompt}}}'.encode()).status in (200, 400)


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/loras/", "/loras/a/b/c", "/jobs", "/../loras", "/loras/a%2fb"])
def test_what_is_not_there_says_so(client, path):
    reply = client("GET" if path != "/jobs" else "PUT", path)
    assert (reply.status, reply.code) in {(404, "not_found"), (405, "method_not_allowed"), (404, "unknown_lora")}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_named(client, method):
    reply = client(method, "/events")
    assert (reply.status, reply.code) == (405, "method_not_allowed")
    assert reply.headers["Allow"] == "GET, POST"


def test_changes_are_never_made_by_get():
    changing = {"start", "cancel", "did", "seen", "switch", "delete", "change"}
    for route in ROUTES:
        assert route.method in ("GET", "POST", "PUT")
        assert (route.handler.__name__ in changing) <= (route.method != "GET")
        assert (route.body is not None) is (route.method != "GET")
    assert changing <= {route.handler.__name__ for route in ROUTES}


def test_nothing_of_a_page_or_of_a_cache_gets_out(client):
    for reply in (client("GET", "/loras"), client("GET", "/nothing")):
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]


def test_no_answer_names_a_folder_of_this_machine(client, tmp_path):
    moon = client.id("moon_priestess")
    for (method, path), body in CALLS.items():
        sent = json.loads(json.dumps(body).replace("MOON", moon))
        reply = client(method, path.replace("{id}", moon).replace("{job}", "index"), sent)
        assert str(tmp_path).encode() not in reply.response.body, path


def test_where_nobody_has_a_home_folder_errors_are_told_all_the_same(client, monkeypatch):
    monkeypatch.setattr(Path, "home", Mock(side_effect=RuntimeError("could not determine home directory")))
    assert client("GET", f"/loras/{'0' * 16}").code == "unknown_lora"


def test_an_unforeseen_failure_is_an_answer_without_a_traceback(client, monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(client.api.context, "recommender", broken)
    reply = client("GET", "/loras")
    assert (reply.status, reply.code) == (500, "internal")
    assert b"secret" not in reply.response.body and "ZeroDivisionError" in caplog.text


def test_names_that_are_no_unicode_come_through():
    half = json.loads(encode({"name": "a\udcffb"}))
    assert half == {"name": "a\udcffb"}
    assert json.loads(encode(JobState(job="a\udcff")))["job"] == "a\udcff"


def test_the_last_of_repeated_parameters_counts_where_one_is_meant():
    query = decode_query({"sort": ["size", "path"], "role": ["style", "pose"], "limit": ["7"]}, Browse)
    assert (query.sort, query.role, query.limit) == ("path", ("style", "pose"), 7)


def test_the_documentation_has_every_route():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    missing = [f"{route.method} {route.path}" for route in ROUTES if f"`{route.method} {route.path}`" not in text]
    assert not missing
