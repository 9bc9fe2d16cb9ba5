"""Feedback, history, profile and settings: what is kept of the user, and how they are asked about it."""

from __future__ import annotations

import json

import msgspec
import pytest

from lorarec.api.settings import EDITABLE, TRUSTED
from lorarec.encode.loans import Head
from lorarec.history_types import Event, EventKind
from lorarec.settings import OPTIONS, Settings, load

# Names folders or models of this machine: never to be changed by a request.
LOCAL = {"loras", "images", "encoder_semantic", "encoder_artistic", "encoder_technical"}


def lines(reply):
    return [json.loads(line) for line in b"".join(reply.response.chunks).splitlines()]


# Feedback


@pytest.mark.parametrize("kind", [kind.value for kind in EventKind])
def test_every_kind_of_event_is_stored(client, kind):
    body = {"kind": kind, "lora": client.id("raincoat"), "strength": 0.6, "before": 0.8, "prompt": "rain"}
    assert client.post("/events", body)["stored"] is True
    [event] = client.recommender.memory.history.events()
    assert (event.kind.value, event.strength, event.before, event.prompt) == (kind, 0.6, 0.8, "rain")


def test_what_was_said_can_be_asked(client):
    coat, knight, moon = (client.id(name) for name in ("raincoat", "red_knight", "moon_priestess"))
    for kind, lora in (("like", coat), ("dislike", knight), ("hide", moon), ("like", moon), ("neutral", moon)):
        client.post("/events", {"kind": kind, "lora": lora})
    assert client.get("/feedback") == {"liked": [coat], "disliked": [knight], "hidden": [moon]}
    assert client.get("/loras", search="raincoat")["loras"][0]["opinion"] == 1
    client.post("/events", {"kind": "show", "lora": moon})
    assert client.get("/feedback")["hidden"] == []


def test_what_was_said_of_a_lora_that_is_gone_can_be_taken_back(client):
    gone = "0123456789abcdef"
    history = client.recommender.memory.history
    for kind in ("hide", "like"):
        history.add_event(Event(kind=EventKind(kind), lora=gone, at=1.0))
    assert client.get("/feedback") == {"liked": [gone], "disliked": [], "hidden": [gone]}
    for kind in ("show", "neutral", "undismiss"):
        assert client.post("/events", {"kind": kind, "lora": gone})["stored"]
    assert client.get("/feedback") == {"liked": [], "disliked": [], "hidden": []}
    assert client("POST", "/events", {"kind": "hide", "lora": gone}).code == "unknown_lora"
    assert client("POST", "/events", {"kind": "show", "lora": "f" * 16}).code == "unknown_lora"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kind": "dismiss"}, 400, "usage_error"),
        ({"kind": "strength"}, 400, "usage_error"),
        ({"kind": "love"}, 400, "invalid_request"),
        ({"kind": "like", "lora": "0123456789abcdef"}, 404, "unknown_lora"),
        ({"kind": "like", "lora": "raincoat"}, 400, "invalid_request"),
        ({"kind": "like", "lora": "/etc/passwd"}, 400, "invalid_request"),
        ({"kind": "like", "at": 1.0}, 400, "invalid_request"),
        ({"kind": "like", "strength": 1e9}, 400, "invalid_request"),
    ],
)
def test_events_that_mean_nothing_are_refused(client, body, status, code):
    reply = client("POST", "/events", {"lora": client.id("raincoat"), **body})
    assert (reply.status, reply.code) == (status, code)
    assert client.recommender.memory.history.events() == []


def test_an_answer_that_was_seen_and_what_came_of_it(client):
    answer = client.post("/suggestions", {"prompt": "a knight", "top": 3})
    shown = [{name: one[name] for name in ("id", "score", "propensity")} for one in answer["suggestions"]]
    body = {
        "prompt": "a knight",
        "shown": shown,
        "base_model": "sdXL_v10.safetensors",
        "active": [client.id("raincoat")],
    }
    stored = client.post("/impressions", body)
    best = answer["suggestions"][0]["id"]
    client.post("/events", {"kind": "insert", "lora": best, "impression": stored["number"]})
    history = client.recommender.memory.history
    [(number, impression)] = history.impressions_of(range(999)).items()
    assert number == stored["number"] and [one.lora for one in impression.shown] == [one["id"] for one in shown]
    assert impression.base_model == "SDXL" and impression.active == (client.id("raincoat"),)
    assert history.events()[0].impression == number


def test_suggesting_alone_leaves_no_trace(client):
    client.post("/suggestions", {"prompt": "a knight"})
    assert client.recommender.memory.history.counts().impressions == 0


def test_an_answer_with_an_unknown_lora_is_refused(client):
    reply = client("POST", "/impressions", {"prompt": "a", "shown": [{"id": "0123456789abcdef", "score": 0.5}]})
    assert (reply.status, reply.code) == (404, "unknown_lora")


# The history


def test_counting_showing_exporting_and_deleting(client, made):
    for seed in range(3):
        client.recommender.memory.record_generation(made(f"picture {seed}", "red_knight", seed=seed))
    state = client.get("/history")
    assert state["enabled"] and state["recording"] and state["counts"]["generations"] == 3
    shown = client.get("/history/generations", limit=2, lora=client.id("red_knight"))["generations"]
    assert [one["prompt"] for one in shown] == ["picture 1", "picture 2"]
    assert client.get("/history/generations", until=1.7e9 + 1)["generations"][0]["prompt"] == "picture 0"
    exported = client("GET", "/history/export")
    assert "attachment" in exported.headers["Content-Disposition"]
    rows = lines(exported)
    assert [row["prompt"] for row in rows if row["kind"] == "generation"] == ["picture 0", "picture 1", "picture 2"]
    matching = client.get("/history/generations", pattern="RE 1$")["generations"]
    assert [one["prompt"] for one in matching] == ["picture 1"]
    assert client.post("/history/delete", {"since": 1.7e9 + 3600, "pattern": "nothing like it"})["generations"] == 0
    assert client.post("/history/delete", {"since": 1.7e9 + 3600, "pattern": "PICTURE"})["generations"] == 2
    assert client.post("/history/delete", {"everything": True})["generations"] == 1
    assert client.get("/history")["counts"]["generations"] == 0 and lines(client("GET", "/history/export")) == []


def test_words_of_prompts_are_taken_as_they_stand(client, made):
    for seed, prompt in enumerate(("a (red:1.2) coat", "a red12 coat", "A (RED:1.2) HAT")):
        client.recommender.memory.record_generation(made(prompt, "red_knight", seed=seed))
    shown = client.get("/history/generations", text="(red:1.2)")["generations"]
    assert [one["prompt"] for one in shown] == ["a (red:1.2) coat", "A (RED:1.2) HAT"]
    assert len(client.get("/history/generations", text="")["generations"]) == 3
    assert client("GET", "/history/generations", query={"text": ["a"], "pattern": ["a"]}).code == "usage_error"
    assert client.post("/history/delete", {"text": "(red:1.2)"})["generations"] == 2
    assert client.get("/history")["counts"]["generations"] == 1


def test_patterns_are_for_those_of_this_machine(client, made):
    """One that is made for it keeps Python's engine, and with it the whole program, busy for as long as it likes."""
    client.recommender.memory.record_generation(made("a, " * 15, "red_knight"))
    endless = r"((\w|[, ])+)+!$"
    elsewhere = {"peer": "192.168.1.77"}
    for reply in (
        client("GET", "/history/generations", query={"pattern": [endless]}, **elsewhere),
        client("POST", "/history/delete", {"pattern": endless}, **elsewhere),
    ):
        assert (reply.status, reply.code, reply.json["error"]["field"]) == (403, "not_from_here", "pattern")
    shown = client("GET", "/history/generations", query={"text": ["A, A"]}, **elsewhere)
    assert len(shown.json["generations"]) == 1
    assert client("POST", "/history/delete", {"text": "A, A"}, **elsewhere).json["generations"] == 1


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"everything": False}, {"lora": ""}, {"text": ""}, {"pattern": ""}, {"pattern": "("}),
        *({"everything": True, "since": 1.0}, {"everything": True, "pattern": "a"}, {"everything": True, "text": "a"}),
    ],
)
def test_nobody_deletes_by_mistake(client, made, body):
    client.recommender.memory.record_generation(made("a", "red_knight"))
    reply = client("POST", "/history/delete", body)
    assert (reply.status, reply.code) == (400, "usage_error")
    assert client.get("/history")["counts"]["generations"] == 1


def test_a_long_export_is_whole(client, made, monkeypatch):
    monkeypatch.setattr("lorarec.api.history.IN_MEMORY", 1000)
    monkeypatch.setattr("lorarec.api.history.CHUNK", 700)
    for seed in range(20):
        client.recommender.memory.record_generation(made("long " * 40 + str(seed), "red_knight", seed=seed))
    rows = lines(client("GET", "/history/export"))
    assert len([row for row in rows if row["kind"] == "generation"]) == 20
    assert not [path.name for path in client.recommender.data_dir.iterdir() if path.name.startswith("tmp")]


def test_off_is_off_at_once_and_for_the_next_program(client, made, data):
    state = client("PUT", "/history", {"enabled": False})
    assert state.json["enabled"] is state.json["recording"] is False
    assert not load(data).history
    assert client.post("/events", {"kind": "insert", "lora": client.id("raincoat")}) == {
        "stored": False,
        "number": None,
    }
    assert client.post("/events", {"kind": "hide", "lora": client.id("raincoat")})["stored"], "a wish is no trace"
    assert not client.recommender.memory.record_generation(made("a", "red_knight"))
    assert client("PUT", "/history", {"enabled": True}).json["recording"] is True
    assert client.recommender.memory.record_generation(made("a", "red_knight"))


def test_the_profile_is_the_users(client, made):
    for seed in range(6):
        client.recommender.memory.record_generation(made("a knight", "red_knight", seed=seed))
    profile = client.get("/profile")
    assert profile["totals"]["generations"] == 6 and profile["favourites"][0]["lora"]["id"] == client.id("red_knight")
    assert client.get("/profile", since=1.7e9 + 3 * 3600)["totals"]["generations"] == 3


# Settings


def test_every_setting_is_either_editable_or_of_this_machine():
    """A new setting must be put into one of the lists: nobody may forget to think of it."""
    assert sorted([*EDITABLE, *TRUSTED, *LOCAL]) == sorted(OPTIONS)


def test_all_settings_with_what_a_form_needs(client):
    shown = {one["name"]: one for one in client.get("/settings")["settings"]}
    assert list(shown) == list(OPTIONS)
    assert shown["top"] == {
        **{"name": "top", "kind": "int", "value": 5, "default": 5, "help": OPTIONS["top"].help},
        **{"low": 1, "high": 1000, "choices": [], "editable": True},
    }
    assert shown["safety"]["choices"][0] == "auto" and shown["history"]["kind"] == "bool"
    assert {name for name, one in shown.items() if not one["editable"]} == LOCAL
    assert all(shown[name]["value"] is None for name in LOCAL), "a folder of this machine"


def test_settings_count_at_once_and_are_stored(client, data):
    reply = client("PUT", "/settings", {"top": 2, "safety": "safe", "history_exclude": ["secret"]})
    assert {one["name"]: one["value"] for one in reply.json["settings"]}["top"] == 2
    stored = load(data)
    assert (stored.top, stored.safety, stored.history_exclude) == (2, "safe", ("secret",))
    assert stored.encoder_semantic == "absent/encoder", "what was not named stays"
    assert client.recommender.settings == stored
    client("PUT", "/settings", {"top": None})
    assert load(data).top == Settings().top and load(data).safety == "safe"


def test_nothing_changed_opens_nothing_anew(client):
    before = client.recommender
    assert client("PUT", "/settings", {}).status == client("PUT", "/settings", {"top": 5}).status == 200
    assert client.recommender is before


def test_what_another_program_changed_is_taken_over_with_the_next_change(client, data):
    stored = msgspec.structs.replace(load(data), top=9)
    (data / "settings.json").write_bytes(msgspec.json.encode(stored))
    assert client.recommender.settings.top == 5
    client("PUT", "/settings", {"diversity": 0.5})
    assert (client.recommender.settings.top, client.recommender.settings.diversity) == (9, 0.5)


@pytest.mark.parametrize(
    "body",
    [
        {"top": 0},
        {"top": "5"},
        {"min_score": 2},
        {"safety": "nothing"},
        {"history": "off"},
        {"history_exclude": ["("]},
        {"nothing": 1},
        *({name: ["/"] if isinstance(getattr(Settings(), name), tuple) else "/"} for name in sorted(LOCAL)),
    ],
)
def test_wrong_values_and_folders_change_nothing(client, data, body):
    before = (data / "settings.json").read_bytes()
    reply = client("PUT", "/settings", body)
    assert reply.status == 400 and reply.code in ("invalid_request", "usage_error")
    assert (data / "settings.json").read_bytes() == before


def test_a_damaged_settings_file_is_kept_under_another_name(client, data):
    (data / "settings.json").write_text("{", encoding="utf-8")
    reply = client("PUT", "/settings", {"top": 7, "history": True})
    assert reply.status == 200
    (kept,) = data.glob("settings.json.broken-*")
    assert kept.read_text(encoding="utf-8") == "{"
    assert msgspec.json.decode((data / "settings.json").read_bytes()) == {"top": 7}


def test_the_program_goes_on_while_settings_change(client):
    """In hundreds of requests around a change none sees half of it, or a closed recommender."""
    import threading

    failed, done = [], threading.Event()

    def ask():
        while not done.is_set():
            for path in ("/loras", "/feedback", "/index"):
                reply = client("GET", path)
                if reply.status != 200:
                    failed.append(reply.json)
            reply = client("POST", "/suggestions", {"prompt": "a knight"})
            if reply.status != 200:
                failed.append(reply.json)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for top in range(2, 8):
        assert client("PUT", "/settings", {"top": top}).status == 200
    done.set()
    for thread in threads:
        thread.join(20)
    assert failed == []


# Statistics


def test_statistics(client):
    client.post("/suggestions", {"prompt": "a"})
    found = client.get("/statistics")
    assert found["index"]["loras"] == 6 and found["index"]["bytes"] > 1000 and found["uptime"] >= 0
    assert found["encoders"] == [] and found["suggestions"]["latency"]["count"] == 1
    assert client.get("/health") == {"status": "ok", "name": "lorarec", "version": __import__("lorarec").__version__}


def test_models_in_memory_are_shown_and_can_be_unloaded(client):
    assert client.get("/statistics")["models"] == []
    client.recommender.encoders.register(Head(name="previews", open=lambda: "a model", size=1_000_000))
    [shown] = client.get("/statistics")["models"]
    assert not shown["loaded"] and shown["since"] is None and shown["bytes"] == 0
    with client.recommender.encoders.lend("previews"):
        [shown] = client.get("/statistics")["models"]
        assert shown["loaded"] and shown["lent"] == 1 and shown["idle"] is None and shown["bytes"] > 0
    [shown] = client.get("/statistics")["models"]
    assert shown["lent"] == 0 and shown["idle"] >= 0 and shown["device"] == "cpu"
    answer = client("POST", "/models/unload", {"model": "previews"}).json
    assert answer["freed"] == shown["bytes"] and not answer["models"][0]["loaded"]
    assert client.get("/statistics")["models"][0]["unloaded"] == "asked to"
    assert client("POST", "/models/unload", {}).json["freed"] == 0
    reply = client("POST", "/models/unload", {"model": "nothing"})
    assert reply.status == 400 and "nothing" in reply.json["error"]["message"]
