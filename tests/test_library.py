"""A library in memory and on disk: what is derived from records, and that saving never yields a mixed or broken one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from lorarec import mapped
from lorarec.library import Library, build, gather_vectors, hidden_of, key_of, load, recency_of, save, texts_of
from lorarec.types import BaseModelGuess, Example, Lora, Safety

MODELS = {"semantic": "m", "artistic": "m", "technical": "m"}
KNIGHT = Lora(
    id="k",
    root="/r",
    path="chars/red_knight.safetensors",
    size=50_000_000,
    modified=1.0,
    title="Red Knight",
    description="A knight in red armor. Please support me on Patreon!",
    trigger_sets=(("redknight", "red cape"),),
    tags=("character", "armor"),
    training_tags=(("armor", 10), ("cape", 5)),
    examples=(Example("redknight, <lora:x:0.7> (castle:1.2)", strength=0.7), Example("redknight", strength=0.9)),
    base_models=(BaseModelGuess("SD 1.5", 1.0, "x"),),
    safety=Safety.SAFE,
    hashes=("ab" * 32,),
)
BARE = Lora(id="b", root="/r", path="thing.safetensors", size=1, modified=2.0)


def fetch(lens: str, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of three numbers, from the letters; nothing at all where no text is known, as the store does."""
    found = np.asarray([bool(text) for text in texts], np.bool_)
    if not found.any():
        return np.zeros((len(texts), 0), np.float32), found
    rows = [[text.count("a"), text.count("e"), 1.0] if text else [0.0] * 3 for text in texts]
    matrix = np.asarray(rows, np.float32)
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9), found


def made(*loras: Lora, vectors: bool = True) -> Library:
    return build(loras, key_of(loras, MODELS), MODELS, fetch if vectors else None)


def arrays(library: Library) -> list[np.ndarray]:
    lexical, vectors = library.lexical, library.vectors
    assert vectors is not None
    postings = [array for p in lexical.bm25.values() for array in (p.starts, p.rows, p.weights)]
    return [*postings, lexical.importance, vectors.semantic, vectors.examples, vectors.example_mean, library.groups]


def test_texts_are_clean_and_examples_apart() -> None:
    texts = texts_of(KNIGHT)
    assert "knight in red armor" in texts.semantic and "Patreon" not in texts.semantic
    assert texts.name == "Red Knight, redknight, red cape"
    assert texts.examples == ("redknight, castle", "redknight")
    assert "SD 1.5" in texts.technical and "safe for work" in texts.technical
    assert texts_of(BARE).artistic == "" and texts_of(BARE).semantic == "thing"


def test_the_key_changes_with_any_record_and_any_encoder() -> None:
    keys = {
        key_of([KNIGHT, BARE], MODELS),
        key_of([KNIGHT], MODELS),
        key_of([BARE, KNIGHT], MODELS),
        key_of([replace(KNIGHT, description="other"), BARE], MODELS),
        key_of([KNIGHT, BARE], {**MODELS, "artistic": "other"}),
        key_of([KNIGHT, BARE], {}),
    }
    assert len(keys) == 6 and key_of([KNIGHT, BARE], MODELS) in keys


def test_long_texts_are_dropped_once_indexed() -> None:
    [kept] = made(KNIGHT).loras
    assert (kept.description, kept.examples, kept.training_tags, kept.hashes) == ("", (), (), ())
    assert kept.trigger_sets == KNIGHT.trigger_sets and made(KNIGHT).shown[0].median == pytest.approx(0.8)


def test_excluded_shadowed_and_second_halves_are_hidden() -> None:
    high = Lora(id="h", root="/r", path="w_high.safetensors", size=1, modified=0.0, partner="l", noise="high")
    low = Lora(id="l", root="/r", path="w_low.safetensors", size=1, modified=0.0, partner="h", noise="low")
    widow = replace(low, id="w", path="other_low.safetensors", partner="gone")
    shadowed = replace(BARE, id="s", root="/second")
    loras = [KNIGHT, BARE, high, low, widow, shadowed, replace(KNIGHT, id="x", path="x", excluded=True)]
    assert hidden_of(loras).tolist() == [False, False, False, True, False, True, True]


def test_a_date_in_the_future_makes_no_other_file_old() -> None:
    day = 86400.0
    found = recency_of(np.asarray([100 * day, 70 * day, 1000 * day]), now=101 * day)
    np.testing.assert_allclose(found, [1, np.exp(-1), 1], rtol=1e-6)
    assert recency_of(np.asarray([5.0, 6.0]), now=1.0).tolist() == [1, 1]
    assert recency_of(np.zeros(0), now=1.0).shape == (0,)


def test_vectors_of_examples_are_averaged_and_missing_ones_are_zeros() -> None:
    texts = [texts_of(KNIGHT), texts_of(BARE)]
    found = gather_vectors(texts, fetch)
    assert found is not None
    first, second = fetch("semantic", texts[0].examples)[0]
    mean = (first + second) / 2
    np.testing.assert_allclose(found.example_mean[0], mean / np.linalg.norm(mean), rtol=1e-6)
    assert found.example_spread[0] == pytest.approx(1 - np.linalg.norm(mean), abs=1e-6)
    assert not found.example_mean[1].any() and np.isnan(found.example_spread[1])
    np.testing.assert_allclose(found.means["semantic"], found.semantic.mean(0), rtol=1e-6)


def test_vectors_of_a_part_of_the_texts_all_have_the_width_of_a_query() -> None:
    texts = [texts_of(KNIGHT), texts_of(BARE)]

    def names_only(lens: str, asked: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        return fetch(lens, [text if text == texts[0].name else "" for text in asked])

    found = gather_vectors(texts, names_only)
    assert found is not None and found.names.any()
    assert {matrix.shape[1] for matrix in (found.semantic, found.names, found.examples, found.example_mean)} == {3}
    assert gather_vectors(texts, lambda lens, asked: fetch(lens, [""] * len(asked))) is None


@pytest.mark.parametrize("loras", [(), (BARE,), (replace(BARE, examples=(Example("<lora:x:1>"),)),)])
def test_libraries_with_next_to_nothing(loras: tuple[Lora, ...], tmp_path: Path) -> None:
    library = made(*loras)
    save(library, tmp_path / "index")
    again = load(tmp_path / "index")
    assert again is not None and len(again.loras) == len(loras)
    assert again.vectors is not None and again.vectors.examples.shape[0] == sum(len(lora.examples) for lora in loras)


def test_a_saved_library_comes_back_the_same_and_mapped(tmp_path: Path) -> None:
    library = made(KNIGHT, BARE)
    save(library, tmp_path / "index")
    again = load(tmp_path / "index")
    assert again is not None
    assert (again.key, again.models, list(again.loras), again.shown) == (
        library.key,
        library.models,
        list(library.loras),
        library.shown,
    )
    for ours, theirs in zip(arrays(library), arrays(again), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert again.vectors is not None
    with pytest.raises(ValueError, match="read-only"):
        again.vectors.semantic[0] = 0


def test_only_the_current_library_is_kept_and_a_mapped_one_stays_readable(tmp_path: Path) -> None:
    save(made(KNIGHT), tmp_path / "index")
    first = load(tmp_path / "index")
    save(made(KNIGHT, BARE), tmp_path / "index")
    assert len(list((tmp_path / "index").glob("*.library"))) == 1
    second = load(tmp_path / "index")
    assert first is not None and second is not None and (len(first.loras), len(second.loras)) == (1, 2)
    assert np.isfinite(arrays(first)[-2]).all()


def test_what_killed_processes_left_is_cleared_after_a_while(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    old, fresh = folder / "dead.library", folder / "writing.library"
    for left in (old, fresh):
        left.mkdir(parents=True)
    os.utime(old, (time.time() - 2 * mapped._STALE,) * 2)
    save(made(KNIGHT), folder)
    assert not old.exists() and fresh.exists() and load(folder) is not None


@pytest.mark.parametrize("damage", ["no file", "pointer", "outside", "manifest", "array", "format"])
def test_a_damaged_library_is_none(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "index"
    save(made(KNIGHT), folder)
    [place] = folder.glob("*.library")
    if damage == "no file":
        (folder / "current").unlink()
    elif damage == "pointer":
        (folder / "current").write_bytes(b"\xff\xfe nothing")
    elif damage == "outside":
        (folder / "current").write_text("../../etc")
    elif damage == "manifest":
        (place / "library.msgpack").write_bytes((place / "library.msgpack").read_bytes()[:-7])
    elif damage == "array":
        (place / "3.npy").write_bytes((place / "3.npy").read_bytes()[:40])
    else:
        save(replace(made(KNIGHT), format=-1), folder)
    assert load(folder) is None


def test_readers_see_one_library_or_the_other_while_writers_save(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    choices = [made(KNIGHT), made(KNIGHT, BARE), made(BARE, vectors=False)]
    expected = {choice.key: choice for choice in choices}
    save(choices[0], folder)
    done = threading.Event()
    seen: list[str] = []
    wrong: list[str] = []

    def read() -> None:
        while not done.is_set():
            library = load(folder)
            if library is None:
                wrong.append("nothing")
            elif list(library.loras) != list(expected[library.key].loras) or len(library.groups) != len(library.loras):
                wrong.append("mixed")
            else:
                seen.append(library.key)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(40):
        save(choices[turn % 3], folder)
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == [] and len(set(seen)) >= 2
