"""Photographs the panel in headless Chromium: the pictures of docs/panel.md, or with ``--all DIR`` every state.

Run it from the repository root: ``python docs/images/panel.py``. It needs Chromium, Pillow and the default encoder. The
server, its answers and the panel are real, over the bundled sample collection with drawn pictures; what cannot be
waited for (an index that is half built, a download) is put into the server's mouth.
"""

from __future__ import annotations

import argparse
import colorsys
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "hosts")]

import chromium  # noqa: E402
from lorarec import sample  # noqa: E402 - of this repository, installed or not
from waiting import wait_for  # noqa: E402

PROMPT = "a knight in armor, oil painting of a castle, a red dragon in the sky"
LARGEST = 60_000  # bytes of a picture in docs/images

# Replaces what the server says below some paths, and what is asked before the panel is there.
STUB = """(() => {
  const told = TOLD;
  const real = globalThis.fetch;
  globalThis.fetch = async (path, init) => {
    const short = String(path).replace(/^.*\\/lorarec\\/v1/, "").replace(/[?].*$/, "").replace(/[0-9a-f]{16}/, "ID");
    const found = told[`${init?.method ?? "GET"} ${short}`];
    if (found === undefined) return real(path, init);
    if (found === null) throw new TypeError("no route");
    return new Response(JSON.stringify(found.body ?? found), {status: found.status ?? 200});
  };
})()"""

JOB = {"job": "index", "state": "done", "change": 1, "progress": None, "report": None, "error": ""}
INDEX = {"stage": "full", "version": "x", "loras": 60, "folders": 1, "notices": [], "job": JOB}
HERE_ALREADY = {
    "missing": [],
    "size": 0,
    "fetchable": True,
    "mirror": "",
    "proxy": "",
    "job": {**JOB, "job": "encoder"},
}
LACKING = {**HERE_ALREADY, "missing": [{"model": "all-MiniLM-L6-v2", "lenses": ["semantic"], "size": 91_600_000}]}
LACKING |= {"size": 91_600_000}
FAULT = (
    "sentence-transformers/all-MiniLM-L6-v2 cannot be downloaded (Connection refused); check the network, set a mirror "
    "or proxy, copy the model's folder to models/sentence-transformers/all-MiniLM-L6-v2 in the data folder, or run "
    "`lorarec models pull sentence-transformers/all-MiniLM-L6-v2`"
)


def step(stage: str, done: int, total: int, left: float) -> dict[str, Any]:
    """A job's progress."""
    return {"stage": stage, "done": done, "total": total, "rate": 1.0, "seconds_left": left, "note": ""}


def running(job: str, progress: dict[str, Any]) -> dict[str, Any]:
    """A job that goes on."""
    return {**JOB, "job": job, "state": "running", "progress": progress}


USES = [
    {"made": 1.69e9 + day * 86_400 * 3, "strength": strength, "images": 2, "base_model": "", "project": ""}
    for day, strength in enumerate((0.8, 0.8, 1.0, 0.7, 0.75, 0.7, 0.65, 0.7, 0.9, 0.7, 0.7, 0.6))
]
WORDS = {"GET /statistics": {"encoders": []}, "GET /encoder": LACKING}
DETAILS = "document.querySelector('.lr-card [aria-label=\"Details\"]').click()"
SHELF = "document.querySelectorAll('.lr-shelf .lr-small')"
# name -> (prompt, what the server says instead, what is then done, what must be there)
STATES: dict[str, tuple[str, dict[str, Any], Sequence[str], str]] = {
    "empty": ("", {}, (), ".lr-message-title"),
    "ready": (PROMPT, {}, (), ".lr-card"),
    "in-use": (
        PROMPT + ", <lora:nobody_has_this:1>",
        {},
        ("document.querySelector('.lr-card .lr-primary').click()",),
        ".lr-use",
    ),
    "nothing": ("quarterly sales spreadsheet", {}, (), ".lr-panel[data-phase=nothing]"),
    "none": ("a knight", {"POST /suggestions": "NONE"}, (), ".lr-panel[data-phase=none]"),
    "paused": ("a knight", {}, ("document.querySelector('.lr-switch').click()",), ".lr-panel[data-phase=paused]"),
    "error": ("a knight", {"POST /suggestions": None}, (), ".lr-panel[data-phase=error]"),
    "unindexed": ("", {"GET /index": {**INDEX, "stage": "empty"}}, (), ".lr-panel[data-phase=unindexed]"),
    "no-folder": ("", {"GET /index": {**INDEX, "stage": "empty", "folders": 0}}, (), "[data-phase=unindexed]"),
    "indexing": (
        "a knight",
        {"GET /index": {**INDEX, "stage": "empty", "job": running("index", step("scan", 1240, 3100, 14.2))}},
        (),
        ".lr-progress",
    ),
    "improving": (
        PROMPT,
        {"GET /index": {**INDEX, "stage": "lexical", "job": running("index", step("encode", 400, 3100, 60.0))}},
        (),
        ".lr-hint",
    ),
    "no-encoder": (PROMPT, WORDS, (), ".lr-encoder"),
    "fetching": (
        "",
        {
            **WORDS,
            "GET /encoder": {**LACKING, "job": running("encoder", step("download", 34_000_000, 91_600_000, 12.0))},
        },
        (),
        ".lr-encoder",
    ),
    "fetch-failed": (
        PROMPT,
        {**WORDS, "GET /encoder": {**LACKING, "job": {**JOB, "job": "encoder", "state": "failed", "error": FAULT}}},
        (),
        ".lr-encoder",
    ),
    "history-off": (PROMPT, {"GET /history": {"enabled": False, "recording": False}}, (), ".lr-hint"),
    "options": (PROMPT, {}, ("document.querySelector('[aria-expanded]').click()",), ".lr-option"),
    "undo": (
        PROMPT,
        {"POST /events": {"stored": True, "number": 1}},
        ("document.querySelectorAll('[aria-label=\"Not for this prompt\"]')[1].click()",),
        ".lr-line .lr-small:not([hidden])",
    ),
    "similar": (
        PROMPT,
        {},
        ("document.querySelector('[aria-label=\"Similar LoRAs\"]').click()",),
        "[data-phase=similar]",
    ),
    "details": (PROMPT, {"GET /loras/ID/uses": {"uses": USES}}, (DETAILS,), ".lr-chart"),
    "why-not": (
        PROMPT,
        {},
        (
            "(() => { const box = document.querySelector('.lr-why-box input'); box.value = 'wash';"
            "box.dispatchEvent(new Event('input')); })()",
        ),
        ".lr-why-row",
    ),
    "favourites": ("", {}, (f"{SHELF}[0].click()",), ".lr-shelf .lr-why-row"),
    "hidden": ("", {}, (f"{SHELF}[1].click()",), ".lr-shelf .lr-muted"),
}
PICTURES = {  # file -> state, look, width
    "panel-light.png": ("ready", False, 760),
    "panel-dark.png": ("in-use", True, 380),
    "panel-details.png": ("details", False, 380),
    "panel-encoder.png": ("fetching", True, 380),
}


def main() -> None:
    """Photograph what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--all", type=Path, metavar="DIR", help="every state, light and dark, wide and narrow")
    parser.add_argument("--only", nargs="*", choices=list(STATES), default=list(STATES), metavar="STATE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, _serving(Path(place)) as (browser, url):
        if not args.all:
            for name, (state, dark, width) in PICTURES.items():
                _small(_photograph(browser, url, state, dark, width), HERE / name)
            return
        args.all.mkdir(parents=True, exist_ok=True)
        for state in args.only:
            for dark, width in ((False, 640), (True, 640), (False, 300), (True, 300)):
                picture = _photograph(browser, url, state, dark, width)
                picture.save(args.all / f"{state}-{'dark' if dark else 'light'}-{width}.png")


class _serving:
    """A browser and the address of a real server over the sample collection."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __enter__(self) -> tuple[Any, str]:
        place = self._place
        for number, path in enumerate(sample.write(place / "loras")):
            if number % 7:
                _drawn(number).save(path.with_suffix(".preview.jpg"), quality=88)
        armor = next((place / "loras").rglob("ornate*armor*.safetensors"))
        images = {"model": {"name": "Ornate Plate Armor", "nsfw": False}, "images": [{"url": "", "nsfwLevel": 8}]}
        armor.with_suffix(".civitai.info").write_text(json.dumps(images), encoding="utf-8")
        (place / "data").mkdir()
        (place / "data" / "settings.json").write_text('{"safety": "explicit"}', encoding="utf-8")
        command = [sys.executable, "-m", "lorarec", "serve", "--port", "0"]
        command += ["--loras", str(place / "loras"), "--data", str(place / "data")]
        self._server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        url = self._server.stdout.readline().strip()
        self._browser = chromium.Browser(place / "profile")
        page = self._browser.page(url)
        page.wait("document.querySelector('.lr-panel')?.dataset.phase === 'empty'", 60)
        full = f"fetch('{url}lorarec/v1/index').then((answer) => answer.json()).then((index) => index.stage)"
        wait_for(lambda: page.run(full) == "full", 120, "the index has vectors")
        page.close()
        return self._browser, url

    def __exit__(self, *_: object) -> None:
        self._browser.__exit__(None, None, None)
        self._server.terminate()
        self._server.wait(20)


def _photograph(browser: Any, url: str, state: str, dark: bool, width: int) -> Image.Image:
    prompt, told, done, there = STATES[state]
    told = {"GET /index": INDEX, "GET /encoder": HERE_ALREADY, "GET /statistics": {"encoders": [{}]}, **told}
    if told.get("POST /suggestions") == "NONE":
        told["POST /suggestions"] = {**_none(), "version": "x"}
    page = browser.page("about:blank", width=max(width, 300) + 40, height=1200, dark=dark)
    page.call("Page.addScriptToEvaluateOnNewDocument", source=STUB.replace("TOLD", json.dumps(told)))
    page.go(url)
    page.wait("document.querySelector('.lr-panel')")
    narrow = (
        ".page { display: block; padding: 0 } .page-prompt { display: none }"
        f".page-panel {{ width: {width}px; min-height: 0; border: 0; border-radius: 0 }}"
    )
    page.run(
        "(() => { const sheet = new CSSStyleSheet(); sheet.replaceSync(" + json.dumps(narrow) + ");"
        "document.adoptedStyleSheets = [sheet]; })()"
    )
    if prompt:
        if state == "paused":
            page.run(done[0])
        page.run(
            f"(() => {{ const box = document.querySelector('#prompt'); box.value = {json.dumps(prompt)};"
            "box.dispatchEvent(new Event('input')); })()"
        )
        time.sleep(0.7)
        page.wait("!document.querySelector('[aria-busy]')")
    for script in () if state == "paused" else done:
        page.run(script)
        time.sleep(0.5)
    page.wait(f"document.querySelector({json.dumps(there)})")
    page.wait("[...document.querySelectorAll('.lr-panel img')].every((one) => one.complete)")
    time.sleep(0.3)
    box = page.box(".lr-panel")
    height = min(box["height"], 1150)
    with tempfile.TemporaryDirectory() as place:
        page.screenshot(Path(place, "a.png"), {**box, "height": height})
        picture = Image.open(io.BytesIO(Path(place, "a.png").read_bytes())).convert("RGB")
    page.close()
    return picture


def _none() -> dict[str, Any]:
    return {"suggestions": [], "abstained": True, "stage": "full", "notes": [], "cards": {}, "active": []}


def _drawn(number: int) -> Image.Image:
    """A landscape of its own for each LoRA, so that cards can be told apart."""
    hue = number * 0.381966 % 1
    tone = lambda shift, light: tuple(round(255 * c) for c in colorsys.hls_to_rgb((hue + shift) % 1, light, 0.45))  # noqa: E731
    picture = Image.new("RGB", (192, 240), tone(0.0, 0.82))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((110, 30 + number % 5 * 8, 150, 70 + number % 5 * 8), fill=tone(0.5, 0.75))
    for row in range(4):
        shift = number * 37 + row * 61
        points = [(x, 110 + row * 32 - (x * (row + 2) + shift) % 53) for x in range(0, 193, 24)]
        pen.polygon([(0, 240), *points, (192, 240)], fill=tone(0.05 * row, 0.6 - row * 0.12))
    return picture


def _small(picture: Image.Image, place: Path) -> None:
    """Save with as many colours as fit."""
    for colours in _colours():
        out = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if len(out.getvalue()) <= LARGEST:
            break
    place.write_bytes(out.getvalue())
    print(place.name, picture.size, len(out.getvalue()))


def _colours() -> Iterator[int]:
    yield from (256, 192, 128, 96, 64, 48, 32)


if __name__ == "__main__":
    main()
