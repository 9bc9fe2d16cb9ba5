"""The real tab in real Gradios, driven by a real headless Chromium as a user would.

Each Gradio has an environment of its own below ``LORAREC_TEST_HOSTS`` (made by bootstrap.py); tests skip without it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from program import Served, python_of

WORDS_ONLY = {"encoder_semantic": "absent/encoder", "encoder_artistic": "absent/encoder"}
NASTY = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>&amp;'
GRADIOS = ("gradio3", "gradio4")
ServedBy = Callable[..., Served]


@pytest.fixture(scope="session")
def loras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample collection and one LoRA whose texts try to be HTML."""
    from lorarec import sample

    folder = tmp_path_factory.mktemp("library") / "loras"
    sample.write(folder)
    nasty = folder / "styles" / "aaa_nasty.safetensors"
    nasty.write_bytes(next(folder.rglob("*watercolor*.safetensors")).read_bytes() + b"\0\0")
    about = {"model": {"name": NASTY, "description": NASTY, "tags": [NASTY]}, "trainedWords": ["zebra stripes"]}
    nasty.with_suffix(".civitai.info").write_text(json.dumps(about), encoding="utf-8")
    return folder


def remember(loras: Path, data: Path) -> None:
    """Give a data folder a past: one LoRA used ten times, another once."""
    from lorarec.history_types import Generation, Use
    from lorarec.recommender import Recommender

    with Recommender.open([loras], data) as recommender:
        recommender.refresh()
        now = time.time()
        for days, stem, prompt in (
            *((40 + 3 * n, "grim_fantasy_oil", f"a ruined abbey, view {n}") for n in range(9)),
            (3, "grim_fantasy_oil", "secret garden"),
            (2, "giant_cat_xl", "a giant cat in a secret street"),
        ):
            recommender.memory.record_generation(
                Generation(prompt=prompt, loras=(Use(name=stem, strength=0.7),), made=now - days * 86400, host="a1111")
            )


@pytest.fixture(scope="session", params=GRADIOS)
def gradio(request: pytest.FixtureRequest) -> str:
    """One Gradio after the other."""
    return str(request.param)


@pytest.fixture(scope="session")
def data(gradio: str, loras: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of a user with a small past."""
    folder: Path = tmp_path_factory.mktemp(f"data-{gradio}")
    (folder / "settings.json").write_text(json.dumps({**WORDS_ONLY, "safety": "explicit"}), encoding="utf-8")
    remember(loras, folder)
    return folder


@pytest.fixture(scope="session")
def served_by(tmp_path_factory: pytest.TempPathFactory) -> ServedBy:
    """Start something with the Python of a Gradio: ``served_by("gradio3", "script.py")``."""
    return lambda gradio, *command: Served([python_of(gradio), *command], tmp_path_factory.mktemp("log") / "log.txt")


@pytest.fixture(scope="session")
def served(gradio: str, browser: Any, loras: Path, data: Path, served_by: ServedBy) -> Iterator[Served]:
    """`lorarec ui`; by the end it has logged no traceback."""
    served = served_by(gradio, "-m", "lorarec", "ui", "--port", "0", "--loras", loras, "--data", data)
    try:
        yield served
    finally:
        said = served.stop()
    assert "Traceback" not in said, said


class Tab:
    """The tab as a user has it before them."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def open(self, name: str) -> None:
        """Choose a sub-tab by its label."""
        find = (
            "[...document.querySelectorAll('#lorarec_tabs button')]"
            f".find(b => b.textContent.trim() === {json.dumps(name)} && b.getClientRects().length)"
        )
        self.page.run(f"{find}.setAttribute('data-test', {json.dumps(name)})")
        self.page.click(f"[data-test={json.dumps(name, ensure_ascii=False)}]")

    def write(self, place: str, text: str) -> None:
        """Type into a field, in place of what stands there."""
        field = f"#lorarec_{place} :is(textarea, input)"
        self.page.click(field)
        self.page.run(f"document.querySelector({json.dumps(field)}).select()")
        self.page.press("Backspace", 8)
        self.page.type(text)

    def press(self, place: str) -> None:
        """Press a button."""
        self.page.click(f"button#lorarec_{place}")

    def wait(self, place: str, selector: str) -> None:
        """Wait for something to appear in a place."""
        self.page.wait(f"document.querySelector({json.dumps(f'#lorarec_{place} {selector}')})")

    def says(self, place: str, text: str) -> None:
        """Wait until a text stands in a place."""
        self.page.wait(f"document.querySelector('#lorarec_{place}')?.innerText.includes({json.dumps(text)})")

    def text(self, place: str) -> str:
        """The text of a place."""
        return str(self.page.text(f"#lorarec_{place}"))


@pytest.fixture(scope="session")
def tab_of() -> type[Tab]:
    """The tab on a page."""
    return Tab


@pytest.fixture(scope="session")
def shown(browser: Any, served: Served) -> Iterator[Any]:
    """The page in the browser; loading it takes seconds, so that tests share it."""
    page = browser.page(served.url, width=1400, height=1000)
    page.wait("document.querySelector('button#lorarec_recommend_go')", 30)
    yield page
    page.close()


@pytest.fixture
def tab(shown: Any) -> Iterator[Tab]:
    """The page at its first sub-tab, the last test's words still in it; by the end nothing went wrong in it."""
    tab = Tab(shown)
    tab.open("Recommend")
    yield tab
    assert shown.run("window.hacked") is None
    # Gradio's page wants a script from a content network; our policy refuses it, and the browser says so.
    assert shown.complaints("iframeResizer") == []
