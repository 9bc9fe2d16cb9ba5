"""Fetching the encoder in the panel: from a hub of our own, with progress, a way to stop, a mirror and a remedy."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

BOX = ".lr-encoder"
NAME = "owner/tiny"
TEXT = f"document.querySelector('{BOX}').innerText"


@pytest.fixture
def hub(serve_model: Any, save: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A hub that has a tiny but real encoder."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    folder = save(tmp_path / "hub")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with serve_model(NAME, files) as hub:
        yield hub


@pytest.fixture
def page(browser: Any, start: Any, loras: Path, hub: Any) -> Any:
    """The page of a server whose mirror does not answer."""
    wanted = {f"encoder_{lens}": NAME for lens in ("semantic", "artistic", "technical")}
    page = browser.page(start(loras, settings={**wanted, "mirror": "http://127.0.0.1:9"}).url)
    page.wait(f"document.querySelector('{BOX}')?.hidden === false")
    yield page
    page.close()


def test_it_is_fetched_after_its_mirror_was_set(page: Any, hub: Any) -> None:
    page.wait(f"{TEXT}.includes('Matching by words only')")
    assert hub.requests == []
    page.click(f"{BOX} .lr-primary")
    page.wait(f"{TEXT}.includes('set a mirror or proxy')")
    assert page.run(f"document.querySelector('{BOX} details').open"), "the remedy stands beside the fault"

    page.run(f"document.querySelector('{BOX} .lr-input').select()")
    page.click(f"{BOX} .lr-input")
    page.press("a", 65, modifiers=2, commands=("selectAll",))
    page.type("nonsense")
    page.press("Tab", 9)
    page.wait(f"{TEXT}.includes('no address')")
    page.click(f"{BOX} .lr-input")
    page.press("a", 65, modifiers=2, commands=("selectAll",))
    page.type(hub.address)
    page.press("Tab", 9)
    page.wait(f"!{TEXT}.includes('no address')")

    hub.flowing.clear()
    page.click(f"{BOX} .lr-primary")
    page.wait(f"document.querySelector('{BOX} progress').value > 0")
    assert "of 0.1 MB" in page.text(BOX)
    page.click(f"{BOX} .lr-small")
    hub.flowing.set()
    page.wait(f"!document.querySelector('{BOX} .lr-primary').hidden")
    page.click(f"{BOX} .lr-primary")
    page.wait(f"document.querySelector('{BOX}').hidden", 30)
    page.click("#prompt")
    page.type("a knight in armor, castle")
    page.wait("document.querySelectorAll('.lr-card').length > 2")
    url = page.run("location.href")
    assert "encoders" in json.load(urllib.request.urlopen(f"{url}lorarec/v1/statistics"))
