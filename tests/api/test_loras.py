"""Browsing the catalogue: search, filters, order, pages; everything about one LoRA, and ids that are ids."""

from __future__ import annotations

import pytest

ALL = {"add_detail", "moon_priestess", "raincoat", "red_knight", "unknown_thing", "watercolor_wash"}


def stems(page):
    return [one["lora"].rpartition("/")[2].removesuffix(".safetensors") for one in page["loras"]]


def test_all_by_name(client):
    page = client.get("/loras")
    assert set(stems(page)) == ALL and page["total"] == 6 and page["version"] == client.recommender.version
    names = [one["name"].lower() for one in page["loras"]]
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"search": "knight"}, {"red_knight"}),
        ({"search": "KNIGHT characters"}, {"red_knight"}),
        ({"search": "silver"}, {"moon_priestess"}),  # a trigger word
        ({"search": "painting"}, {"watercolor_wash"}),  # a tag
        ({"search": "knight harbour"}, set()),
        ({"search": "  "}, ALL),
        ({"tag": "Painting"}, {"watercolor_wash"}),
        ({"tag": ["painting", "harbour"]}, set()),
        ({"tag": "paint"}, set()),
        ({"role": "style"}, {"watercolor_wash"}),
        ({"role": ["style", "detail"]}, {"watercolor_wash", "add_detail"}),
        ({"folder": "characters"}, {"red_knight", "moon_priestess"}),
        ({"folder": "/Characters/"}, {"red_knight", "moon_priestess"}),
        ({"folder": "char"}, set()),
        ({"folder": "../characters"}, set()),
        ({"safety": "safe"}, ALL),
        ({"hidden": "false"}, ALL),
        ({"hidden": "true"}, set()),
        ({"liked": "true"}, set()),
        ({"favorite": "false"}, ALL),
    ],
)
def test_filters(client, query, expected):
    page = client.get("/loras", **query)
    assert set(stems(page)) == expected and page["total"] == len(expected)


def test_a_base_model(client):
    found = set(stems(client.get("/loras", base_model="SD 1.5")))
    assert found == {
        lora.stem for lora in client.recommender.loras() if lora.base_model and lora.base_model.name == "SD 1.5"
    }
    assert set(stems(client.get("/loras", base_model=["SD 1.5", "Flux.1"]))) == found != set()
    assert stems(client.get("/loras", base_model="Flux.1")) == []


def test_what_the_user_said(client):
    client.post("/events", {"kind": "like", "lora": client.id("raincoat")})
    client.post("/events", {"kind": "hide", "lora": client.id("red_knight")})
    assert stems(client.get("/loras", liked="true")) == ["raincoat"]
    assert stems(client.get("/loras", hidden="true")) == ["red_knight"]
    assert set(stems(client.get("/loras", hidden="false", liked="false"))) == ALL - {"raincoat", "red_knight"}


@pytest.mark.parametrize("sort", ["name", "path", "modified", "created", "downloads", "rating", "size"])
def test_pages_share_nothing_and_leave_nothing_out(client, sort):
    whole = stems(client.get("/loras", sort=sort))
    paged = [stems(client.get("/loras", sort=sort, offset=at, limit=2)) for at in (0, 2, 4, 6)]
    assert [len(page) for page in paged] == [2, 2, 2, 0] and [name for page in paged for name in page] == whole
    if sort in ("path", "size", "modified"):
        key = {"path": "lora"}.get(sort, sort)
        values = [one[key] for one in client.get("/loras", sort=sort)["loras"]]
        assert values == sorted(values, reverse=sort != "path")
        values = [one[key] for one in client.get("/loras", sort=sort, reverse="true")["loras"]]
        assert values == sorted(values, reverse=sort == "path")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"offset": "-1"}, "offset"),
        ({"sort": "id; DROP TABLE"}, "sort"),
        ({"role": "wizard"}, "role[0]"),
        ({"safety": "3"}, "safety"),
        ({"hidden": "maybe"}, "hidden"),
        ({"path": "/etc/passwd"}, "path"),
        ({"search": "x" * 201}, "search"),
    ],
)
def test_a_wrong_parameter_is_named(client, query, field):
    reply = client("GET", "/loras", query={name: [value] for name, value in query.items()})
    assert (reply.status, reply.code) == (400, "invalid_request") and reply.json["error"]["field"] == field


def test_facets_count_everything(client):
    facets = client.get("/facets")
    assert facets["total"] == 6
    for name in ("roles", "base_models", "folders", "safety"):
        assert sum(one["count"] for one in facets[name]) == 6
    assert [one["name"] for one in facets["folders"]] == ["", "characters", "clothing", "styles"]
    assert {"name": "style", "count": 1} in facets["roles"]
    assert {"name": "painting", "count": 1} in facets["tags"]


def test_everything_about_one_with_its_sources(client):
    record = client.get(f"/loras/{client.id('moon_priestess')}")
    assert record["description"] == "A priestess with silver hair" and record["card"]["name"] == "Moon Priestess"
    sources = {(one["field"], one["source"]): one for one in record["sources"]}
    title = next(one for (field, _), one in sources.items() if field == "title")
    assert title["value"] == "Moon Priestess" and title["origin"] == "author"
    assert {one["origin"] for one in record["sources"]} <= {"user", "author", "trainer", "guess"}
    assert any(hint["model"] == 0.7 for hint in record["strengths"])
    watercolor = client.get(f"/loras/{client.id('watercolor_wash')}")
    assert watercolor["card"]["safety"] == "safe" and watercolor["examples"][0]["prompt"].startswith(
        "watercolor painting"
    )
    assert {one["value"] for one in watercolor["sources"] if one["field"] == "safety"} == {"safe"}


def test_the_users_own_use(client, made):
    for seed, strength in enumerate((0.5, 0.7)):
        client.recommender.memory.record_generation(made("a knight", "red_knight", seed=seed, strength=strength))
    uses = client.get(f"/loras/{client.id('red_knight')}/uses")["uses"]
    assert [(one["made"], one["strength"]) for one in uses] == [(1.7e9, 0.5), (1.7e9 + 3600, 0.7)]
    assert client.get(f"/loras/{client.id('raincoat')}/uses") == {"uses": []}


@pytest.mark.parametrize("path", ["/loras/{}", "/loras/{}/similar", "/loras/{}/uses", "/loras/{}/preview"])
@pytest.mark.parametrize(
    "name",
    [
        "red_knight",
        "characters%2Fred_knight",
        "red_knight.safetensors",
        "0123456789abcdef",
        "..",
        "Moon Priestess",
        "\x00",
        " ",
    ],
)
def test_only_ids_lead_to_a_lora(client, path, name):
    reply = client("GET", path.format(name))
    assert (reply.status, reply.code) in {(404, "unknown_lora"), (404, "not_found")}


def test_a_strength_is_suggested_without_any_prompt(client):
    suggested = client.get(f"/loras/{client.id('moon_priestess')}")["suggested"]
    assert suggested["model"] == 0.7 and suggested["low"] <= 0.7 <= suggested["high"] and suggested["source"]
