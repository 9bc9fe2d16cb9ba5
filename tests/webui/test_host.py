"""Contract harness: what happens in the WebUI's process, on Gradio 3 and 4."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from waiting import wait_for

HOSTS = {"gradio3": "a1111", "gradio4": "neo"}
STEPS = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: {seed}, Size: 512x512, Model: dreamy_sd15"
INFO = "{prompt}\nNegative prompt: blurry\n" + STEPS


def generations(host: Any) -> list[dict[str, Any]]:
    return host.call("/history/generations?limit=100")[1]["generations"]  # type: ignore[no-any-return]


def test_nothing_of_ours_fails_and_the_path_is_left_as_it_was(host: Any) -> None:
    facts = host.ask("facts")
    assert facts["failures"] == []
    assert not [one for one in facts["path"] if one == str(Path(__file__).resolve().parents[2])]


def test_folders_are_the_hosts(host: Any, loras: Path) -> None:
    facts = host.ask("facts")
    assert facts["roots"] == [str(loras)], "A1111's folder for LyCORIS is not there"
    assert facts["outputs"] == [
        str(host.home / one) for one in ("outputs/txt2img-images", "outputs/img2img-images", "log/images")
    ]
    assert str(host.home / "outputs/txt2img-grids") in facts["sides"]


def test_busy_is_a_held_lock_even_with_no_job(host: Any) -> None:
    assert not host.ask("busy")
    host.ask("lock", held=True)
    try:
        assert host.ask("busy")
        assert host.call("/suggestions", {"prompt": "a castle at night"})[0] == 200, "a question waits for nobody"
    finally:
        host.ask("lock", held=False)
    assert not host.ask("busy")


@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_a_generation_that_begins_gets_its_graphics_memory_back_once(host: Any, tab: str) -> None:
    assert host.ask("begin", tab=tab) == [True], "while the host holds its lock: we cannot climb up again"
    assert host.ask("facts")["failures"] == []


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "https://evil.example"}, "foreign_origin"),
        ({"Sec_Fetch_Site": "cross-site"}, "foreign_origin"),
        ({"Origin": "null"}, "foreign_origin"),
        ({"Host": "evil.example"}, "unknown_host"),
    ],
)
def test_pages_of_other_sites_are_refused(host: Any, headers: dict[str, str], code: str) -> None:
    status, answer = host.call("/suggestions", {"prompt": "x"}, **headers)
    assert (status, answer["error"]["code"]) == (403, code)


def test_forms_change_nothing(host: Any) -> None:
    status, answer = host.call("/history/delete", {"everything": True}, Content_Type="text/plain")
    assert (status, answer["error"]["code"]) == (415, "not_json")


def test_the_table_answers_as_everywhere(host: Any) -> None:
    assert host.call("/health")[1]["name"] == "lorarec"
    assert host.call("/nowhere")[0] == 404
    status, answer = host.call("/suggestions", {"prompt": "x" * 300_000})
    assert (status, answer["error"]["code"]) == (413, "too_large")
    request = urllib.request.Request(
        f"{host.url}lorarec/v1/health", b"", {"Content-Type": "application/json"}, method="DELETE"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 405 and "GET" in refused.value.headers["Allow"]


def test_events_and_exports_stream(host: Any) -> None:
    with urllib.request.urlopen(f"{host.url}lorarec/v1/events", timeout=10) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.readline() == b"event: job\n"
    with urllib.request.urlopen(f"{host.url}lorarec/v1/history/export", timeout=10) as export:
        assert all(json.loads(line) for line in export)


def test_saved_images_feed_the_history_each_once(host: Any) -> None:
    before = len(generations(host))
    text = INFO.format(prompt="a harbour, watercolor <lora:watercolor_wash_sd15:0.7>", seed=11)
    spent = [host.ask("save", folder="outputs/txt2img-images/today", name="00011-11", text=text)]
    made = wait_for(lambda: generations(host)[before:])
    spent.append(host.ask("save", folder="log/images", name="00011", text=text))  # the button "Save"
    for folder, name in (
        ("outputs/txt2img-grids", "grid-0001"),
        ("outputs/txt2img-grids", "0007"),
        ("outputs/img2img-images", "00012-12-before-highres-fix"),
        ("outputs/img2img-images", "00012-12-mask-composite"),
        ("outputs/init-images", "0f0f0f"),
    ):
        host.ask("save", folder=folder, name=name, text=INFO.format(prompt="never", seed=12))
    host.ask(
        "save",
        folder="outputs/txt2img-images",
        name="00013-13",
        text=INFO.format(prompt="never", seed=13),
        interrupted=True,
    )
    host.ask("save", folder="outputs/txt2img-images", name="00014-14", text="")
    last = INFO.format(prompt="the last one", seed=15)
    host.ask("save", folder="outputs/txt2img-images", name="00015-15", text=last)
    found = wait_for(lambda: (now := generations(host)[before:])[-1]["prompt"] == "the last one" and now)
    assert [one["prompt"] for one in found] == [made[0]["prompt"], "the last one"]
    assert [use["strength"] for use in made[0]["loras"]] == [0.7]
    assert max(spent) < 0.05, "the host's thread hands over a reference and goes on"


def test_what_the_history_setting_forbids_is_not_remembered(host: Any) -> None:
    before = len(generations(host))
    assert host.call("/settings")[0] == 200
    put(host, "/history", {"enabled": False})
    try:
        host.ask("save", folder="outputs/txt2img-images", name="1", text=INFO.format(prompt="secret", seed=1))
        time.sleep(0.5)
    finally:
        put(host, "/history", {"enabled": True})
    host.ask("save", folder="outputs/txt2img-images", name="2", text=INFO.format(prompt="open", seed=2))
    found = wait_for(lambda: generations(host)[before:])
    assert [one["prompt"] for one in found] == ["open"]


def put(host: Any, path: str, body: Any) -> None:
    request = urllib.request.Request(
        f"{host.url}lorarec/v1{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 200


def test_settings_have_one_home_and_the_page_shows_it(host: Any) -> None:
    stored = host.data / "settings.json"
    assert host.ask("options")["lorarec_safety"] == "explicit", "what our file said before the page was built"
    assert host.ask("set", name="lorarec_top", value=9)
    wait_for(lambda: json.loads(stored.read_text("utf-8")).get("top") == 9)
    wait_for(lambda: {one["name"]: one["value"] for one in host.call("/settings")[1]["settings"]}["top"] == 9)
    put(host, "/settings", {"top": None, "min_score": 0.1})
    wait_for(lambda: host.ask("options")["lorarec_top"] == 5 and host.ask("options")["lorarec_min_score"] == 0.1)
    put(host, "/settings", {"min_score": None})


def test_the_data_folder_is_not_served(host: Any) -> None:
    for path in (host.data / "settings.json", ".lorarec/settings.json"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{host.url}file={path}", timeout=10)
        assert refused.value.code in (403, 404)
    assert urllib.request.urlopen(f"{host.url}file=script.js", timeout=10).status == 200, "all else is"


def test_reload_ui_lets_go_and_starts_anew(host: Any) -> None:
    assert host.call("/suggestions", {"prompt": "a castle at night"})[0] == 200
    before = host.url
    with urllib.request.urlopen(f"{host.url}lorarec/v1/events", timeout=20) as stream:  # Gradio 3 waits for its end
        assert stream.readline() == b"event: job\n"
        assert host.ask("reload") == before
        stream.read()  # to its proper end
    assert host.call("/suggestions", {"prompt": "a castle at night"})[0] in (200, 409)
    wait_for(host.indexed)
    assert host.call("/suggestions", {"prompt": "a castle at night"})[1]["suggestions"]
    facts = host.ask("facts")
    assert facts["failures"] == [] and facts["changes"] == 5
    assert host.ask("begin", tab="txt2img") == [True], "the script of the load before is gone"
    threads = [[name for name in facts["threads"] if kind in name] for kind in ("lorarec-live", "lorarec-capture")]
    assert len(threads[0]) <= 8 and len(threads[1]) <= 1, "those of the load before have ended"
    host.ask("save", folder="outputs/txt2img-images", name="99", text=INFO.format(prompt="after the reload", seed=99))
    wait_for(lambda: [one["prompt"] for one in generations(host)[-1:]] == ["after the reload"])


def test_a_mistake_in_the_settings_ends_no_remembering(host: Any) -> None:
    file = host.data / "settings.json"
    right = file.read_text(encoding="utf-8")
    try:
        for number, (wrong, prompt) in enumerate((({"top": 0}, "in spite of it"), ({"history": "of"}, "nobody knows"))):
            file.write_text(json.dumps({**json.loads(right), **wrong}), encoding="utf-8")
            text = INFO.format(prompt=prompt, seed=200 + number)
            host.ask("save", folder="outputs/txt2img-images", name=f"20{number}", text=text)
            wait_for(lambda: [one["prompt"] for one in generations(host)[-1:]] == ["in spite of it"])
        time.sleep(0.5)
        assert generations(host)[-1]["prompt"] == "in spite of it"
    finally:
        file.write_text(right, encoding="utf-8")


@pytest.fixture(scope="module", params=sorted(HOSTS))
def guarded(request: pytest.FixtureRequest, start: Any) -> Any:
    """A host with a login for two people, and its own API's user."""
    return start(request.param, HOSTS[request.param], "--auth", "me:secret,you:other", "--api-auth", "api:key")


def test_the_login_counts_for_our_routes_too(guarded: Any) -> None:
    status, answer = guarded.call("/health")
    assert (status, answer["error"]["code"]) == (401, "unauthorised")
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    form = urllib.parse.urlencode({"username": "me", "password": "secret"}).encode()
    browser.open(urllib.request.Request(f"{guarded.url}login", form), timeout=10)
    with browser.open(f"{guarded.url}lorarec/v1/health", timeout=10) as response:
        assert json.load(response)["status"] == "ok"
    elsewhere = urllib.request.Request(f"{guarded.url}lorarec/v1/settings", headers={"X-Forwarded-For": "192.0.2.60"})
    with browser.open(elsewhere, timeout=10) as response:
        assert may_set_addresses(json.load(response)), "who logged in is trusted from wherever they are"
    assert guarded.call("/health", Authorization="Basic YXBpOmtleQ==")[0] == 200
    for wrong in ("Basic YXBpOndyb25n", "Basic", "Basic ?", "Bearer YXBpOmtleQ=="):
        assert guarded.call("/health", Authorization=wrong)[0] == 401


def may_set_addresses(shown: Any) -> bool:
    """Whether the answer of ``GET /settings`` offers what only those may change who are trusted."""
    return bool(next(one for one in shown["settings"] if one["name"] == "mirror")["editable"])


def test_of_several_people_nothing_is_remembered(guarded: Any) -> None:
    guarded.ask("save", folder="outputs/txt2img-images", name="1", text=INFO.format(prompt="whose is it", seed=1))
    time.sleep(0.5)
    assert guarded.call("/history", Authorization="Basic YXBpOmtleQ==")[1]["recording"] is False


@pytest.mark.parametrize("auth", ["", "api:key"])
def test_without_a_page_the_apis_own_login_counts(start: Any, auth: str) -> None:
    host = start("gradio3", "a1111", "--nowebui", *(["--api-auth", auth] if auth else []))
    assert host.call("/health")[0] == (401 if auth else 200)
    assert host.call("/health", Authorization="Basic YXBpOmtleQ==")[0] == 200
    elsewhere = {"Authorization": "Basic YXBpOmtleQ==", "X_Forwarded_For": "192.0.2.60"}
    assert may_set_addresses(host.call("/settings", **elsewhere)[1]) is bool(auth)


def test_sdnext_has_a_control_tab_and_names_for_its_folders(start: Any, browser: Any) -> None:
    host = start("gradio3", "sdnext")
    facts = host.ask("facts")
    assert facts["failures"] == [] and facts["changes"] == 7
    assert host.ask("begin", tab="control") == []
    facts = host.ask("facts")
    assert facts["failures"] == [] and not facts["opened"], "nothing is opened to give back what nobody has"
    host.call("/index")
    assert host.ask("begin", tab="control") == [True] and host.ask("begin", tab="txt2img") == [True]
    assert facts["outputs"][0] == str(host.home / "outputs/txt2img-images")
    page = browser.page(host.url)
    page.wait("document.querySelector('#control_prompt_container #lorarec_control')", 30)
    assert page.run("typeof onOptionsAvailable") == "undefined"
    page.close()
