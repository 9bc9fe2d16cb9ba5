"""A small backend for ComfyUI's real frontends: what they ask for on start, our pack loaded into it, and a queue.

Run as a program, it serves each frontend package on a port of its own, prints their addresses as one line of JSON
(version -> URL), and ends with its standard input. The pack is loaded as ComfyUI loads it (`harness.comfyui`), so that
routes, node definitions, scripts and translations are ours. Queued prompts are kept and told to the browser as done;
of their nodes only ours that choose LoRAs are executed. ``/test/…`` is for tests: what was queued, files of a user.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import harness
import node_definitions
from aiohttp import WSMsgType, web

HERE = Path(__file__).resolve().parent
PACK = "lora-recommender.v1"
USER_SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.InstalledVersion": "1.0.0",
    "Comfy.Release.Status": "what's new seen",
}


class Backend:
    """One frontend with its user's settings, workflows and queue."""

    def __init__(self, comfy: SimpleNamespace, frontend: Path, pack: Path) -> None:
        self.comfy, self.frontend, self.pack = comfy, frontend, pack
        self.version = frontend.parents[1].name.rpartition("-")[2]
        self.settings: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}
        self.queued: list[dict[str, Any]] = []
        self.sockets: set[web.WebSocketResponse] = set()
        self.delay = 0.0  # seconds before suggestions are answered
        self.reset()

    def reset(self) -> None:
        self.settings = dict(USER_SETTINGS)
        self.files = {"user.css": b"", "comfy.templates.json": b"[]", "workflows/.index.json": b"{}"}
        self.queued.clear()
        self.delay = 0.0

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._errors], client_max_size=2**26)
        app.router.add_get("/ws", self._socket)
        table = {
            **{"/features": {}, "/users": {"storage": "server", "migrated": True}, "/history": {}},
            **{"/queue": {"queue_running": [], "queue_pending": []}, "/embeddings": [], "/workflow_templates": {}},
            **{"/global_subgraphs": {}, "/customnode/getmappings": {}, "/node_replacements": {}},
            **{"/system_stats": self._stats(), "/i18n": self._translations(), "/models": ["checkpoints", "loras"]},
            "/object_info": node_definitions.definitions(self.comfy),
            **{"/experiment/models": [], "/experiment/nodes": []},
            "/jobs": {"jobs": [], "pagination": {"offset": 0, "limit": 200, "total": 0, "has_more": False}},
            "/assets": {"assets": [], "total": 0, "has_more": False},
            "/extensions": self._extensions(),
            "/logs/raw": {"entries": [], "size": {"cols": 80, "rows": 24}},
        }
        for prefix in ("", "/api"):
            for path, answer in table.items():
                app.router.add_get(prefix + path, lambda _, answer=answer: web.json_response(answer))
            add = app.router.add_route
            add("GET", prefix + "/prompt", lambda _: web.json_response({"exec_info": {"queue_remaining": 0}}))
            add("POST", prefix + "/prompt", self._queue)
            add("GET", prefix + "/settings", lambda _: web.json_response(self.settings))
            add("POST", prefix + "/settings", self._change_settings)
            add(
                "GET", prefix + "/settings/{name}", lambda r: web.json_response(self.settings.get(r.match_info["name"]))
            )
            add("POST", prefix + "/settings/{name}", self._change_settings)
            add("GET", prefix + "/userdata", self._list)
            add("GET", prefix + "/v2/userdata", lambda _: web.json_response([]))
            add("GET", prefix + "/userdata/{path:.+}", self._read_file)
            add("POST", prefix + "/userdata/{path:.+}", self._write_file)
            app.router.add_static(f"{prefix}/extensions/{PACK}", self.pack / "javascript", follow_symlinks=True)
            app.router.add_static(f"{prefix}/extensions/other_packs", HERE / "other_packs")
            for method, path, handler in self.comfy.server.routes.defined:
                add(method, prefix + path, self._slowed(handler))
        app.router.add_get("/test/queued", lambda _: web.json_response(self.queued))
        app.router.add_post("/test/set", self._set)
        app.router.add_get("/", lambda _: web.FileResponse(self.frontend / "index.html"))
        for path in ("/user.css", "/favicon.ico"):
            app.router.add_get(path, lambda _: web.Response(text="", content_type="text/css"))
        app.router.add_static("/", self.frontend)
        return app

    @web.middleware
    async def _errors(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPNotFound:
            return web.json_response({"error": f"there is no {request.path}"}, status=404)
        if not isinstance(response, web.WebSocketResponse) and not response.prepared:
            response.headers.setdefault("Cache-Control", "no-cache")
        return response

    def _extensions(self) -> list[str]:
        """Every *.js below the pack's web folder, as ComfyUI lists them, and those of other packs."""
        web_folder = self.pack / "javascript"
        ours = [path.relative_to(web_folder).as_posix() for path in sorted(web_folder.rglob("*.js"))]
        others = [path.name for path in sorted((HERE / "other_packs").glob("*.js"))]
        return [f"/extensions/{PACK}/{path}" for path in ours] + [f"/extensions/other_packs/{path}" for path in others]

    def _stats(self) -> dict[str, Any]:
        system = {
            **{"os": "linux", "python_version": "3", "embedded_python": False, "comfyui_version": "0.33.0", "argv": []},
            **{"pytorch_version": "2", "ram_total": 8, "ram_free": 4, "required_frontend_version": self.version},
        }
        return {"system": system, "devices": []}

    def _translations(self) -> dict[str, Any]:
        """As ComfyUI merges them: each language's files below the names that its frontend knows."""
        kinds = {"main": None, "nodeDefs": "nodeDefs", "commands": "commands", "settings": "settings"}
        found: dict[str, Any] = {}
        for language in sorted(path for path in (self.pack / "locales").iterdir()):
            into = found.setdefault(language.name, {})
            for name, key in kinds.items():
                if (language / f"{name}.json").is_file():
                    texts = json.loads((language / f"{name}.json").read_text("utf-8"))
                    into.update(texts if key is None else {key: texts})
        return found

    def _slowed(self, handler: Any) -> Any:
        async def slowed(request: web.Request) -> web.StreamResponse:
            if self.delay and request.path.endswith("/suggestions"):
                await asyncio.sleep(self.delay)
            return await handler(request)

        return slowed

    async def _set(self, request: web.Request) -> web.Response:
        """Begin anew (``reset``), with these settings, these files and this delay."""
        wish = await request.json()
        self.reset()
        self.settings.update(wish.get("settings", {}))
        self.delay = wish.get("delay", 0.0)
        for name, workflow in wish.get("workflows", {}).items():
            self.files[f"workflows/{name}.json"] = json.dumps(workflow).encode()
        return web.json_response({})

    async def _change_settings(self, request: web.Request) -> web.Response:
        value = await request.json()
        name = request.match_info.get("name")
        self.settings.update({name: value} if name else value)
        return web.json_response({})

    async def _list(self, request: web.Request) -> web.Response:
        folder = request.query.get("dir", "").strip("/") + "/"
        found = [path.removeprefix(folder) for path in self.files if path.startswith(folder)]
        if request.query.get("full_info"):
            return web.json_response([{"path": name, "size": 1, "modified": 1} for name in found])
        return web.json_response(found)

    async def _read_file(self, request: web.Request) -> web.Response:
        data = self.files.get(request.match_info["path"])
        return web.Response(status=404) if data is None else web.Response(body=data, content_type="application/json")

    async def _write_file(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        self.files[path] = await request.read()
        return web.json_response({"path": path, "size": len(self.files[path]), "modified": 1})

    # -- the queue ---------------------------------------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        status = {"status": {"exec_info": {"queue_remaining": 0}}, "sid": request.query.get("clientId") or "1"}
        await socket.send_json({"type": "status", "data": status})
        async for message in socket:
            if message.type == WSMsgType.ERROR:
                break
        self.sockets.discard(socket)
        return socket

    async def _queue(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.queued.append(asked)
        number = len(self.queued)
        prompt_id = f"00000000-0000-4000-8000-{number:012}"
        self._task = asyncio.ensure_future(self._run(prompt_id, asked["prompt"]))
        return web.json_response({"prompt_id": prompt_id, "number": number, "node_errors": {}})

    async def _run(self, prompt_id: str, graph: dict[str, Any]) -> None:
        await asyncio.sleep(0.05)
        await self._tell("execution_start", prompt_id=prompt_id, timestamp=1)
        await self._tell("execution_cached", prompt_id=prompt_id, nodes=[], timestamp=1)
        for node_id, node in graph.items():
            if node["class_type"] != "LorarecRecommend":
                continue
            await self._tell("executing", node=node_id, display_node=node_id, prompt_id=prompt_id)
            values = {name: value for name, value in node["inputs"].items() if not isinstance(value, list)}
            node_class = self.comfy.pack.NODE_CLASS_MAPPINGS["LorarecRecommend"]
            run = partial(node_class().run, **values, graph=json.loads(json.dumps(graph)), unique_id=node_id)
            answer = await asyncio.get_running_loop().run_in_executor(None, run)
            await self._tell("executed", node=node_id, display_node=node_id, output=answer["ui"], prompt_id=prompt_id)
        await self._tell("executing", node=None, prompt_id=prompt_id)
        await self._tell("execution_success", prompt_id=prompt_id, timestamp=2)
        await self._tell("status", status={"exec_info": {"queue_remaining": 0}})

    async def _tell(self, kind: str, **data: Any) -> None:
        for socket in list(self.sockets):
            await socket.send_json({"type": kind, "data": data})


async def serve(backends: list[Backend]) -> None:
    """Serve until standard input ends."""
    addresses = {}
    for backend in backends:
        runner = web.AppRunner(backend.app())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        addresses[backend.version] = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    print(json.dumps(addresses), flush=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()
    await ended.wait()


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--place", type=Path, required=True, help="an empty folder to work in")
    parser.add_argument("--loras", type=Path, required=True, help="a LoRA folder")
    parser.add_argument("frontends", type=Path, nargs="+", help="folders of frontend packages, named frontend-VERSION")
    given = parser.parse_args()
    with harness.comfyui(given.place, given.loras) as comfy:
        data = given.place / "user" / "__lorarec"
        data.mkdir(parents=True)
        words_only = {"encoder_semantic": "absent/encoder", "encoder_artistic": "absent/encoder", "safety": "explicit"}
        words_only["history"] = False  # what one test does must not move what the next one is suggested
        (data / "settings.json").write_text(json.dumps(words_only), encoding="utf-8")
        comfy.part("nodes.library").recommender().wait("lexical", 60)
        pack = given.place / "custom_nodes" / PACK
        static = [one / "comfyui_frontend_package" / "static" for one in given.frontends]
        asyncio.run(serve([Backend(comfy, one, pack) for one in static]))


if __name__ == "__main__":
    main()
