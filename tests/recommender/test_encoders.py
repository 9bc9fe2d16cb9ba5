"""Encoders that fail, lack memory or are replaced: words stay, and meaning comes back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from letters import Lenses, paths
from lorarec.errors import BadFile, MissingPart, NotReady
from lorarec.recommender import Recommender
from lorarec.types import Query

Open = Callable[..., Recommender]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each background refresh that was asked for; none runs."""
    started: list[int] = []
    monkeypatch.setattr("lorarec.refreshing.Refresher.start", lambda self: started.append(1))
    return started


@pytest.mark.parametrize("failure", [MissingPart("no engine"), BadFile("weights are damaged")])
def test_an_encoder_that_cannot_run_leaves_words(opened: Open, lender: Lenses, failure: Exception) -> None:
    lender.failure = failure
    with opened() as recommender:
        recommender.refresh()
        assert recommender.stage == "lexical" and any(str(failure) in notice for notice in recommender.notices)
        assert paths(recommender.recommend(Query(prompt="redknight")))[0] == "red_knight.safetensors"


def test_an_encoder_that_fails_after_a_restart_leaves_words(opened: Open, lender: Lenses) -> None:
    with opened() as recommender:
        recommender.refresh()
    lender.failure = MissingPart("no engine")
    with opened() as recommender:
        assert recommender.stage == "full"
        for _ in range(2):  # the second query must not stumble over the first one's failure
            answer = recommender.recommend(Query(prompt="redknight"))
            assert answer.stage == "lexical" and paths(answer)[0] == "red_knight.safetensors"
            assert any("no engine" in note for note in answer.notes)


def test_short_memory_costs_meaning_only_for_as_long_as_it_lasts(
    recommender: Recommender, lender: Lenses, started: list[int]
) -> None:
    query, known = Query(prompt="redknight"), Query(prompt="redknight, sword")
    assert recommender.recommend(known).stage == "full"
    lender.failure = NotReady("the model needs 400 MB and the system has 100 MB left")
    short = recommender.recommend(query)
    assert short.stage == "lexical" and recommender.stage == "full"
    assert any("for the moment" in note and "400 MB" in note for note in short.notes)
    assert lender.problems == [] and lender.available, "nothing was given up"
    assert recommender.recommend(known).stage == "full", "what was answered before is remembered"
    lender.may_step_down = True
    for _ in range(5):
        recommender.recommend(query)
    assert started == [1], "a smaller profile is looked for, once in a while"
    lender.failure = None
    assert recommender.recommend(query).stage == "full", "what was answered by words is not"


def test_the_users_profile_is_taken_up_again_where_there_is_room(
    recommender: Recommender, lender: Lenses, started: list[int]
) -> None:
    lender.may_step_up = True
    recommender.recommend(Query(prompt="a snowowl"))
    assert started == [], "a command that asks once does not index for it"
    recommender._answering._opened -= 61
    for number in range(3):
        recommender.recommend(Query(prompt=f"snowowl {number}"))
    assert started == [1]


def test_short_memory_while_indexing_leaves_words_and_the_next_refresh_goes_on(opened: Open, lender: Lenses) -> None:
    lender.failure = NotReady("memory is short")
    with opened() as recommender:
        recommender.refresh()
        assert recommender.stage == "lexical" and lender.available
        lender.failure = None
        recommender.refresh()
        assert recommender.stage == "full"


def test_an_index_of_another_encoder_serves_by_words_at_once(opened: Open, lender: Lenses) -> None:
    with opened() as recommender:
        recommender.refresh()
    lender.encoder.model_id = "letters-2"
    with opened() as recommender:
        assert recommender.stage == "lexical"
        assert paths(recommender.recommend(Query(prompt="redknight")))[0] == "red_knight.safetensors"
        recommender.refresh()
        assert recommender.stage == "full"


def test_a_question_on_its_way_while_all_is_closed_is_answered(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lorarec.asking.MANY", 0)
    before = recommender.recommend(Query(prompt="a snowowl"), 5)
    recommender._answering.close()
    assert recommender.recommend(Query(prompt="a snowowl")).suggestions == before.suggestions
