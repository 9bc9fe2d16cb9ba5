"""What a refresh takes in: files that change, come, move and go, while others ask."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from letters import LetterEncoder, paths
from lorarec.errors import UnknownLora
from lorarec.recommender import Recommender
from lorarec.types import Active, Query
from waiting import wait_for
from words_only import WORDS_ONLY

Make = Callable[..., Path]
Open = Callable[..., Recommender]


def test_a_refresh_without_changes_changes_nothing(recommender: Recommender, letters: LetterEncoder) -> None:
    version, encoded = recommender.version, len(letters.texts)
    recommender.refresh()
    assert (recommender.version, len(letters.texts)) == (version, encoded) and encoded > 0


def test_a_changed_description_encodes_one_text(roots: Path, recommender: Recommender, letters: LetterEncoder) -> None:
    before, version = len(letters.texts), recommender.version
    side = roots / "cake.civitai.info"
    changed = json.loads(side.read_text()) | {"description": "A cake with a candle on it"}
    side.write_text(json.dumps(changed))
    recommender.refresh()
    [text] = letters.texts[before:]
    assert "candle" in text and recommender.version != version
    answer = recommender.recommend(Query(prompt="a candle"), top=1)
    assert paths(answer) == ["cake.safetensors"]


def test_files_come_move_and_go(roots: Path, make_lora: Make, recommender: Recommender) -> None:
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
    roots: Path, make_lora: Make, recommender: Recommender, letters: LetterEncoder
) -> None:
    finished = recommender.version
    letters.wait_bulk.clear()
    make_lora(roots / "ship.safetensors", seed=9)
    recommender.start_refresh()
    wait_for(lambda: "ship.safetensors" in {lora.path for lora in recommender.loras()}, 20)
    answer = recommender.recommend(Query(prompt="ship, redknight"), top=4)
    signals = {suggestion.lora: suggestion.signals["semantic"] for suggestion in answer.suggestions}
    assert answer.stage == "full" and signals["ship.safetensors"] is None
    assert signals["red_knight.safetensors"] is not None
    half = recommender.version
    letters.wait_bulk.set()
    wait_for(lambda: recommender.version not in (finished, half), 20)
    assert half != finished
    again = recommender.recommend(Query(prompt="ship, redknight"), top=4)
    assert all(suggestion.signals["semantic"] is not None for suggestion in again.suggestions)


@pytest.mark.parametrize("before", [(), ("cake", "snow_owl")])
def test_where_no_text_has_a_vector_yet_suggestions_come_by_words(
    before: tuple[str, ...], tmp_path: Path, make_lora: Make, letters: LetterEncoder
) -> None:
    """An empty folder is mounted at last; all files of a small library are replaced."""
    root = tmp_path / "loras"
    root.mkdir()
    for number, name in enumerate(before):
        make_lora(root / f"{name}.safetensors", seed=number)
    with Recommender.open([root], tmp_path / "data") as recommender:
        recommender.refresh()
        assert recommender.stage == "full"
        for name in before:
            (root / f"{name}.safetensors").unlink()
        for number, name in enumerate(("ship", "red_knight", "tower")):
            make_lora(root / f"{name}.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"}, seed=10 + number)
        letters.wait_bulk.clear()
        recommender.start_refresh()
        wait_for(lambda: {lora.path for lora in recommender.loras()} >= {"ship.safetensors"}, 20)
        answer = recommender.recommend(Query(prompt="a ship at sea"))
        assert paths(answer)[0] == "ship.safetensors" and answer.stage == recommender.stage == "lexical"
        letters.wait_bulk.set()
        assert recommender.wait("full", 20)
        assert recommender.recommend(Query(prompt="a ship at sea")).suggestions[0].signals["semantic"] is not None


def test_the_order_of_roots_decides_between_equal_paths(tmp_path: Path, make_lora: Make) -> None:
    for number, folder in enumerate(("a", "b")):
        make_lora(tmp_path / folder / "knight.safetensors", seed=number)
    for order in (["a", "b"], ["b", "a"]):
        folders = [tmp_path / folder for folder in order]
        with Recommender.open(folders, tmp_path / "data", settings=WORDS_ONLY) as recommender:
            recommender.refresh()
            assert recommender.find("knight.safetensors").root == str(folders[0])
            assert len(paths(recommender.recommend(Query(prompt="knight")))) == 1  # a host loads only the first


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


def test_no_asked_for_refresh_is_lost(opened: Open, roots: Path, make_lora: Make) -> None:
    with opened(settings=WORDS_ONLY) as recommender:
        for number in range(15):
            make_lora(roots / f"new{number}.safetensors", seed=20 + number)
            recommender.start_refresh()
            time.sleep(0.005 * (number % 4))
        wait_for(lambda: len(recommender.loras()) == 18, 20)
        recommender.close()
        recommender.start_refresh()
        assert not recommender._refresher.working, "nothing begins once all is closed"
