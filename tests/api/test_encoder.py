"""The encoder through the API: what is lacking, fetching it from a hub of our own, and who may name that hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorarec.settings import load
from waiting import wait_for

NAME = "owner/tiny"
ELSEWHERE = "192.168.1.7"


@pytest.fixture
def hub(serve_model, save, tmp_path, monkeypatch):
    """A hub that has a tiny but real encoder."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "HF_ENDPOINT", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("lorarec.encode.onnx_export.can_use_torch", lambda: False)
    folder = save(tmp_path / "hub")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with serve_model(NAME, files) as hub:
        yield hub


@pytest.fixture
def lacking(start, mini_library, data, hub):
    """An API whose settings want an encoder that only the hub has."""
    wanted = {f"encoder_{lens}": NAME for lens in ("semantic", "artistic", "technical")}
    (data / "settings.json").write_text(json.dumps({**wanted, "mirror": hub.address}), encoding="utf-8")
    client = start(mini_library)
    client.recommender.refresh()
    return client


def ended(client):
    wait_for(lambda: client.get("/jobs/encoder")["state"] in ("done", "failed", "cancelled"))
    return client.get("/jobs/encoder")


def test_nothing_is_asked_of_the_network_before_somebody_wants_it(lacking, hub):
    state = lacking.get("/encoder")
    assert [one["model"] for one in state["missing"]] == [NAME]
    assert state["missing"][0]["lenses"] == ["semantic", "artistic", "technical"]
    assert (state["fetchable"], state["size"], state["mirror"], state["proxy"]) == (True, None, hub.address, "")
    assert state["job"]["state"] == "idle"
    lacking.get("/statistics")
    lacking.post("/suggestions", {"prompt": "watercolor"})
    assert hub.requests == []


def test_fetching_it_encodes_the_index_and_swaps_it_in(lacking, hub):
    assert lacking.get("/index")["stage"] == "lexical"
    assert lacking.post("/jobs/encoder", status=202)["state"] in ("waiting", "running", "done")
    job = ended(lacking)
    assert (job["state"], job["error"], job["report"]) == ("done", "", {"models": [NAME]})
    total = sum(len(data) for data in hub.files.values())
    assert (job["progress"]["stage"], job["progress"]["done"], job["progress"]["total"]) == ("download", total, total)
    wait_for(lambda: lacking.get("/index")["stage"] == "full")
    assert lacking.get("/encoder")["missing"] == []
    assert {one["lens"] for one in lacking.get("/statistics")["encoders"]} == {"semantic", "artistic", "technical"}
    answer = lacking.post("/suggestions", {"prompt": "a fox in the snow"})
    assert answer["stage"] == "full"
    assert any(one["loaded"] for one in lacking.get("/statistics")["encoders"])
    assert lacking.post("/embeddings", {"texts": ["fox"]})["dim"] == 32


def test_it_can_be_stopped_and_goes_on_later(lacking, hub):
    hub.flowing.clear()
    lacking.post("/jobs/encoder", status=202)
    wait_for(lambda: (lacking.get("/jobs/encoder")["progress"] or {"done": 0})["done"] > 0)
    progress = lacking.get("/jobs/encoder")["progress"]
    assert 0 < progress["done"] < progress["total"]
    lacking.post("/jobs/encoder/cancel")
    hub.flowing.set()
    assert ended(lacking)["state"] == "cancelled"
    assert len(lacking.get("/encoder")["missing"]) == 1 and lacking.get("/index")["stage"] == "lexical"
    lacking.post("/jobs/encoder", status=202)
    assert ended(lacking)["state"] == "done"


def test_failures_are_sentences_with_a_remedy(lacking, hub, data):
    hub.down = True
    lacking.post("/jobs/encoder", status=202)
    job = ended(lacking)
    assert job["state"] == "failed"
    assert NAME in job["error"] and "set a mirror or proxy" in job["error"] and str(data) not in job["error"]
    assert lacking.get("/index")["stage"] == "lexical"
    hub.down = False
    lacking.post("/jobs/encoder", status=202)
    assert ended(lacking)["state"] == "done"


def test_what_is_here_already_is_taken_up(lacking, hub, data):
    from lorarec.encode.pull import pull

    pull(NAME, data, mirror=hub.address)  # in a shell, say
    asked = len(hub.requests)
    lacking.post("/jobs/encoder", status=202)
    assert ended(lacking)["state"] == "done" and len(hub.requests) == asked
    wait_for(lambda: lacking.get("/index")["stage"] == "full")


def test_a_folder_cannot_be_fetched(start, mini_library, data, tmp_path):
    folder = tmp_path / "no such folder"
    (data / "settings.json").write_text(json.dumps({"encoder_semantic": str(folder)}), encoding="utf-8")
    client = start(mini_library)
    assert client.get("/encoder")["fetchable"] is False
    reply = client("POST", "/jobs/encoder", {})
    assert reply.status == 400 and "cannot be downloaded" in reply.json["error"]["message"]


def test_sizes_of_the_profiles_models_are_known_beforehand(start, mini_library, data, monkeypatch):
    monkeypatch.setattr("lorarec.encode.models._package", lambda _: None)
    monkeypatch.setattr("lorarec.encode.models._hubs", list)
    (data / "settings.json").write_text('{"profile": "balanced"}', encoding="utf-8")
    state = start(mini_library).get("/encoder")
    assert [one["size"] for one in state["missing"]] == [438_700_000, 91_600_000]
    assert state["size"] == 530_300_000 and state["fetchable"]


# Who may name the mirror


def test_mirror_and_proxy_are_changed_from_this_machine(lacking, data):
    reply = lacking("PUT", "/settings", {"mirror": "https://hf-mirror.com", "proxy": "http://user:secret@proxy:3128"})
    shown = {one["name"]: one for one in reply.json["settings"]}
    assert shown["mirror"]["value"] == "https://hf-mirror.com" and shown["mirror"]["editable"]
    assert load(data).proxy == "http://user:secret@proxy:3128"
    assert lacking("PUT", "/settings", {"mirror": None}).status == 200 and load(data).mirror == ""


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://a", "hf-mirror.com", "http://", "http:// x", "//a"])
def test_an_address_is_one(lacking, address):
    reply = lacking("PUT", "/settings", {"mirror": address})
    assert reply.status == 400 and "no address" in reply.json["error"]["message"]


def test_other_machines_neither_see_nor_name_them(lacking, data, hub):
    before = load(data)
    reply = lacking("PUT", "/settings", {"mirror": "https://evil.example"}, peer=ELSEWHERE)
    assert (reply.status, reply.code) == (403, "not_from_here") and load(data) == before
    state = lacking("GET", "/encoder", peer=ELSEWHERE).json
    assert state["mirror"] is None and state["proxy"] is None
    shown = {one["name"]: one for one in lacking("GET", "/settings", peer=ELSEWHERE).json["settings"]}
    assert shown["mirror"]["value"] is None and not shown["mirror"]["editable"]
    assert lacking("PUT", "/settings", {"top": 3}, peer=ELSEWHERE).status == 200
    slow = {"history_exclude": ["(a+)+$"]}  # a pattern that would hold up every prompt
    assert lacking("PUT", "/settings", slow, peer=ELSEWHERE).code == "not_from_here"
    assert lacking("PUT", "/settings", {"history_exclude": ["secret"]}).status == 200
    assert hub.address not in json.dumps(lacking("GET", "/settings", peer=ELSEWHERE).json)


def test_sentences_name_no_folder_of_this_machine(start, mini_library, data, tmp_path: Path):
    settings = {"encoder_semantic": str(data / "models" / "mine"), "encoder_artistic": str(Path.home() / "encoder")}
    (data / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    client = start(mini_library)
    client.recommender.refresh()
    (mini_library / "broken.safetensors").write_bytes(b"\xff" * 100)
    client.recommender.refresh()
    for path in ("/index", "/encoder", "/jobs", "/jobs/index"):
        body = client("GET", path).response.body
        assert str(tmp_path).encode() not in body and str(Path.home()).encode() not in body, path
    assert "broken" in json.dumps(client.get("/jobs/index")["report"])
