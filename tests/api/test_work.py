"""The index and other jobs through the API: state, start, cancel, and events for those who listen."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

from lorarec.api.work import HEARTBEAT, JOBS
from lorarec.history.store import History
from waiting import wait_for

INFOTEXT = "a red knight <lora:red_knight:0.8>\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"


def news(events):
    """What a stream says now: the states by job, and how often each was said."""
    found = []
    while piece := next(events):
        for block in piece.decode().strip().split("\n\n"):
            kind, _, data = block.partition("\n")
            assert kind == "event: job" and data.startswith("data: ")
            found.append(json.loads(data[6:]))
    return found


@pytest.fixture
def images(tmp_path):
    """A folder with one image that A1111 might have made."""
    image = pytest.importorskip("PIL.Image")
    info = pytest.importorskip("PIL.PngImagePlugin").PngInfo()
    info.add_text("parameters", INFOTEXT)
    folder = tmp_path / "outputs"
    folder.mkdir()
    image.new("RGB", (8, 8)).save(folder / "00001.png", pnginfo=info)
    return folder


def test_indexing_from_nothing(start, mini_library):
    client = start(mini_library)
    before = client.get("/index")
    assert (before["stage"], before["loras"], before["folders"], before["job"]["state"]) == ("empty", 0, 1, "idle")
    assert client.post("/jobs/index", status=202)["state"] in ("waiting", "running")
    wait_for(lambda: client.get("/jobs/index")["state"] == "done")
    after = client.get("/index")
    assert (after["stage"], after["loras"], after["job"]["report"]["found"]) == ("lexical", 6, 6)
    assert any("absent/encoder" in notice for notice in after["notices"])


def test_a_refresh_that_something_else_began_is_seen_too(client):
    before = client.get("/jobs/index")["change"]
    client.recommender.refresh()
    after = client.get("/jobs/index")
    assert after["change"] > before and after["state"] == "done" and after["report"]["found"] == 6


def test_indexing_can_be_cancelled_and_begun_again(start, mini_library, monkeypatch):
    client = start(mini_library)
    scanning = threading.Event()

    def slow(*_, cancelled, **__):
        scanning.set()
        wait_for(cancelled)
        from lorarec.types import ScanReport

        return ScanReport(cancelled=True)

    with monkeypatch.context() as patched:
        patched.setattr("lorarec.collection.scan", slow)
        client.post("/jobs/index", status=202)
        client.post("/jobs/index", status=202)
        assert scanning.wait(10)
        client.recommender.start_refresh()  # a node asks for another one meanwhile
        client.post("/jobs/index/cancel")
        wait_for(lambda: client.get("/jobs/index")["state"] == "cancelled")
        wait_for(lambda: not client.recommender._refresher.working)
    assert client.get("/index")["stage"] == "empty"
    client.post("/jobs/index", status=202)
    wait_for(lambda: client.get("/index")["stage"] == "lexical")


def test_cancelling_what_does_not_run_changes_nothing(client):
    assert client.post("/jobs/index/cancel") == client.get("/jobs/index")
    assert client.post("/jobs/harvest/cancel")["state"] == "idle"


def test_without_lora_folders(start, monkeypatch):
    monkeypatch.delenv("LORAREC_LORAS", raising=False)
    client = start()
    reply = client("POST", "/jobs/index")
    assert (reply.status, reply.code) == (400, "usage_error") and "settings set loras" in reply.json["error"]["message"]
    assert client.get("/jobs/index")["state"] == "idle"


@pytest.mark.parametrize("path", ["/jobs/nothing", "/jobs/../index", "/jobs/INDEX"])
def test_other_jobs_are_none(client, path):
    reply = client("GET", path)
    assert (reply.status, reply.code) in {(404, "unknown_job"), (404, "not_found")}


def test_harvesting_the_folders_of_program_and_settings(start, mini_library, images):
    client = start(mini_library, images=[images])
    assert client.post("/jobs/harvest", status=202)["job"] == "harvest"
    wait_for(lambda: client.get("/jobs/harvest")["state"] == "done")
    report = client.get("/jobs/harvest")["report"]
    assert (report["found"], report["generations"]) == (1, 1) and report["linked"]
    assert client.get("/index")["stage"] == "lexical", "names could be linked"
    assert len(client.get(f"/loras/{client.id('red_knight')}/uses")["uses"]) == 1


def test_harvesting_needs_folders_and_a_history(client, start, mini_library, images):
    reply = client("POST", "/jobs/harvest")
    assert (reply.status, reply.code) == (400, "usage_error") and "settings set images" in reply.json["error"][
        "message"
    ]
    other = start(mini_library, images=[images])
    assert other("PUT", "/history", {"enabled": False}).status == 200
    reply = other("POST", "/jobs/harvest")
    assert (reply.status, reply.code) == (400, "usage_error") and "off" in reply.json["error"]["message"]


@pytest.fixture
def slow(images, monkeypatch):
    """Many image files that are read slowly: the harvest of their folder takes seconds."""
    from lorarec.history.harvest import harvest

    [first] = images.iterdir()
    for number in range(120):
        (images / f"{number}.png").write_bytes(first.read_bytes())

    def read(path, given=harvest.read_metadata):
        time.sleep(0.02)
        return given(path)

    monkeypatch.setattr(harvest, "read_metadata", read)
    monkeypatch.setattr(harvest, "BATCH", 1)
    return images


@pytest.mark.parametrize(
    ("path", "body"), [("/history", {"enabled": False}), ("/settings", {"history_exclude": ["knight"]})]
)
def test_a_harvest_ends_when_less_may_be_remembered(start, mini_library, slow, path, body):
    client = start(mini_library, images=[slow])
    client.recommender.refresh()
    client.post("/jobs/harvest", status=202)
    wait_for(lambda: client.get("/history")["counts"]["images"] > 2)
    assert client("PUT", path, body).status == 200
    assert client.get("/jobs/harvest")["state"] == "cancelled"
    stored = client.get("/history")["counts"]["images"]
    time.sleep(0.2)
    assert client.get("/history")["counts"]["images"] == stored < 121


def test_other_settings_leave_a_harvest_what_it_works_with(start, mini_library, slow):
    client = start(mini_library, images=[slow])
    client.recommender.refresh()
    before, closed = client.recommender, []
    close = before.close
    before.close = lambda: [closed.append(True), close()]
    client.post("/jobs/harvest", status=202)
    wait_for(lambda: client.get("/history")["counts"]["images"] > 2)
    assert client("PUT", "/settings", {"top": 3}).status == 200 and client.recommender is not before
    assert client.get("/jobs/harvest")["state"] == "running" and not closed
    wait_for(lambda: client.get("/jobs/harvest")["state"] == "done")
    assert client.get("/history")["counts"]["images"] == 121
    wait_for(lambda: closed)


def test_folders_cannot_be_named_by_a_client(client):
    reply = client("POST", "/jobs/harvest", {"folders": ["/"]})
    assert (reply.status, reply.code) == (400, "invalid_request")


def test_a_failed_harvest_says_why(start, mini_library, images, monkeypatch):
    from lorarec.errors import StorageError

    client = start(mini_library, images=[images])
    client.recommender.refresh()

    def broken(*_, **__):
        raise StorageError("the disk is full; free some space")

    monkeypatch.setattr(History, "add_generations", broken)
    client.post("/jobs/harvest", status=202)
    wait_for(lambda: client.get("/jobs/harvest")["state"] == "failed")
    assert client.get("/jobs/harvest")["error"] == "the disk is full; free some space"


def test_listeners_are_told_in_their_language(start, mini_library, images, monkeypatch):
    from lorarec.errors import StorageError

    client = start(mini_library, images=[images])
    client.recommender.refresh()
    monkeypatch.setattr(History, "add_generations", Mock(side_effect=StorageError("lorarec is closing")))
    client.post("/jobs/harvest", status=202)
    wait_for(lambda: client.get("/jobs/harvest")["state"] == "failed")
    said = []
    for headers in ({}, {"accept-language": "zh-CN"}):
        events = client("GET", "/events", headers=headers).response.events
        said += [one["error"] for one in news(events) if one["job"] == "harvest"]
    assert said == ["lorarec is closing", "lorarec 正在关闭"]


def test_listeners_hear_first_how_all_stands_and_then_what_changes(start, mini_library):
    client = start(mini_library)
    reply = client("GET", "/events")
    assert reply.headers["Content-Type"] == "text/event-stream"
    events = reply.response.events
    assert [(one["job"], one["state"]) for one in news(events)] == [(name, "idle") for name in JOBS]
    assert news(events) == []
    client.recommender.refresh()
    [last] = news(events)  # a slow listener hears the latest state once
    assert (last["job"], last["state"], last["report"]["found"]) == ("index", "done", 6)
    events.close()


def test_listeners_hear_of_the_recommender_that_took_over(client):
    events = client("GET", "/events").response.events
    news(events)
    assert client("PUT", "/settings", {"top": 3}).status == 200
    assert [one["job"] for one in news(events)] == ["index"]
    client.recommender.refresh()
    assert [one["state"] for one in news(events)] == ["done"]
    events.close()


def test_a_stream_shows_that_it_lives(client, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("lorarec.api.work.time.monotonic", lambda: now[0])
    events = client("GET", "/events").response.events
    news(events)
    assert next(events) == b""
    now[0] += HEARTBEAT
    assert next(events).startswith(b":") and next(events) == b""
    events.close()


def test_so_many_may_listen_and_no_more(client, monkeypatch):
    streams = []
    while (reply := client("GET", "/events")).status == 200:
        streams.append(reply.response.events)
    assert (reply.status, reply.code, len(streams)) == (503, "busy", 16)
    streams[0].close()
    streams[0].close()  # twice is once
    streams.append(client("GET", "/events").response.events)
    assert client("GET", "/events").status == 503
    for stream in streams:
        stream.close()


def test_a_listener_that_is_lost_makes_room(client):
    for _ in range(40):
        # As where a host cancels a request whose client left: what a thread then makes is handed to nobody.
        assert client("GET", "/events").status == 200


def test_streams_end_with_the_api(client):
    events = client("GET", "/events").response.events
    next(events)
    client.api.close()
    assert list(events) == []


def test_a_running_harvest_ends_with_the_api(start, mini_library, images, monkeypatch):
    client = start(mini_library, images=[images])
    began = threading.Event()

    def slow(folders, progress, stop):
        began.set()
        wait_for(stop)

    client.recommender.refresh()
    monkeypatch.setattr(client.recommender.memory, "harvest", slow)
    client.post("/jobs/harvest", status=202)
    assert began.wait(10)
    client.api.close()
    wait_for(lambda: client.get("/jobs/harvest")["state"] == "cancelled")


def test_reopening_while_the_index_is_made_begins_it_again(start, mini_library, monkeypatch):
    from lorarec import collection as module

    client = start(mini_library)
    scan, first = module.scan, threading.Event()

    def slow(*given, cancelled, **named):
        if not first.is_set():
            first.set()
            wait_for(cancelled)
        return scan(*given, cancelled=cancelled, **named)

    monkeypatch.setattr(module, "scan", slow)
    client.post("/jobs/index", status=202)
    assert first.wait(10)
    assert client("PUT", "/settings", {"top": 3}).status == 200
    wait_for(lambda: client.get("/index")["stage"] == "lexical")
    assert Path(client.recommender.data_dir).is_dir()
