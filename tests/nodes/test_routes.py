"""The REST API inside ComfyUI: its server is a real aiohttp application here, its event loop watched."""

from __future__ import annotations

import asyncio
import json
import threading
from types import SimpleNamespace

import pytest

aiohttp = pytest.importorskip("aiohttp")
from aiohttp import web  # noqa: E402
from aiohttp.test_utils import TestClient, TestServer  # noqa: E402

V1 = "/lorarec/v1"


def serve(comfy, work):
    """Run ``work(client)`` against a server that has our routes as ComfyUI would: as they are, and below /api."""

    async def run():
        app = web.Application()
        for method, path, handler in comfy.server.routes.defined:
            app.router.add_route(method, "/api" + path, handler)
            app.router.add_route(method, path, handler)
        async with TestClient(TestServer(app)) as client:
            return await work(client)

    return asyncio.run(run())


async def body_of(answer):
    return json.loads(await answer.read())


@pytest.fixture
def comfy(start, mini_library):
    """A fake ComfyUI with six real LoRAs and the real recommender, indexed."""
    comfy = start(mini_library, core=False)
    comfy.library.recommender().wait("lexical", 30)
    return comfy


def test_one_route_is_mounted_and_nothing_is_imported_for_it(start, loras):
    comfy = start(loras)
    assert [(method, path) for method, path, _ in comfy.server.routes.defined] == [("*", V1 + "/{rest:.*}")]
    assert not comfy.loaded("lorarec.api.app") and not comfy.loaded("lorarec.recommender")


def test_loading_the_pack_again_mounts_nothing_twice_and_the_newest_answers(comfy):
    comfy.load()
    assert len(comfy.server.routes.defined) == 1

    async def work(client):
        return await body_of(await client.get(V1 + "/health"))

    assert serve(comfy, work)["status"] == "ok"
    newest = comfy.part("nodes.routes")
    assert comfy.server.routes.lorarec_answers.__func__ is newest._Door.answer


def test_outside_a_running_comfyui_there_is_nothing_to_mount(comfy, monkeypatch):
    routes = comfy.part("nodes.routes")
    for server in (None, SimpleNamespace(), SimpleNamespace(routes=None)):
        monkeypatch.setattr(comfy.part("nodes.host"), "_server", lambda server=server: server)
        routes.mount()


def test_the_whole_table_is_there_also_below_api(comfy):
    async def work(client):
        for prefix in ("", "/api"):
            answer = await client.post(prefix + V1 + "/suggestions", json={"prompt": "watercolor painting of boats"})
            assert answer.status == 200 and answer.headers["X-Content-Type-Options"] == "nosniff"
            assert (await body_of(answer))["suggestions"][0]["lora"] == "styles/watercolor_wash.safetensors"
            found = await body_of(await client.get(prefix + V1 + "/loras?role=style&role=detail&limit=5"))
            assert found["total"] == 2
            moon = (await body_of(await client.get(prefix + V1 + "/loras?search=moon")))["loras"][0]["id"]
            picture = await client.get(f"{prefix}{V1}/loras/{moon}/preview")
            assert picture.content_type == "image/png" and (await picture.read()).startswith(b"\x89PNG")
            assert (await client.head(prefix + V1 + "/health")).status == 200

    serve(comfy, work)


def test_errors_have_our_shape(comfy):
    async def work(client):
        for method, path, status, code in (
            ("GET", "/nothing", 404, "not_found"),
            ("GET", "/loras/../../secret", 404, "not_found"),
            ("DELETE", "/events", 405, "method_not_allowed"),
            ("GET", "/loras/red_knight", 404, "unknown_lora"),
        ):
            answer = await client.request(method, V1 + path, headers={"Content-Type": "application/json"})
            if "secret" not in path:  # aiohttp resolves the dots itself
                assert (answer.status, (await body_of(answer))["error"]["code"]) == (status, code)
            else:
                assert answer.status == status
        answer = await client.post(V1 + "/suggestions", json={"prompt": 1})
        assert (answer.status, (await body_of(answer))["error"]["field"]) == (400, "prompt")

    serve(comfy, work)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "192.168.1.5:8188"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_other_sites_and_names_are_refused(comfy, headers, status):
    async def work(client):
        return (await client.get(V1 + "/loras", headers=headers)).status

    assert serve(comfy, work) == status


def test_listening_everywhere_takes_any_address(comfy):
    comfy.args.listen = "0.0.0.0,::"

    async def work(client):
        statuses = []
        for name in ("192.168.1.5:8188", "[2001:db8::1]:8188", "evil.example"):
            statuses.append((await client.get(V1 + "/health", headers={"Host": name})).status)
        return statuses

    try:
        assert serve(comfy, work) == [200, 200, 403]
    finally:
        del comfy.args.listen


def test_a_large_body_is_refused_whether_its_length_is_known_or_not(comfy):
    large = b'{"prompt": "' + b"a" * 300_000 + b'"}'

    async def pieces():
        for at in range(0, len(large), 10_000):
            yield large[at : at + 10_000]

    async def work(client):
        known = await client.post(V1 + "/suggestions", data=large, headers={"Content-Type": "application/json"})
        unknown = await client.post(V1 + "/suggestions", data=pieces(), headers={"Content-Type": "application/json"})
        assert (known.status, unknown.status) == (413, 413)

    serve(comfy, work)


def test_a_body_in_pieces_is_put_together(comfy):
    async def pieces():
        for piece in (b'{"pro', b'mpt": ', b'"a knight"}'):
            yield piece

    async def work(client):
        return (
            await client.post(V1 + "/suggestions", data=pieces(), headers={"Content-Type": "application/json"})
        ).status

    assert serve(comfy, work) == 200


def test_events_are_streamed_and_end_when_the_listener_leaves(comfy):
    api = []

    async def work(client):
        answer = await client.get(V1 + "/events")
        assert answer.content_type == "text/event-stream"
        said = b""
        while said.count(b"event: job") < 2:
            said += await answer.content.readany()
        comfy.library.recommender().start_refresh()
        while b'"state":"done"' not in said.rpartition(b'"job":"index"')[2]:
            said += await answer.content.readany()
        streams = comfy.server.routes.lorarec_answers.__self__._api.context.streams
        api.append(streams)
        assert streams._value == 15
        answer.close()
        for _ in range(200):
            if streams._value == 16:
                break
            await asyncio.sleep(0.02)
        assert streams._value == 16

    serve(comfy, work)


def test_an_export_is_streamed(comfy):
    types = comfy.part("lorarec.history_types")
    memory = comfy.library.recommender().memory
    for seed in range(3):
        memory.record_generation(types.Generation(prompt="a" * 100_000, seed=seed, made=1.7e9 + seed))

    async def work(client):
        answer = await client.get(V1 + "/history/export")
        assert "attachment" in answer.headers["Content-Disposition"]
        return [json.loads(line) for line in (await answer.read()).splitlines()]

    assert len([row for row in serve(comfy, work) if row["kind"] == "generation"]) == 3


def test_settings_reach_the_nodes_too(comfy):
    async def work(client):
        return (await client.put(V1 + "/settings", json={"top": 2})).status

    before = comfy.library.recommender()
    assert serve(comfy, work) == 200
    after = comfy.library.recommender()
    assert after is not before and after.settings.top == 2


def test_images_of_this_comfyui_can_be_harvested(comfy, tmp_path):
    image = pytest.importorskip("PIL.Image")
    info = pytest.importorskip("PIL.PngImagePlugin").PngInfo()
    info.add_text(
        "parameters", "a knight <lora:red_knight:0.8>\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 8x8"
    )
    output = tmp_path / "comfyui1" / "output"
    output.mkdir(parents=True, exist_ok=True)
    image.new("RGB", (8, 8)).save(output / "a.png", pnginfo=info)

    async def work(client):
        assert (await client.post(V1 + "/jobs/harvest", json={})).status == 202
        for _ in range(200):
            state = await body_of(await client.get(V1 + "/jobs/harvest"))
            if state["state"] not in ("waiting", "running"):
                return state
            await asyncio.sleep(0.05)

    state = serve(comfy, work)
    assert state["state"] == "done" and state["report"]["generations"] == 1


def test_nothing_of_ours_runs_on_the_event_loop(comfy, monkeypatch):
    """Neither opening the API nor answering or streaming: all of it asks for the recommender, in our own threads."""
    asked, given = set(), comfy.library.keeper.get

    def recommender():
        asked.add(threading.current_thread().name.rpartition("_")[0])
        return given()

    monkeypatch.setattr(comfy.library.keeper, "get", recommender)
    assert not comfy.loaded("lorarec.api.app")

    async def work(client):
        loop = asyncio.get_running_loop()
        loop.run_in_executor = running = _Counting(loop.run_in_executor)
        assert (await client.post(V1 + "/suggestions", json={"prompt": "a knight"})).status == 200
        for path in ("/loras", "/settings", "/statistics", "/profile", "/history/export"):
            assert (await client.get(V1 + path)).status == 200
        events = await client.get(V1 + "/events")
        await events.content.readany()
        events.close()
        assert None not in running.executors, "ComfyUI's default executor is its own"

    serve(comfy, work)
    assert asked == {"lorarec-live", "lorarec-bulk"}


class _Counting:
    """Notes which executors work is given to."""

    def __init__(self, run):
        self.run, self.executors = run, set()

    def __call__(self, executor, work, *given):
        self.executors.add(executor)
        return self.run(executor, work, *given)
