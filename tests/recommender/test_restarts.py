"""An index outlives its process, however that ends."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from letters import LetterEncoder
from lorarec.history_types import Event, EventKind, Generation, Use
from lorarec.index import backends, retrieve
from lorarec.library import texts_of
from lorarec.recommender import Recommender
from lorarec.types import Active, Query
from words_only import WORDS_ONLY

Open = Callable[..., Recommender]

SUPPORT = Path(__file__).resolve().parents[1] / "support"


def test_the_index_survives_a_restart_without_encoding(opened: Open, tmp_path: Path, letters: LetterEncoder) -> None:
    query = Query(prompt="a snowowl", active=(Active("cake"),))
    with opened() as recommender:
        recommender.refresh()
        first, version = recommender.recommend(query).suggestions, recommender.version
    encoded = len(letters.texts)
    with opened() as recommender:
        assert recommender.stage == "full" and recommender.version == version
        assert recommender.recommend(query).suggestions == first
        recommender.refresh()
        assert recommender.version == version and len(letters.texts) == encoded
    shutil.rmtree(tmp_path / "data" / "index")
    with opened() as recommender:
        assert recommender.stage == "empty"
        recommender.refresh()
        assert recommender.recommend(query).suggestions == first and len(letters.texts) == encoded


def test_a_library_that_is_searched_approximately_learns_its_cells_once(
    tmp_path: Path, letters: LetterEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(backends, "FAISS_BEYOND", 0)
    monkeypatch.setattr(backends, "APPROXIMATE_BEYOND", 20)
    monkeypatch.setattr(retrieve, "EVERYTHING", 0)
    trained, real = [], backends.ApproximateIndex.train

    def train(index: backends.ApproximateIndex) -> None:
        trained.append(len(index))
        real(index)

    monkeypatch.setattr(backends.ApproximateIndex, "train", train)
    roots, data, query = tmp_path / "loras", tmp_path / "data", Query(prompt="thing 7")
    roots.mkdir()

    def add(number: int) -> None:
        (roots / f"{number}.pt").write_bytes(b"content %d" % number)
        (roots / f"{number}.txt").write_text(f"thing {number}")

    def kept() -> list[str]:
        return [path.name for path in data.glob("index/*/*.cells")]

    for number in range(30):
        add(number)
    with Recommender.open([roots], data) as recommender:
        recommender.refresh()
        first = recommender.recommend(query).suggestions
    before = kept()
    with Recommender.open([roots], data) as recommender:
        assert recommender.recommend(query).suggestions == first and first
        assert trained == [30] and len(before) == 1
        add(30)
        recommender.refresh()
        assert trained[1:] == [31], "not while the new one was still to be encoded"
        assert len(kept()) == 1 and kept() != before
    with Recommender.open([roots], data) as recommender:
        assert len(trained) == 2 and len(recommender.loras()) == 31


WORKER = """
import sys, time
from pathlib import Path
sys.path.append(sys.argv[1])
import letters as fakes
import lorarec.recommender as module
encoder = fakes.LetterEncoder()
plain = encoder.encode
def slowly(texts, progress=None):
    time.sleep(0.01)
    return plain(texts, progress)
encoder.encode = slowly
module.Lender = lambda *_: fakes.Lenses(encoder)
module.VectorStore.encode_missing.__kwdefaults__["batch"] = 5
roots, data, turn = Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
with module.Recommender.open([roots], data) as recommender:
    print("ready", flush=True)
    while True:
        turn += 1
        for number in range(0, 30, 3):
            (roots / f"{number}.txt").write_text(f"thing {number} of turn {turn}")
        recommender.refresh()
        print("indexed", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL; TerminateProcess is tried by hand")
def test_a_killed_process_never_leaves_a_corrupt_index(tmp_path: Path, letters: LetterEncoder) -> None:
    roots, data = tmp_path / "loras", tmp_path / "data"
    roots.mkdir()
    for number in range(30):
        (roots / f"{number}.pt").write_bytes(b"content %d" % number)
        (roots / f"{number}.txt").write_text(f"thing {number}")
    chance = random.Random(1)
    stages = set()
    for turn in range(6):
        command = [sys.executable, "-c", WORKER, str(SUPPORT), str(roots), str(data), str(turn * 1000)]
        worker = subprocess.Popen(command, cwd=SUPPORT.parents[1], stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
        if turn % 2:  # killed while an index is replaced, not only while the first is made
            assert worker.stdout.readline() == "indexed\n"
        time.sleep(chance.random() * 0.6)
        assert worker.poll() is None, "the worker failed by itself"
        worker.kill()
        worker.wait()
        worker.stdout.close()
        with Recommender.open([roots], data) as recommender:
            assert recommender.notices == () and recommender._database.check() == "ok"
            stages.add(recommender.stage)
            if recommender.stage != "empty":
                answer = recommender.recommend(Query(prompt="thing 7"), top=30)
                assert len(answer.suggestions) == 30 and all(np.isfinite(s.score) for s in answer.suggestions)
    with Recommender.open([roots], data) as recommender:
        recommender.refresh()
        assert recommender.stage == "full"
        texts = [recommender.details(lora.id).lora for lora in recommender.loras()]
        assert len(texts) == 30
        wanted = [texts_of(lora).semantic for lora in texts]
        vectors, found = recommender.vectors.fetch("semantic", wanted)
        assert found.all()
        np.testing.assert_allclose(vectors, letters.encode(wanted), atol=1e-6)
    assert "full" in stages


_ANSWER = """
import sys
from lorarec.recommender import Recommender
from lorarec.types import Query
sys.path.append(sys.argv[3])
from words_only import WORDS_ONLY
with Recommender.open([sys.argv[1]], sys.argv[2], settings=WORDS_ONLY) as recommender:
    [first, *_] = recommender.recommend(Query(prompt="a snowowl on a cake")).suggestions
    print(first.name, *sorted({"sqlalchemy", "torch", "bm25s"} & set(sys.modules)))
"""


def test_a_first_answer_waits_for_no_package_that_only_indexing_needs(
    opened: Open, roots: Path, tmp_path: Path
) -> None:
    with opened(settings=WORDS_ONLY) as recommender:
        recommender.refresh()
        hidden = recommender.find("snow_owl").id
        recommender.memory.record_event(Event(kind=EventKind.HIDE, lora=hidden, at=1.0))
        recommender.memory.record_event(Event(kind=EventKind.LIKE, lora=recommender.find("cake").id, at=2.0))
        recommender.memory.record_generation(Generation(prompt="a cake", loras=(Use(name="cake"),), made=3.0))
        recommender.refresh()
    command = [sys.executable, "-c", _ANSWER, str(roots), str(tmp_path / "data"), str(SUPPORT)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["cake"], "what is hidden stays so, and nothing heavy was imported"
