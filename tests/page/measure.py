"""Measures what a user waits for beside the suggestion itself, in real headless Chromium, and prints it.

Run it from the repository root: ``python tests/page/measure.py [--count 10000] [--work DIR]``. It needs Chromium, an
encoder, and for the last rows aiohttp. docs/measuring.md explains the rows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "hosts")]

import chromium  # noqa: E402
from comfyui import harness  # noqa: E402
from lorarec.commands.bench_faces import serving  # noqa: E402 - of this repository, installed or not
from lorarec.commands.bench_suite import Suite, token_counter  # noqa: E402
from lorarec.measure import faces, speed, tables  # noqa: E402
from lorarec.measure.speed import Measured  # noqa: E402
from lorarec.recommender import Recommender  # noqa: E402
from lorarec.settings import load, save  # noqa: E402

PAUSE = 100  # milliseconds after typing, the panel's least
CARDS = 200
FRAME = 1000 / 60  # milliseconds

# Types a prompt at once, as a paste does, and says how long after the pause its cards were painted. "took" is what the
# recommender itself needed for that answer.
ROAD = """(async (prompt) => {
  const list = document.querySelector(".lr-list");
  let took = NaN;
  let answered = false;
  const real = globalThis.fetch;
  globalThis.fetch = async (path, init) => {
    const answer = await real(path, init);
    if (!String(path).endsWith("/suggestions")) return answer;
    const text = await answer.text();
    took = JSON.parse(text).took_ms;
    answered = true;
    return new Response(text, {status: answer.status});
  };
  const box = document.querySelector("#prompt");
  const changed = new Promise((resolve) => {
    const watch = new MutationObserver(() => {
      if (!answered) return;
      watch.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
    });
    watch.observe(list, {childList: true, subtree: true, characterData: true});
  });
  box.value = prompt;
  const begun = performance.now();
  box.dispatchEvent(new Event("input"));
  const painted = await changed;
  globalThis.fetch = real;
  return {road: painted - begun - PAUSE, took};
})(PROMPT)"""


def roads(page: Any, prompts: Sequence[str], count: int) -> Measured:
    """What the road from the pause to painted cards adds to the suggestion."""
    added, tooks = [], []
    for number, prompt in enumerate(prompts):
        script = ROAD.replace("PAUSE", str(PAUSE)).replace("PROMPT", json.dumps(prompt))
        found = page.run(script)
        page.wait("!document.querySelector('[aria-busy]')")
        if number >= 5:
            added.append(found["road"] - found["took"])
            tooks.append(found["took"])
    p95 = _rank(added, 0.95)
    middle, took = statistics.median(added), statistics.median(tooks)
    detail = f"median {middle:.1f} ms beside a suggestion of {took:.1f} ms, {len(added)} prompts"
    return Measured(f"pause to cards on screen − suggestion, {count:,} LoRAs, p95", p95, "ms", 50, detail=detail)


def refreshes(page: Any, prompts: Sequence[str]) -> list[Measured]:
    """What one refresh of many cards costs the browser, by its own counts."""
    page.call("Performance.enable")

    def counts() -> dict[str, float]:
        return {one["name"]: one["value"] * 1000 for one in page.call("Performance.getMetrics")["metrics"]}

    parts: dict[str, list[float]] = {"ScriptDuration": [], "LayoutDuration": [], "RecalcStyleDuration": []}
    for number, prompt in enumerate(prompts):
        before = counts()
        box = f"document.querySelector('#prompt').value = {json.dumps(prompt)};"
        page.run(f"(() => {{ {box} document.querySelector('#prompt').dispatchEvent(new Event('input')); }})()")
        time.sleep(PAUSE / 1000 + 0.6)
        page.wait("!document.querySelector('[aria-busy]')")
        after = counts()
        if number >= 3:
            for name, found in parts.items():
                found.append(after[name] - before[name])
    cards = page.count(".lr-card")
    script, layout, style = (statistics.median(found) for found in parts.values())
    worst = max(parts["ScriptDuration"])
    detail = f"median of {len(prompts) - 3}, worst {worst:.1f} ms; layout {layout:.1f} ms, style {style:.1f} ms"
    return [Measured(f"scripting of one refresh of {cards} cards", script, "ms", FRAME, detail=detail)]


def loops(folder: Path, data: Path, prompts: Sequence[str], seconds: float) -> list[Measured]:
    """How long ComfyUI's event loop is held up while its API suggests, on a real aiohttp server."""
    try:
        from aiohttp import web
        from aiohttp.test_utils import TestClient, TestServer
    except ImportError:
        return [Measured("event loop of a host held up by us, longest", math.nan, "ms", 20, detail="no aiohttp")]
    with tempfile.TemporaryDirectory() as place, harness.comfyui(Path(place), folder) as comfy:
        user = Path(comfy.folder_paths.user)
        library = comfy.part("nodes.library")
        own = Path(library.host.ComfyHost().data_dir())
        own.parent.mkdir(parents=True, exist_ok=True)
        own.symlink_to(data, target_is_directory=True)
        assert user

        async def run() -> tuple[list[float], list[float], int]:
            app = web.Application()
            for method, path, handler in comfy.server.routes.defined:
                app.router.add_route(method, path, handler)
            async with TestClient(TestServer(app)) as client:
                idle = await _lags(seconds / 4)
                asked = 0
                stop = time.monotonic() + seconds
                first = asyncio.create_task(_lags(seconds + 5))  # opening the library counts too

                async def user_(number: int) -> None:
                    nonlocal asked
                    while time.monotonic() < stop:
                        body = {"prompt": prompts[asked % len(prompts)], "client": str(number)}
                        asked += 1
                        await (await client.post("/lorarec/v1/suggestions", json=body)).read()
                        await (await client.get("/lorarec/v1/loras?limit=50")).read()
                        await asyncio.sleep(0.1)

                await asyncio.gather(*(user_(number) for number in range(4)))
                return idle, await first, asked

        idle, lags, asked = asyncio.run(run())
    most = f"99.9% below {_rank(lags, 0.999):.1f} ms"
    detail = f"{asked} suggestions by 4 clients; {most}; without any work longest {max(idle):.1f} ms"
    return [Measured("event loop of a host held up by us, longest", max(lags), "ms", 20, detail=detail)]


async def _lags(seconds: float) -> list[float]:
    """How much later than asked for a sleeping coroutine is woken, in milliseconds."""
    found = []
    until = time.monotonic() + seconds
    while (begun := time.monotonic()) < until:
        await asyncio.sleep(0.002)
        found.append((time.monotonic() - begun - 0.002) * 1000)
    return found


def _rank(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=10_000, help="LoRAs")
    parser.add_argument("--prompts", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=20.0, help="of load on the event loop")
    parser.add_argument("--work", type=Path, help="keep the made-up collections here between runs")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir(), "lorarec-measure"), help="of encoders")
    parser.add_argument("--rows", nargs="*", default=["road", "cards", "loop"], choices=["road", "cards", "loop"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lorarec-measure-", ignore_cleanup_errors=True) as scratch:
        suite = Suite(args.work or Path(scratch), args.data, load(args.data), lambda step: None, args.prompts)
        encoder = suite.encoder()
        if encoder is None:
            raise SystemExit("no encoder is on this machine: lorarec models pull")
        folder, data = suite.collection(args.count)
        save(data, suite.settings)
        with Recommender.open([folder], data, settings=suite.settings) as recommender:
            recommender.refresh()
        prompts = speed.prompts_of_length(40, args.prompts + 5, token_counter(encoder), seed=11)
        rows: list[Measured] = []
        if {"road", "cards"} & set(args.rows):
            with serving(folder, data) as url, chromium.Browser(Path(scratch, "profile")) as browser:
                faces.one_user(url, prompts[-3:], 0.0)  # opens the encoder
                for name, top, measure in _in_browser(args.count):
                    if name in args.rows:
                        page = browser.page("about:blank")
                        chosen = f"localStorage['lorarec.pause'] = '{PAUSE}'; localStorage['lorarec.top'] = '{top}';"
                        page.call("Page.addScriptToEvaluateOnNewDocument", source=f"try {{ {chosen} }} catch {{}}")
                        page.go(url)
                        page.wait("document.querySelector('.lr-panel')?.dataset.phase === 'empty'", 30)
                        rows += measure(page, prompts if name == "road" else prompts[:15])
                        page.close()
        if "loop" in args.rows:
            rows += loops(folder, data, prompts, args.seconds)
        print(tables.speed(rows))


def _in_browser(count: int) -> list[tuple[str, int, Callable[[Any, Sequence[str]], list[Measured]]]]:
    return [("road", 6, lambda page, prompts: [roads(page, prompts, count)]), ("cards", CARDS, refreshes)]


if __name__ == "__main__":
    main()
