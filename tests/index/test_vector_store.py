"""Vectors in the database: what is kept, what is missing, what a kill loses."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from lorarec.database import Database, open_database
from lorarec.index.vector_store import VectorStore, text_hash
from lorarec.types import Progress


class LengthEncoder:
    """A text's vector is its length and its number of spaces."""

    dim = 2
    window = 100

    def __init__(self, model_id: str = "lengths") -> None:
        self.model_id = model_id
        self.calls: list[int] = []

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        self.calls.append(len(texts))
        return np.array([[len(t), t.count(" ")] for t in texts], np.float32)

    def encode_spans(self, text: str, spans: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        return self.encode([text])[0], self.encode([text[a:b] for a, b in spans])


@pytest.fixture
def database(tmp_path: Path):  # type: ignore[no-untyped-def]
    with open_database(tmp_path) as opened:
        yield opened


def test_hash_is_blake2b_of_the_text() -> None:
    assert text_hash("") == "cae66941d9efbd404e4d88758ea67670"
    assert text_hash("a") != text_hash("b")
    assert text_hash("\ud800") == text_hash("?")


def test_put_and_fetch(database: Database) -> None:
    store = VectorStore(database)
    a, b, c = (text_hash(t) for t in "abc")
    store.put("m", [a, b], np.array([[1, 2], [3, 4]], np.float32))
    matrix, found = store.fetch([b, c, a, b], "m")
    assert matrix.tolist() == [[3, 4], [0, 0], [1, 2], [3, 4]]
    assert found.tolist() == [True, False, True, True]
    store.put("m", [b], np.array([[9, 9]], np.float32))
    assert store.fetch([b], "m")[0].tolist() == [[9, 9]]
    assert store.missing([c, a, c], "m") == [c]


def test_remove_takes_texts_from_every_encoder_and_leaves_the_others(database: Database) -> None:
    store = VectorStore(database)
    a, b, c = (text_hash(t) for t in "abc")
    store.remove([a])
    for model in ("one", "two"):
        store.put(model, [a, b, c], np.eye(3, dtype=np.float32))
    store.remove([a, c, text_hash("never stored")])
    store.remove([])
    assert store.missing([a, b, c], "one") == store.missing([a, b, c], "two") == [a, c]
    assert store.fetch([b], "two")[0].tolist() == [[0, 1, 0]]


def test_removing_many_texts_looks_each_up(database: Database) -> None:
    """Reading the whole table for each text would take hours for a long history."""
    store = VectorStore(database)
    hashes = [text_hash(str(number)) for number in range(4000)]
    store.put("m", hashes, np.zeros((4000, 8), np.float32))
    steps: list[int] = []
    with database.write() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(lambda: steps.append(1), 1000)
    store.remove(hashes[:2000])
    driver.set_progress_handler(None, 0)
    assert store.missing(hashes, "m") == hashes[:2000]
    assert len(steps) < 2000, "thousands of SQLite's instructions for each text"


def test_models_do_not_mix(database: Database) -> None:
    store = VectorStore(database)
    a = text_hash("a")
    store.put("one", [a], np.array([[1, 2]], np.float32))
    matrix, found = store.fetch([a], "two")
    assert not found.any() and matrix.shape == (1, 0)
    assert store.missing([a], "two") == [a]
    store.put("two", [a], np.array([[5, 6, 7]], np.float32))
    assert store.fetch([a], "one")[0].tolist() == [[1, 2]]
    assert store.counts() == {"one": 1, "two": 1}


@pytest.mark.parametrize("asked", [3, 2500])  # by key, and by one scan
def test_few_and_many(database: Database, asked: int) -> None:
    store = VectorStore(database)
    hashes = [text_hash(str(number)) for number in range(3000)]
    vectors = np.random.default_rng(0).standard_normal((3000, 8)).astype(np.float32)
    store.put("m", hashes, vectors)
    pick = np.random.default_rng(1).permutation(3000)[:asked]
    matrix, found = store.fetch([hashes[i] for i in pick], "m")
    np.testing.assert_array_equal(matrix, vectors[pick])
    assert found.all()
    assert store.missing([hashes[i] for i in pick] + [text_hash("new")], "m") == [text_hash("new")]


def test_encode_missing_encodes_each_text_once(database: Database) -> None:
    store, encoder = VectorStore(database), LengthEncoder()
    steps: list[Progress] = []
    texts = [f"text {n} " + "x" * n for n in range(10)]
    assert store.encode_missing(texts * 2, encoder, batch=4, progress=steps.append) == 10
    assert encoder.calls == [4, 4, 2]
    assert [(s.stage, s.done, s.total) for s in steps] == [("encode", 4, 10), ("encode", 8, 10), ("encode", 10, 10)]
    assert steps[-1].seconds_left == 0 and steps[0].rate > 0
    matrix, found = store.fetch([text_hash(t) for t in texts], "lengths")
    assert found.all() and matrix[:, 0].tolist() == [len(t) for t in texts]
    assert store.encode_missing([*texts, "new"], encoder) == 1
    assert store.encode_missing(texts, LengthEncoder("other")) == 10


def test_encode_missing_can_be_cancelled_and_paused(database: Database) -> None:
    store, encoder = VectorStore(database), LengthEncoder()
    texts = [str(n) for n in range(10)]
    assert store.encode_missing(texts, encoder, batch=3, cancelled=lambda: len(encoder.calls) == 2) == 6
    answers = iter([True, True, False, False])
    assert store.encode_missing(texts, encoder, batch=3, paused=lambda: next(answers)) == 4
    assert not list(answers)
    assert store.encode_missing(["more"], encoder, paused=lambda: True, cancelled=lambda: True) == 0


def test_prune_keeps_what_is_named(database: Database) -> None:
    store = VectorStore(database)
    hashes = [text_hash(str(n)) for n in range(20)]
    for model in ("one", "two"):
        store.put(model, hashes, np.ones((20, 2), np.float32))
    assert store.prune(lambda: None) == store.prune(lambda: [], lambda: True) == 0 and store.count() == 40
    assert store.prune(lambda: hashes[:5]) == 30
    assert store.counts() == {"one": 5, "two": 5}
    assert store.fetch(hashes, "one")[1].tolist() == [True] * 5 + [False] * 15


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from lorarec.database import open_database
from lorarec.index.vector_store import VectorStore

class Slow:
    model_id, dim, window = "slow", 3, 10
    def encode(self, texts, progress=None):
        time.sleep(0.02)
        return np.array([[len(t), 1, 2] for t in texts], np.float32)

texts = [f"{n:05d}" + "x" * (n % 50) for n in range(5000)]
def tell(step): print(step.done, flush=True)
VectorStore(open_database(Path(sys.argv[1]))).encode_missing(texts, Slow(), batch=10, progress=tell)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_kill_loses_at_most_the_batch_in_flight(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    before = 0
    for after in (1, 3, 6):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(after)]
        child.send_signal(signal.SIGKILL)
        told += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        with open_database(tmp_path) as database:
            assert not database.warning and database.check() == "ok"
            stored = VectorStore(database).counts()["slow"]
            assert stored >= before + int(told[-1]) and stored % 10 == 0
            texts = [f"{n:05d}" + "x" * (n % 50) for n in range(5000)]
            matrix, found = VectorStore(database).fetch([text_hash(t) for t in texts], "slow")
            assert found.sum() == stored
            assert all(matrix[i].tolist() == [len(texts[i]), 1, 2] for i in np.flatnonzero(found))
            before = stored
