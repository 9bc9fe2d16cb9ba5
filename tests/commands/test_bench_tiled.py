"""A library laid side by side finds in every copy what the small one finds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace

from lorarec import sample
from lorarec.commands import bench_suggest
from lorarec.commands.bench_tiled import tiled
from lorarec.errors import StorageError
from lorarec.index import postings as postings_module
from lorarec.index.retrieve import Vectors, match
from lorarec.library import Library
from lorarec.recommender import Recommender
from words_only import WORDS_ONLY

TIMES = 3


@pytest.fixture(params=["posting lists", "plain columns"])
def library(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    """The bundled sample collection with random vectors."""
    if request.param == "plain columns":
        monkeypatch.setattr(postings_module, "_MANY", 1)
    sample.write(tmp_path / "loras")
    with Recommender.open([tmp_path / "loras"], tmp_path / "data", settings=WORDS_ONLY, user=None) as recommender:
        recommender.refresh()
        assert recommender._library.now is not None
        known = recommender._library.now.pipeline.library
    count = len(known.loras)
    lens, examples = np.ones((count, 4), np.float32), np.ones((examples_of(known), 4), np.float32)
    spread = np.zeros(count, np.float32)
    means = dict.fromkeys(("semantic", "artistic", "technical", "example_mean", "name_near"), lens[0])
    vectors = Vectors(lens, lens, lens, lens, examples, lens, spread, means)
    return replace(known, models={"semantic": "x"}, vectors=vectors)


def examples_of(library: Library) -> int:
    """Number of all example prompts."""
    examples = library.lexical.texts.of_kind("examples")
    return examples.stop - examples.start


def test_a_disk_without_room_is_named_before_hours_of_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_suggest.shutil, "disk_usage", lambda folder: SimpleNamespace(free=12_000_000_000))
    with pytest.raises(StorageError, match=r"has 12 GB left and 26 are needed; .* --work"):
        bench_suggest.collection(SimpleNamespace(work=tmp_path), 1_000_000)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_every_copy_is_found_like_the_first(library: Library, tmp_path: Path) -> None:
    asked = {"castle": 1.0, "girl": 1.2, "style": 1.0, "anime": 1.0, "watercolor": 1.0}
    small = match(library.lexical, asked)
    assert any(values.any() for values in small.whole.values())
    with tiled(library, TIMES, tmp_path) as large:
        found = match(large.lexical, asked)
        for name, values in small.whole.items():
            np.testing.assert_allclose(found.whole[name], np.tile(values, TIMES), rtol=1e-6, err_msg=name)
        count = len(library.loras)
        last = np.asarray([2 * count + 5])
        told = large.lexical.matched(large.lexical.query(asked), last)
        first = library.lexical.matched(library.lexical.query(asked), np.asarray([5]))
        assert (told.examples.texts - 2 * examples_of(library)).tolist() == first.examples.texts.tolist() != []
        for name in ("mass", "cover", "rarest", "example"):
            np.testing.assert_array_equal(getattr(told, name), getattr(first, name), err_msg=name)
        assert len({lora.id for lora in large.loras}) == len({lora.path for lora in large.loras}) == TIMES * count
        assert large.groups.max() < TIMES * count and len(set(large.groups)) == TIMES * len(set(library.groups))
        order = large.facts.downloads_order
        assert sorted(order.tolist()) == sorted(
            row + copy * count for row in library.facts.downloads_order.tolist() for copy in range(TIMES)
        )
        assert (order[:TIMES] % count == library.facts.downloads_order[0]).all(), "the most downloaded come first"


def test_vectors_are_of_length_one_and_differ(library: Library, tmp_path: Path) -> None:
    with tiled(library, TIMES, tmp_path) as large:
        assert large.vectors is not None and library.vectors is not None
        for name in ("semantic", "names", "examples"):
            matrix = getattr(large.vectors, name)
            assert matrix.shape == (TIMES * len(getattr(library.vectors, name)), 4)
            np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, rtol=1e-5)
            assert len(np.unique(matrix, axis=0)) == len(matrix)
