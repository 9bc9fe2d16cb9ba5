"""The measurements of the history measure what they say, on tiny collections."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lorarec.commands import bench_history
from lorarec.commands.bench_suite import Suite
from lorarec.prompt.read import clean
from lorarec.recommender import Recommender
from lorarec.settings import Settings
from lorarec.types import Query
from words_only import WORDS_ONLY

pytest.importorskip("sqlalchemy")

PARTS = {"names of the LoRAs", "listing and stat", "reading", "understanding", "linking", "storing"}


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """On a machine without any encoder model."""
    (tmp_path / "work").mkdir()
    return Suite(tmp_path / "work", tmp_path, WORDS_ONLY, lambda step: None, 4)


def test_a_harvest_is_timed_as_a_whole_and_by_parts(suite: Suite) -> None:
    whole, *parts, again = bench_history.harvests(suite, 24)
    assert whole.name == "harvest of 24 images" and whole.unit == "images/s"
    assert whole.value > 0 and whole.limit == 1000 and whole.at_least
    assert {part.name.removeprefix("harvest: ") for part in parts} == PARTS
    assert all(part.value > 0 and part.unit == "µs" and part.limit is None for part in parts)
    assert again.name.endswith("nothing new") and again.value > 0 and again.limit is None
    each = 1e6 / whole.value
    assert sum(part.value for part in parts) < 10 * each, "the parts are of one image, as the whole is"
    assert not list(suite.work.glob("history-*")), "what was harvested is deleted"


def test_the_harvested_images_use_loras_that_are_installed_and_others(suite: Suite, tmp_path: Path) -> None:
    bench_history.harvests(suite, 60)
    [pictures] = suite.work.glob("images-60-*")
    with Recommender.open([suite.work / "loras-60"], tmp_path / "data", settings=WORDS_ONLY) as recommender:
        recommender.refresh()
        report = recommender.memory.harvest([pictures])
    assert report.new == report.generations == 60 and not report.problems
    assert {reader.split(":")[0] for reader in report.readers} == {"a1111", "comfyui"}
    assert set(report.readers.values()) == {30}
    assert report.linked.get("name", 0) > 20 and 0 < report.unknown.uses < 20


def test_events_are_written_and_asked_after(suite: Suite) -> None:
    added, asked = bench_history.events(suite, 300)
    assert "300" in added.name and added.value > 0 and added.limit is None and added.unit == "ms"
    assert "300" in asked.name and asked.value > 0 and asked.limit is None
    assert not list(suite.work.glob("history-*"))


def test_without_an_encoder_it_says_so(suite: Suite) -> None:
    [row] = bench_history.pasts(suite, 20, 30)
    assert math.isnan(row.value) and row.limit == 1.3 and "no encoder model" in row.detail


@pytest.mark.slow
def test_suggestions_with_a_past_are_compared_with_those_without(tmp_path: Path) -> None:
    from lorarec.encode import models
    from lorarec.encode.profiles import MINILM

    if models.find(MINILM, tmp_path) is None:
        pytest.skip("no encoder model on this machine")
    suite = Suite(tmp_path, tmp_path, Settings(), lambda step: None, 4)
    for _ in range(2):  # the second run finds the past of the first, and begins anew
        rows = bench_history.pasts(suite, 40, 120)
        assert [row.unit for row in rows] == ["×", "×", "×", "s", "s"]
        assert [row.limit for row in rows] == [1.3, 1.3, 1.3, None, None]
        assert "3 heavily used LoRAs active" in rows[2].name
        assert all(row.value > 0 for row in rows) and "120 generations" in rows[0].name
    folder, data = suite.collection(40)
    with Recommender.open([folder], data, settings=suite.settings, user=bench_history.PAST) as recommender:
        recommender.learn()
        counts = recommender.memory.history.counts()
        assert counts.generations == counts.images == 120 + bench_history.MORE
        assert counts.unlinked == 0 and counts.outcomes > 0
        prompt = clean(recommender.memory.history.past()[0].prompt or "")
        answer = recommender.recommend(Query(prompt=prompt), top=40)
        nearest = max(one.signals["own_meaning"] or 0 for one in answer.suggestions)
        assert nearest > 0.99, "vectors are stored where they are looked for"
    with Recommender.open([folder], data, settings=suite.settings) as somebody:
        assert somebody.memory.history.version() == "", "the other measurements see no history"
