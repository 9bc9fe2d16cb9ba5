"""Writers killed at any moment, two at a time: the database stays sound, and only what was being written is lost."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from lorarec.database import open_database
from lorarec.history.store import History

REPO = Path(__file__).resolve().parents[2]
BATCH = 7
# Writes a batch of generations, an answer and an event about it by turns; says what is done once it is.
WRITER = """
import sys, pathlib
from lorarec.database import open_database
from lorarec.history.store import History
from lorarec.history_types import Event, EventKind, Generation, ImageFile, Impression, Linked, ShownLora, Use

name, turn = sys.argv[2], 0
history = History(open_database(pathlib.Path(sys.argv[1])))
while True:
    turn += 1
    found = []
    for n in range(7):
        uses = (Use(name=f"a{n}"), Use(name="b", strength=0.5))
        generation = Generation(prompt=f"{name} {turn} {n}", loras=uses, made=1.0)
        shared = Generation(prompt=f"both {turn} {n}", loras=uses, made=1.0)
        found.append((generation, ImageFile(f"/out/{name}{turn}-{n}.png", 1, 1)))
        found.append((shared, ImageFile(f"/out/{name}{turn}-{n}-shared.png", 1, 1)))
    history.add_generations(found, lambda use: Linked(use.name, "name"))
    shown = (ShownLora("x", 0.5), ShownLora("y", 0.4))
    answer = history.add_impression(Impression(at=float(turn), prompt=name, shown=shown))
    history.add_event(Event(kind=EventKind.INSERT, lora="x", at=float(turn), impression=answer, prompt=name))
    print(turn, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL; TerminateProcess is tried by hand")
def test_killed_at_any_moment(tmp_path: Path) -> None:
    chance = random.Random(0)
    said: dict[str, int] = {}  # writer -> turns that it said are done
    for attempt in range(6):
        writers = {
            name: subprocess.Popen(
                [sys.executable, "-c", WRITER, str(tmp_path), name], cwd=REPO, stdout=subprocess.PIPE, text=True
            )
            for name in (f"ada{attempt}", f"bob{attempt}")
        }
        for name, writer in writers.items():
            assert writer.stdout is not None
            said[name] = int(writer.stdout.readline())
        time.sleep(chance.random() * 0.4)
        for writer in writers.values():
            assert writer.poll() is None, "the writer failed by itself"
            writer.kill()
        for name, writer in writers.items():
            out, _ = writer.communicate()
            said[name] = max([said[name], *map(int, out.splitlines())])
        with open_database(tmp_path) as database:
            assert database.warning == "" and database.check() == "ok"
            check(History(database), said)


def check(history: History, said: dict[str, int]) -> None:
    """Everything that was said to be done is there, and at most one turn more, each batch as a whole."""
    generations = history.past()
    events, answers = history.events(), history.impressions_of(range(10_000))
    turns: dict[str, Counter[int]] = defaultdict(Counter)
    for past in generations:
        assert past.prompt is not None
        name, turn, _ = past.prompt.split()
        turns[name][int(turn)] += 1
        assert [use.name[0] for use in past.loras] == ["a", "b"]
        assert past.images == 1 or name == "both"
    assert {count for of in turns.values() for count in of.values()} == {BATCH}
    assert set(turns) == {*said, "both"}
    for name, done in said.items():
        assert sorted(turns[name]) in (list(range(1, done + 1)), list(range(1, done + 2)))
        times = [event.at for event in events if event.prompt == name]
        assert times in (sorted(turns[name]), sorted(turns[name])[:-1])
        assert len(times) >= done
    assert all(len(answer.shown) == 2 for answer in answers.values())
    assert all(event.impression in answers for event in events)
    assert len(history.known_images("/out")) == sum(past.images for past in generations)
