"""The contract harness: a small host of the WebUI family on a real Gradio of both generations, in real Chromium.

It is no real WebUI. It reproduces what real ones were seen to do (tests/hosts/webui), with the Gradio that they pin.
"""

from __future__ import annotations

import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from program import ROOT, Program, python_of
from waiting import wait_for

HOSTS = {"gradio3": "a1111", "gradio4": "neo"}  # the Gradio of each kind of host
WORDS_ONLY = {"encoder_semantic": "absent/encoder", "encoder_artistic": "absent/encoder", "safety": "explicit"}


class Host(Program):
    """One running host of the harness."""

    def __init__(self, gradio: str, flavour: str, home: Path, loras: Path, *more: str) -> None:
        python = python_of(gradio)
        self.gradio4 = gradio == "gradio4"
        self.home, self.data = home, home / ".lorarec"
        self.data.mkdir(parents=True)
        (self.data / "settings.json").write_text(json.dumps(WORDS_ONLY), encoding="utf-8")
        command: list[str | Path] = [python, ROOT / "tests" / "hosts" / "webui" / "webui.py"]
        command += ["--extension", ROOT, "--flavour", flavour, "--lora-dir", loras, "--port", str(free_port()), *more]
        ours = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(home / "tmp"), "MPLBACKEND": "agg"}
        alien = ("PYTHONPATH", "PYTHONHOME", "LORAREC_DATA", "LORAREC_LORAS", "LORAREC_HOSTS")
        environment = {**{name: value for name, value in os.environ.items() if name not in alien}, **ours}
        super().__init__(command, home / "host.log", home, environment)
        self.url = str(json.loads(self.line())["url"])

    def ask(self, do: str, **given: Any) -> Any:
        """Have the host do something (`webui.Commands`)."""
        self.tell(json.dumps({"do": do, **given}))
        return json.loads(self.line())["answer"]

    def call(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Ask our API; status and JSON. Underscores in names of headers stand for dashes."""
        data = None if body is None else json.dumps(body).encode()
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            fields = {"Content-Type": "application/json", **fields}
        request = urllib.request.Request(f"{self.url}lorarec/v1{path}", data, fields)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def indexed(self) -> bool:
        """Whether the index is there; asking for it the first time begins it."""
        state = self.call("/index")[1]
        return state["stage"] != "empty" and state["job"]["state"] != "running"


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


Start = Callable[..., Host]


@pytest.fixture(scope="session")
def loras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample collection, with a copy of one LoRA in another folder: two of one name."""
    from lorarec import sample

    folder = tmp_path_factory.mktemp("library") / "loras"
    paths = sample.write(folder)
    knight = next(path for path in paths if path.stem.startswith("hedgehog_knight"))
    copy = folder / "copies" / knight.name
    copy.parent.mkdir()
    copy.write_bytes(knight.read_bytes())
    return folder


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory, loras: Path) -> Iterator[Start]:
    """Start hosts: ``start("gradio4", "neo", "--auth", "me:secret")``."""
    hosts: list[Host] = []

    def start(gradio: str, flavour: str, *more: str) -> Host:
        hosts.append(Host(gradio, flavour, tmp_path_factory.mktemp("home"), loras, *more))
        return hosts[-1]

    yield start
    for host in hosts:
        host.hang_up()


@pytest.fixture(scope="session", params=sorted(HOSTS))
def host(request: pytest.FixtureRequest, start: Start) -> Host:
    """One host of each generation, indexed."""
    host = start(request.param, HOSTS[request.param])
    wait_for(host.indexed, 60, "the index")
    return host
