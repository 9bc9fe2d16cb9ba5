"""Answers of a recommender are the same however they come about: kept, in parts, or with a second thread's help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from letters import LetterEncoder
from lorarec import asking, sample
from lorarec.history_types import Event, EventKind
from lorarec.index.lexical import LexicalIndex
from lorarec.index.retrieve import Words
from lorarec.library import Library
from lorarec.recommender import Recommender
from lorarec.settings import Settings
from lorarec.timings import Laps
from lorarec.types import Active, Query, Suggestions

PROMPTS = ("a castle on a hill, watercolor", "1girl, white hair, lantern, snow", "", "qwertz asdf")
PARTS = {
    *("parse", "encode", "history", "lexical", "filters", "dense", "examples", "signals", "blend", "diversify"),
    *("strengths", "reasons"),
}


@pytest.fixture
def recommender(tmp_path: Path, letters: LetterEncoder) -> Iterator[Recommender]:
    """The bundled sample collection, fully indexed."""
    sample.write(tmp_path / "loras")
    with Recommender.open([tmp_path / "loras"], tmp_path / "data", settings=Settings()) as opened:
        opened.refresh()
        assert opened.stage == "full"
        yield opened


def timeless(answer: Suggestions) -> Suggestions:
    return replace(answer, took_ms=0.0)


def test_the_same_question_is_encoded_once_and_answered_alike(recommender: Recommender, letters: LetterEncoder) -> None:
    first = recommender.recommend(Query(prompt=PROMPTS[0]))
    assert letters.asked == [PROMPTS[0]]
    again = recommender.recommend(Query(prompt=PROMPTS[0]))
    assert letters.asked == [PROMPTS[0]] and timeless(again) == timeless(first)
    recommender.recommend(Query(prompt=PROMPTS[0]), 3)
    recommender.recommend(Query(prompt=PROMPTS[0], active=(Active(first.suggestions[0].lora),)))
    assert len(letters.asked) == 3, "another question is another answer"


def test_what_changes_answers_ends_a_kept_one(recommender: Recommender, letters: LetterEncoder, tmp_path: Path) -> None:
    query = Query(prompt=PROMPTS[0])
    best = recommender.recommend(query).suggestions[0]
    recommender.memory.record_event(Event(kind=EventKind.HIDE, lora=best.id, at=1.0))
    without = recommender.recommend(query)
    assert best.id not in {one.id for one in without.suggestions}
    other = tmp_path / "loras" / without.suggestions[0].lora
    other.unlink()
    recommender.refresh()
    assert without.suggestions[0].lora not in {one.lora for one in recommender.recommend(query).suggestions}


def test_what_an_older_library_answered_is_not_kept_for_a_newer_one(
    recommender: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library changes after a question has found the older one; of nobody's history nothing is renewed then."""
    query, folder = Query(prompt=PROMPTS[0]), tmp_path / "loras"
    with Recommender.open([folder], tmp_path / "data", settings=Settings(), user=None) as nobodys:
        [best, *_] = recommender.recommend(query).suggestions
        pending = [True]

        def slowly(library: Library) -> None:
            if pending and pending.pop():
                (folder / best.lora).unlink()
                nobodys.refresh()

        monkeypatch.setattr(nobodys.memory, "knowledge", slowly)
        nobodys.recommend(query)
        assert not pending
        assert best.id not in {one.id for one in nobodys.recommend(query).suggestions}


def test_parts_add_up_to_the_same_answer(recommender: Recommender) -> None:
    laps = Laps()
    whole = recommender.recommend(Query(prompt=PROMPTS[0]))
    assert timeless(recommender.recommend(Query(prompt=PROMPTS[0]), None, laps)) == timeless(whole)
    assert laps.parts.keys() == PARTS and all(taken >= 0 for taken in laps.parts.values())


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_second_thread_changes_nothing(
    recommender: Recommender, letters: LetterEncoder, monkeypatch: pytest.MonkeyPatch, prompt: str
) -> None:
    alone = recommender.recommend(Query(prompt=prompt), 20, Laps())
    monkeypatch.setattr(asking, "MANY", 1)
    look_up = asking.match

    def beside(lexical: LexicalIndex, terms: Mapping[str, float]) -> Words:
        letters.wait_live.set()  # the encoder waits for this thread, else it would never come to an end
        return look_up(lexical, terms)

    monkeypatch.setattr(asking, "match", beside)
    letters.wait_live.clear()
    assert timeless(recommender.recommend(Query(prompt=prompt), 20)) == timeless(alone)
    assert letters.wait_live.is_set() == bool(prompt), "nothing is looked up where nothing is encoded"
