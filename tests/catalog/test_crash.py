"""A scan killed at any moment leaves a sound database, and the next scan finishes the work."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lorarec.catalog.scan import scan
from lorarec.catalog.store import Catalog
from lorarec.database import open_database
from lorarec.types import Lora

REPO = Path(__file__).resolve().parents[2]
WORKER = """
import sys, pathlib
from lorarec.catalog import scan as module
from lorarec.catalog.store import Catalog
from lorarec.database import open_database
from lorarec.types import Lora
class Found:
    claims = problems = ()
    digest = ""
def describe(file):
    found = Found()
    text = (file.folder / file.sidecars[0]).read_text()
    found.lora = Lora(id="", root=file.root, path=file.path, size=file.size, modified=0.0, title=text * 100)
    return found
module.BATCH = 7
data, root = map(pathlib.Path, sys.argv[1:])
open_database(data).close()
print("ready", flush=True)
turn = 0
while True:
    turn += 1
    for n in range(0, 120, 3):
        (root / f"{n}.json").write_text(f"{turn}")
    with open_database(data) as database:
        module.scan(Catalog(database), [root], describe=describe)
"""


class Found:
    claims = problems = ()
    digest = ""

    def __init__(self, lora: Lora) -> None:
        self.lora = lora


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL; TerminateProcess is tried by hand")
def test_killed_at_any_moment(tmp_path):
    root, data = tmp_path / "loras", tmp_path / "data"
    root.mkdir()
    for number in range(120):
        (root / f"{number}.pt").write_text(f"content {number}")
        (root / f"{number}.json").write_text("0")
    chance = random.Random(0)
    ids: dict[str, str] = {}
    for _ in range(8):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(data), str(root)], cwd=REPO, stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
        time.sleep(chance.random() * 0.5)
        assert worker.poll() is None, "the worker failed by itself"
        worker.kill()
        worker.wait()
        worker.stdout.close()
        with open_database(data) as database:
            assert database.warning == "" and database.check() == "ok"
            now = {lora.path: lora.id for lora in Catalog(database).loras(include_missing=True)}
        assert ids.items() <= now.items()
        ids = now
    assert len(ids) == 120

    def describe(file: object) -> Found:
        text = (file.folder / file.sidecars[0]).read_text()
        return Found(Lora(id="", root=file.root, path=file.path, size=file.size, modified=0.0, title=text * 100))

    for number in range(120):
        (root / f"{number}.json").write_text(f"end {number}")
    with open_database(data) as database:
        report = scan(Catalog(database), [root], describe=describe)
        assert (report.found, report.missing, report.problems) == (120, 0, ())
        loras = Catalog(database).loras(include_missing=True)
        assert {lora.path: lora.title for lora in loras} == {f"{n}.pt": f"end {n}" * 100 for n in range(120)}
        assert len({lora.id for lora in loras}) == 120
        assert database.check() == "ok"
