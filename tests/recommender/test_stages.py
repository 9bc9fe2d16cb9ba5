"""From nothing to words to meaning: what a recommender answers at each stage, and what it says about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from letters import LetterEncoder, paths
from lorarec.errors import NotIndexed, UsageError
from lorarec.host import PlainHost
from lorarec.recommender import Recommender
from lorarec.settings import Settings
from lorarec.types import Progress, Query
from words_only import NOBODY, WORDS_ONLY

Open = Callable[..., Recommender]


def test_before_the_first_index(opened: Open) -> None:
    with opened(settings=WORDS_ONLY) as recommender:
        assert (recommender.stage, recommender.version, len(recommender.loras())) == ("empty", "", 0)
        assert not recommender.wait(timeout=0)
        for call in (lambda: recommender.recommend(Query(prompt="x")), lambda: recommender.find("red_knight")):
            with pytest.raises(NotIndexed, match="lorarec index"):
                call()


def test_without_folders_refreshing_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LORAREC_LORAS", raising=False)
    with Recommender.open(data_dir=tmp_path, host=PlainHost(["x"], tmp_path)) as named:
        assert [root.name for root in named.roots] == ["x"]
    with Recommender.open(data_dir=tmp_path, settings=Settings()) as recommender:
        assert recommender.roots == ()
        with pytest.raises(UsageError, match="--loras"):
            recommender.refresh()


def test_words_alone_work_and_say_so(opened: Open) -> None:
    with opened(settings=WORDS_ONLY) as recommender:
        report = recommender.refresh()
        assert report.found == 3 and recommender.stage == "lexical" and recommender.wait("lexical", 0)
        answer = recommender.recommend(Query(prompt="redknight"))
        assert paths(answer)[0] == "red_knight.safetensors" and answer.stage == "lexical"
        assert any("words only" in note for note in answer.notes)
        assert any(NOBODY in notice for notice in recommender.notices)


def test_suggestions_by_words_come_while_encoding_goes_on(opened: Open, letters: LetterEncoder) -> None:
    letters.wait_bulk.clear()
    with opened() as recommender:
        recommender.start_refresh()
        assert recommender.wait("lexical", 20)
        answer = recommender.recommend(Query(prompt="redknight"))
        assert paths(answer)[0] == "red_knight.safetensors" and answer.stage == "lexical"
        letters.wait_bulk.set()
        assert recommender.wait("full", 20)
        answer = recommender.recommend(Query(prompt="redknight"))
        assert answer.stage == "full" and answer.suggestions[0].signals["semantic"] is not None


def test_progress_tells_all_stages(opened: Open, letters: LetterEncoder) -> None:
    steps: list[Progress] = []
    with opened() as recommender:
        recommender.refresh(steps.append)
    assert list(dict.fromkeys(step.stage for step in steps)) == ["scan", "lexical", "encode"]
    assert all(0 <= step.done <= (step.total or step.done) for step in steps)


def test_a_cancelled_refresh_is_finished_by_the_next(opened: Open, letters: LetterEncoder) -> None:
    with opened() as recommender:
        seen: list[str] = []
        recommender.refresh(lambda step: seen.append(step.stage), lambda: "lexical" in seen)
        assert recommender.stage == "lexical" and letters.texts == []
        recommender.refresh()
        assert recommender.stage == "full"
