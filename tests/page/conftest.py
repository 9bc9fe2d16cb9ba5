"""The real `lorarec serve` over the bundled sample collection with pictures, looked at by a real headless Chromium."""

from __future__ import annotations

import json
import os
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from program import Served
from waiting import wait_for

WORDS_ONLY = {"encoder_semantic": "absent/encoder", "encoder_artistic": "absent/encoder"}
PROMPT = "a knight in armor, oil painting of a castle"


def picture(side: int, hue: int) -> bytes:
    """A PNG whose colours run from corner to corner."""
    rows = b""
    for y in range(side):
        rows += b"\0" + b"".join(
            bytes(((hue * 37 + x) % 200 + 30, (hue * 91 + y) % 180 + 40, (220 - x // 2 + y // 3) % 256))
            for x in range(side)
        )
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


Serve = Callable[..., Served]


@pytest.fixture(scope="session")
def loras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample collection, some with pictures; the picture of "Ornate Plate Armor" is marked mature."""
    from lorarec import sample

    folder = tmp_path_factory.mktemp("library") / "loras"
    for number, path in enumerate(sample.write(folder)):
        if number % 4:
            path.with_suffix(".preview.png").write_bytes(picture(128, number))
    armor = next(folder.rglob("ornate*armor*.safetensors"))
    armor.with_suffix(".preview.png").write_bytes(picture(128, 5))
    armor.with_suffix(".civitai.info").write_text(
        json.dumps({"model": {"name": "Ornate Plate Armor", "nsfw": False}, "images": [{"url": "", "nsfwLevel": 8}]})
    )
    return folder


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start servers: ``start(loras, settings={…}, *arguments)``; they match by words only unless settings say else."""
    servers: list[Served] = []

    def start(loras: Path, *more: str, settings: dict[str, Any] | None = None) -> Served:
        data = tmp_path_factory.mktemp("data")
        chosen = {**WORDS_ONLY, "safety": "explicit", **(settings or {})}
        (data / "settings.json").write_text(json.dumps(chosen), encoding="utf-8")
        command = [sys.executable, "-m", "lorarec", "serve", "--port", "0", "--loras", loras, "--data", data, *more]
        servers.append(Served(command, data / "server.log"))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def server(browser: Any, start: Serve, loras: Path) -> Iterator[Served]:
    """A server over the sample collection; what the tests of one file do moves nothing in another."""
    os.environ.pop("LORAREC_TOKEN", None)
    server = start(loras)
    wait_for(lambda: _indexed(server), why="the index is built")
    yield server
    server.stop()


def _indexed(server: Served) -> bool:
    state = server.ask("/index")
    return bool(state["stage"] != "empty" and state["job"]["state"] == "done")


@pytest.fixture
def page(browser: Any, server: Served) -> Any:
    """The page, freshly opened; nothing went wrong in it by the end of the test."""
    page = browser.page(server.url)
    page.wait("document.querySelector('.lr-panel')?.dataset.phase === 'empty'")
    yield page
    complaints = page.complaints()
    page.close()
    assert complaints == []


@pytest.fixture
def written(page: Any, idle: Callable[[], None]) -> Any:
    """The page with a prompt and its suggestions."""
    page.click("#prompt")
    page.type(PROMPT)
    idle()  # on a busy machine a part of the prompt may have been answered before
    page.wait("document.querySelectorAll('.lr-card').length > 2")
    return page


@pytest.fixture
def ids(page: Any) -> Callable[[], list[str]]:
    """What LoRAs the cards are of, in their order."""
    return lambda: page.run("[...document.querySelectorAll('.lr-card')].map((card) => card.dataset.id)")


@pytest.fixture
def idle(page: Any) -> Callable[[], None]:
    """Wait until nothing is asked or about to be."""

    def idle() -> None:
        time.sleep(0.6)  # longer than the pause
        page.wait("!document.querySelector('[aria-busy]')")

    return idle


@pytest.fixture
def leave(page: Any) -> Callable[[], None]:
    """Take focus and pointer away from the cards."""

    def leave() -> None:
        page.run("document.activeElement.blur()")
        page.move_to(5, 5)

    return leave
