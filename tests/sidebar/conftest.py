"""ComfyUI's real frontends over a small backend with our pack and the sample collection, in a real headless Chromium.

`LORAREC_TEST_HOSTS` names the folder with the frontend packages that bootstrap.py brought. One backend serves all
tests; each frontend is opened once, and every test loads a workflow of its own into it.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyui import workflows
from program import ROOT, Program
from waiting import wait_for

BACKEND = ROOT / "tests" / "hosts" / "comfyui" / "backend.py"
VERSIONS = ("1.27.10", "1.49.6", "1.58.1")
NEWEST = VERSIONS[-1]
TAB = 'button[aria-label^="LoRA suggestions"], .lorarec-tab-button'
APP = "window.comfyAPI.app.app"
PROMPT = "a knight in armor, oil painting of a castle"
CARD = ".lr-card:first-child"


class Stage:
    """One frontend in a page: what a user does there, and what became of the workflow."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url, self.vue = page, url, False
        self.definitions = self.ask("object_info")

    def ask(self, path: str, data: Any = None) -> Any:
        """Ask the backend."""
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def switch(self, vue: bool) -> None:
        """To Nodes 2.0, or back."""
        if vue != self.vue:
            self.vue = vue
            self.page.run(f"{APP}.extensionManager.setting.set('Comfy.VueNodes.Enabled', {json.dumps(vue)})")

    def flow(self) -> Any:
        """An empty workflow to build."""
        return workflows.Flow(self.definitions)

    def text_to_image(self, prompt: str = PROMPT, **more: Any) -> Any:
        """The usual workflow."""
        return workflows.text_to_image(self.definitions, prompt, **more)

    def load(self, flow: Any) -> None:
        """Open a workflow as from a file, all of it in sight beside the sidebar."""
        saved = flow if isinstance(flow, dict) else flow.saved()
        self.page.run(f"{APP}.loadGraphData({json.dumps(saved)})")
        self.page.run(
            f"(() => {{ const {{ds}} = {APP}.canvas; ds.scale = 0.75; ds.offset[0] = 560; ds.offset[1] = 90;"
            f"{APP}.canvas.setDirty(true, true); document.activeElement?.blur(); }})()"
        )
        time.sleep(0.3)

    def open_tab(self) -> None:
        """Open the sidebar tab if it is not."""
        if not self.page.count(".lorarec-sidebar"):
            self.page.click(TAB)
        self.page.wait("document.querySelector('.lorarec-sidebar .lr-panel')")

    def close_tab(self) -> None:
        """Close it."""
        if self.page.count(".lorarec-sidebar"):
            self.page.click(TAB)
        self.page.wait("!document.querySelector('.lorarec-sidebar')")

    def first(self, name: str) -> None:
        """Wait until this is suggested first, and nothing is asked."""
        first = "document.querySelector('.lr-card .lr-name')?.innerText"
        self.page.wait(f"{first} === {json.dumps(name)} && !document.querySelector('.lr-panel[aria-busy]')", 15)

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes of the workflow, as it would be saved."""
        found: list[dict[str, Any]] = self.page.run(f"{APP}.graph.serialize().nodes")
        return found

    def one(self, kind: str) -> dict[str, Any]:
        """The only node of a type."""
        (found,) = [node for node in self.nodes() if node["type"] == kind]
        return found

    def links(self) -> set[tuple[str, str, str, str]]:
        """All links as (node, output, node, input): nodes by type, text encoders by title."""
        script = (
            f"(() => {{ const g = {APP}.graph; const found = [];"
            "const name = (n) => (n.type === 'CLIPTextEncode' ? n.title : n.type);"
            "for (const n of g.nodes) for (const i of n.inputs ?? []) { if (i.link == null) continue;"
            "const l = g.links.get ? g.links.get(i.link) : g.links[i.link]; const o = g.getNodeById(l.origin_id);"
            "found.push([name(o), o.outputs[l.origin_slot].name, name(n), i.name]); } return found; })()"
        )
        return {tuple(link) for link in self.page.run(script)}

    def box(self, title: str) -> str:
        """A selector of the text box of the node with this title."""
        if self.vue:
            number = self.page.run(f"String({APP}.graph.nodes.find((n) => n.title === {json.dumps(title)}).id)")
            return f'[data-node-id="{number}"] textarea'
        found = f"{APP}.graph.nodes.find((n) => n.title === {json.dumps(title)}).widgets.find((w) => w.element)"
        self.page.run(f"(() => {{ ({found}).element.dataset.test = {json.dumps(title)}; }})()")
        return f'textarea[data-test="{title}"]'

    def text(self, title: str) -> str:
        """What stands in the text box of the node with this title."""
        widgets = f"{APP}.graph.nodes.find((n) => n.title === {json.dumps(title)}).widgets"
        return str(self.page.run(f"{widgets}.find((w) => w.name === 'text').value"))

    def undo(self) -> None:
        """Ctrl+Z, once."""
        self.page.press("z", 90, modifiers=2)
        time.sleep(0.8)

    def redo(self) -> None:
        """Ctrl+Y, once."""
        self.page.press("y", 89, modifiers=2)
        time.sleep(0.8)

    def queue(self) -> dict[str, Any]:
        """Press the button that queues the workflow; what the server got."""
        before = len(self.ask("test/queued"))
        button = '[data-testid="queue-button"], .queue-button-group .p-splitbutton-button'
        self.page.move(button)
        time.sleep(0.5)  # until what another place showed on hovering is gone
        self.page.click(button)
        found: dict[str, Any] = wait_for(lambda: self.ask("test/queued")[before:], 20)[0]
        return found


Open = Callable[..., Stage]


@pytest.fixture(scope="session")
def frontends() -> dict[str, Path]:
    """The frontend packages by version; skips where there are none."""
    place = Path(os.environ.get("LORAREC_TEST_HOSTS", "absent"))
    found = {version: place / f"frontend-{version}" for version in VERSIONS}
    if not all(path.is_dir() for path in found.values()):
        pytest.skip("LORAREC_TEST_HOSTS names no folder with ComfyUI's frontends (bootstrap.py)")
    return found


@pytest.fixture(scope="session")
def backend(frontends: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of the frontends by version, over one backend."""
    pytest.importorskip("aiohttp")
    from lorarec import sample

    loras = tmp_path_factory.mktemp("library") / "loras"
    sample.write(loras)
    place = tmp_path_factory.mktemp("comfyui")
    command = [sys.executable, BACKEND, "--place", place, "--loras", loras, *frontends.values()]
    environment = {name: value for name, value in os.environ.items() if name not in ("LORAREC_DATA", "LORAREC_LORAS")}
    program = Program(command, place / "log.txt", environment=environment)
    yield json.loads(program.line())
    program.hang_up()


@pytest.fixture(scope="session")
def opened(backend: dict[str, str], browser: Any) -> Open:
    """Open a frontend, once for each version: ``opened("1.58.1", vue=True)`` has Nodes 2.0."""
    stages: dict[str, Stage] = {}

    def opened(version: str, vue: bool = False) -> Stage:
        if version not in stages:
            stage = stages[version] = Stage(None, backend[version])
            stage.ask("test/set", {})
            stage.page = browser.page("about:blank", width=1600, height=1000)
            stage.page.call("Page.navigate", url=stage.url)
            stage.page.wait(f"window.comfyAPI && {APP}.graph && document.querySelector('canvas')", 60)
            stage.page.wait(f"document.querySelector({json.dumps(TAB)})", 60)
        stages[version].switch(vue)
        return stages[version]

    return opened


def _settled(stage: Stage) -> Iterator[Stage]:
    before = len(_complaints(stage))
    yield stage
    assert _complaints(stage)[before:] == []
    stage.page.move_to(800, 990)  # over nothing that shows a tooltip


def _complaints(stage: Stage) -> list[str]:
    """What went wrong in the page. A question overtaken by a newer one did not, nor what it asks of the internet."""
    return stage.page.complaints("NAME_NOT_RESOLVED")


@pytest.fixture
def newest(opened: Open) -> Iterator[Stage]:
    """The newest frontend with the sidebar open."""
    stage = opened(NEWEST)
    stage.load(stage.flow())
    stage.open_tab()
    yield from _settled(stage)


@pytest.fixture(params=["1.27.10", "1.49.6", "1.49.6 Nodes 2.0", "1.58.1", "1.58.1 Nodes 2.0"], scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    """Every frontend, also with Nodes 2.0; tests of one kind come together."""
    return str(request.param)


@pytest.fixture
def each(kind: str, opened: Open) -> Iterator[Stage]:
    """Every frontend with the sidebar open."""
    version, _, nodes = kind.partition(" ")
    stage = opened(version, vue=bool(nodes))
    stage.load(stage.flow())
    stage.open_tab()
    yield from _settled(stage)
