"""A harvest that is watched, paused, stopped or killed, and goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from image_folder import LINKS, Place
from lorarec import meter as meter_module
from lorarec.database import open_database
from lorarec.history.harvest.harvest import HarvestReport, harvest
from lorarec.history.store import History
from lorarec.measure.images import png
from lorarec.types import Progress

ROOT = Path(__file__).resolve().parents[3]


def test_the_newest_come_first_and_a_cancelled_harvest_keeps_them(place: Place) -> None:
    for number in range(20):
        place.put(f"{number:02d}.png", f"prompt {number}", seed=number, age=number)
    asked = iter([False] * 6 + [True] * 100)
    report = place.harvest(cancelled=lambda: next(asked))
    assert report.cancelled and report.gone == 0
    assert [one.prompt for one in place.past()] == [f"prompt {n}" for n in reversed(range(report.new))]
    assert 0 < report.new < 20
    rest = place.harvest()
    assert (rest.new, rest.generations) == (20 - report.new, 20 - report.new)
    assert len(place.past()) == 20


def test_cancelled_while_listing_it_takes_nothing_for_gone(place: Place) -> None:
    place.put("a/x.png", "a fox")
    place.put("b/y.png", "an owl", seed=2)
    place.harvest()
    asked = iter([False, False, True, True, True])
    report = place.harvest(cancelled=lambda: next(asked))
    assert report.cancelled and report.gone == 0
    assert place.harvest().gone == 0


def test_it_waits_while_paused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "POLL", 0.005)
    place.put("a.png", "a fox")
    busy = threading.Event()
    busy.set()
    reports: list[HarvestReport] = []
    thread = threading.Thread(target=lambda: reports.append(place.harvest(paused=busy.is_set)))
    thread.start()
    time.sleep(0.05)
    assert thread.is_alive() and place.past() == []
    busy.clear()
    thread.join(10)
    assert reports[0].generations == 1


def test_progress_counts_what_is_to_be_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "INTERVAL", 0.0)
    for number in range(5):
        place.put(f"{number}.png", f"prompt {number}", seed=number)
    said: list[Progress] = []
    place.harvest(progress=said.append)
    assert {step.stage for step in said} == {"harvest"}
    assert said[0].total is None, "while folders are listed nobody knows"
    assert (said[-1].done, said[-1].total) == (5, 5)


WORKER = """
import sys
from lorarec.database import open_database
from lorarec.history.harvest import harvest as module
from lorarec.history.store import History
from lorarec.history_types import Linked
module.BATCH = 8
def slow(use):
    print("reading", flush=True)
    return Linked("", "")
with open_database(__import__("pathlib").Path(sys.argv[1])) as database:
    module.harvest(History(database), [sys.argv[2]], slow)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL; TerminateProcess is tried by hand")
def test_killed_it_goes_on_where_it_was(tmp_path: Path) -> None:
    count = 300
    images, data = tmp_path / "images", tmp_path / "data"
    images.mkdir()
    for number in range(count):
        (images / f"{number}.png").write_bytes(
            png({"parameters": f"prompt {number} <lora:l{number}:1>\nSteps: 20, Sampler: Euler, Seed: {number}"})
        )
    for lines in (30, 60):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(data), str(images)], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert worker.stdout
        for _ in range(lines):
            worker.stdout.readline()
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
    with open_database(data) as database:
        history = History(database)
        before = len(history.past())
        report = harvest(history, [images], LINKS)
        past = history.past()
    assert 16 <= before < count, "each run kept what it had stored"
    assert report.new == count - before
    assert sorted(one.prompt or "" for one in past) == sorted(f"prompt {n} <lora:l{n}:1>" for n in range(count)), (
        "each once"
    )
