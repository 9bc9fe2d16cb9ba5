"""Suggestions through the API: the recommender's own, with cards; remembered until something they rest on changes."""

from __future__ import annotations

import threading

import msgspec
import pytest

from lorarec.api.suggestions import Ask
from lorarec.errors import LorarecError
from lorarec.types import Query, Role, Safety

ASK = {"prompt": "watercolor painting of a harbour", "top": 4, "signals": True}


def names(answer):
    return [one["lora"].rpartition("/")[2].removesuffix(".safetensors") for one in answer["suggestions"]]


CHINESE = {"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}


def hits(client):
    return client.get("/statistics")["suggestions"]["cached"]


def test_answers_are_those_of_the_recommender(client):
    answer = client.post("/suggestions", ASK)
    own = msgspec.to_builtins(client.recommender.recommend(Query(prompt=ASK["prompt"]), 4))
    for name in ("suggestions", "abstained", "stage", "notes"):
        assert answer[name] == msgspec.json.decode(msgspec.json.encode(own[name]))
    assert names(answer)[0] == "watercolor_wash" and answer["version"] == client.recommender.version


def test_every_suggestion_has_its_card(client):
    answer = client.post("/suggestions", {"prompt": "moonpriestess", "active": [{"name": "red_knight"}]})
    assert set(answer["cards"]) == {one["id"] for one in answer["suggestions"]} | {client.id("red_knight")}
    card = answer["cards"][client.id("moon_priestess")]
    assert card["name"] == "Moon Priestess" and card["preview"] == "image" and card["base_model"]["name"] == "SD 1.5"
    assert ["moonpriestess", "silver hair"] in card["trigger_sets"]
    assert (card["opinion"], card["hidden"], card["safety"]) == (0, False, None)


def test_a_card_says_whether_another_lora_has_its_file_name(client, make_lora, mini_library):
    assert client.get("/loras", search="raincoat")["loras"][0]["unique"]
    make_lora(mini_library / "copies" / "Raincoat.safetensors", seed=9)
    client.recommender.refresh()
    assert [one["unique"] for one in client.get("/loras", search="raincoat")["loras"]] == [False, False]
    assert client.get("/loras", search="red_knight")["loras"][0]["unique"]


def test_the_columns_are_sent_on_request_only(client):
    assert all(one["signals"] == {} for one in client.post("/suggestions", {"prompt": "a"})["suggestions"])
    assert all(one["signals"] for one in client.post("/suggestions", {"prompt": "a", "signals": True})["suggestions"])


def test_active_loras_are_named_with_what_was_found(client):
    body = {
        "prompt": "a knight <lora:red_knight:0.9> <lora:moon_priestess:0.6>",
        "active": [{"name": "characters\\red_knight.safetensors", "strength": 0.7}, {"name": "nobody"}],
    }
    answer = client.post("/suggestions", body)
    knight, moon = client.id("red_knight"), client.id("moon_priestess")
    assert answer["active"] == [
        {"name": "characters\\red_knight.safetensors", "strength": 0.7, "id": knight},
        {"name": "nobody", "strength": 1.0, "id": ""},
        {"name": "moon_priestess", "strength": 0.6, "id": moon},
    ]
    assert {knight, moon}.isdisjoint(one["id"] for one in answer["suggestions"])
    assert any("nobody" in note for note in answer["notes"])


def test_notes_name_no_folders_of_this_machine(client):
    root, data = client.recommender.roots[0], client.recommender.data_dir
    body = {"prompt": "a knight", "active": [{"name": f"{root}/nobody"}, {"name": f"{data}/nobody"}]}
    notes = " ".join(client.post("/suggestions", body)["notes"])
    assert f"{root.name}/nobody" in notes and f"{data.name}/nobody" in notes
    assert str(root) not in notes and str(data) not in notes


def test_every_field_reaches_the_query():
    ask = msgspec.json.decode(
        b"""{"prompt": "p", "negative": "n", "second": ["s"], "active": [{"name": "a", "strength": 0.5}],
        "base_model": "SDXL", "top": 9, "roles": ["style"], "exclude_roles": ["pose"], "folders": ["f"],
        "exclude_folders": ["g"], "safety": "mature", "min_score": 0.1, "diversity": 0.2, "explore": 0.3,
        "collapse": false, "seed": 7, "signals": true, "client": "c", "number": 1}""",
        type=Ask,
    )
    query = ask.query()
    assert query.roles == (Role.STYLE,) and query.exclude_roles == (Role.POSE,) and query.safety is Safety.MATURE
    assert query.active[0].strength == 0.5 and query.second == ("s",) and query.base_model == "SDXL"
    left_out = [name for name in Query.__struct_fields__ if getattr(query, name) == getattr(Query(prompt=""), name)]
    assert left_out == [], "a field of Query that no client can set"


def test_dials_count(client):
    roles = {one["role"] for one in client.post("/suggestions", {"prompt": "a", "roles": ["style"]})["suggestions"]}
    assert roles == {"style"}
    strict = client.post("/suggestions", {**ASK, "min_score": 1.0})
    assert strict["abstained"] is True and strict["least"] == 1.0
    assert client.post("/suggestions", ASK)["least"] == client.recommender.settings.min_score
    assert len(client.post("/suggestions", {**ASK, "top": 2})["suggestions"]) == 2


def test_the_same_question_is_answered_from_memory(client):
    first = client.post("/suggestions", {**ASK, "client": "a", "number": 1})
    assert hits(client) == 0
    assert client.post("/suggestions", {**ASK, "client": "b"}) == first
    assert client.post("/suggestions", ASK) == first
    assert hits(client) == 2
    client.post("/suggestions", {**ASK, "prompt": "other"})
    client.post("/suggestions", {**ASK, "top": 3})
    client.post("/suggestions", {**ASK, "min_score": 0.5})
    assert hits(client) == 2
    counted = client.get("/statistics")["suggestions"]
    assert counted["latency"]["count"] == counted["kept"] == 4 and counted["latency"]["p50_ms"] > 0


def test_feedback_outdates_what_is_remembered(client):
    assert names(client.post("/suggestions", ASK))[0] == "watercolor_wash"
    for kind, shown in (("hide", False), ("show", True)):
        client.post("/events", {"kind": kind, "lora": client.id("watercolor_wash")})
        assert ("watercolor_wash" in names(client.post("/suggestions", ASK))) is shown
    client.post("/events", {"kind": "like", "lora": client.id("watercolor_wash")})
    answer = client.post("/suggestions", ASK)
    assert answer["cards"][client.id("watercolor_wash")]["opinion"] == 1
    assert any(reason["text"] == "you liked it" for reason in answer["suggestions"][0]["reasons"])
    assert hits(client) == 0


def test_a_setting_outdates_what_is_remembered(client):
    assert len(client.post("/suggestions", {"prompt": "a"})["suggestions"]) == 5
    assert client("PUT", "/settings", {"top": 2}).status == 200
    assert len(client.post("/suggestions", {"prompt": "a"})["suggestions"]) == 2


def test_a_new_file_outdates_what_is_remembered(client, mini_library, make_lora):
    before = client.post("/suggestions", {"prompt": "zeppelin"})
    make_lora(mini_library / "zeppelin.safetensors", seed=9)
    client.recommender.refresh()
    after = client.post("/suggestions", {"prompt": "zeppelin"})
    assert after["version"] != before["version"] and names(after)[0] == "zeppelin"


def test_what_was_learned_outdates_what_is_remembered(client, made):
    before = client.post("/suggestions", {"prompt": "raincoat in a storm", "signals": True})
    for seed in range(4):
        client.recommender.memory.record_generation(made("raincoat in a storm", "raincoat", seed=seed))
    client.recommender.learn()
    after = client.post("/suggestions", {"prompt": "raincoat in a storm", "signals": True})
    assert before["suggestions"][0]["signals"]["own_uses"] is None
    assert names(after)[0] == "raincoat" and after["suggestions"][0]["signals"]["own_uses"] > 0


def test_an_outdated_question_is_refused_and_counted(client, monkeypatch):
    entered, go = threading.Event(), threading.Event()
    recommend = client.recommender.recommend

    def slow(query, top=None):
        entered.set()
        go.wait(10)
        return recommend(query, top)

    monkeypatch.setattr(client.recommender, "recommend", slow)
    client.api.context.turns._free = 1
    replies = {}

    def ask(number):
        replies[number] = client("POST", "/suggestions", {"prompt": f"p{number}", "client": "tab", "number": number})

    threads = []
    for number in range(4):
        threads.append(threading.Thread(target=ask, args=(number,)))
        threads[-1].start()
        entered.wait(5)
        while number > 0 and client.api.context.turns._newest["tab"].number < number:
            threading.Event().wait(0.005)
    go.set()
    for thread in threads:
        thread.join(10)
    assert {number: reply.status for number, reply in replies.items()} == {0: 200, 1: 409, 2: 409, 3: 200}
    assert replies[1].code == "outdated" and client.get("/statistics")["suggestions"]["dropped"] == 2


def test_before_the_first_index(start, mini_library):
    client = start(mini_library)
    reply = client("POST", "/suggestions", ASK)
    assert (reply.status, reply.code) == (409, "not_indexed")
    assert client("GET", "/loras/0123456789abcdef").code == "not_indexed"
    assert client.get("/index")["stage"] == "empty" and client.get("/loras")["total"] == 0


def test_similar_ones(client):
    answer = client.get(f"/loras/{client.id('red_knight')}/similar", top=3)
    own = client.recommender.similar("red_knight", 3)
    assert [one["lora"] for one in answer["suggestions"]] == [one.lora for one in own.suggestions]
    assert set(answer["cards"]) == {one["id"] for one in answer["suggestions"]}


def test_texts_cannot_be_encoded_without_an_encoder(client):
    reply = client("POST", "/embeddings", {"texts": ["a"]})
    assert (reply.status, reply.code) == (503, "missing_part") and "absent/encoder" in reply.json["error"]["message"]


@pytest.mark.parametrize("error", [error for error in LorarecError.__subclasses__()])
def test_every_error_of_ours_has_a_status_and_a_code(client, monkeypatch, error):
    def broken(*_):
        raise error("said") if error.__init__ is LorarecError.__init__ else error(418, "code", "said")

    monkeypatch.setattr(client.recommender, "recommend", broken)
    reply = client("POST", "/suggestions", ASK)
    assert reply.status >= 400 and reply.code.islower() and reply.json["error"]["message"] == "said"


def test_who_reads_chinese_is_told_in_chinese(client):
    asked = {"prompt": "watercolor painting of a harbour", "active": [{"name": "nobody"}], "base_model": "my own mix"}
    english, chinese = (client("POST", "/suggestions", asked, headers=sent).json for sent in ({}, CHINESE))
    assert len(english["notes"]) >= 2 and english["suggestions"][0]["reasons"]

    def told(answer):
        for one in answer["suggestions"]:
            yield from (reason["text"] for reason in one["reasons"])
            yield from (one["strength"]["source"], one["base_model_doubt"])
        yield from answer["notes"]

    for before, after in zip(told(english), told(chinese), strict=True):
        assert not before or (before != after and not after.isascii()), before
    assert chinese["cards"] == english["cards"] and names(chinese) == names(english)
    missing = client("GET", "/loras/0123456789abcdef", headers=CHINESE)
    assert missing.code == "unknown_lora" and missing.json["error"]["message"].startswith("没有名为“0123456789abcdef”")
