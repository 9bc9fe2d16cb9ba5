"""What the history adds to a score: nothing without one, and with one a sum that can be taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.rank.personal import FIXED, INPUTS, LEARNED, MOST_SHARE, Model, Personal, inputs, shipped, speaks, vector
from lorarec.rank.signals import FAMILIES, PERSONAL, SIGNALS
from lorarec.types import SignalTable

COLUMNS = [name for family in PERSONAL for name in FAMILIES[family]]


class Blend:
    """A shared blend that says what it is told to."""

    def __init__(self, *logits: float) -> None:
        self.logits = np.asarray(logits, np.float32)

    def score(self, table: SignalTable, ids: Sequence[str]) -> np.ndarray:
        return self.logits


def table(count: int = 1, **columns: float | Sequence[float]) -> SignalTable:
    values = np.full((count, len(SIGNALS)), np.nan, np.float32)
    for name, column in columns.items():
        values[:, SIGNALS.index(name)] = column
    return SignalTable(np.arange(count), SIGNALS, values)


def one(logit: float = 0.0, **columns: float) -> dict[str, float]:
    """The inputs of one candidate that differ from zero."""
    row = inputs(table(own_evidence=0.5, **columns), np.asarray([logit], np.float32))[0]
    return {name: float(value) for name, value in zip(INPUTS, row, strict=True) if value}


def test_without_a_history_the_score_is_the_blends_to_the_last_bit() -> None:
    blend = Blend(0.1, -2.0)
    assert Personal(blend, Model(dict.fromkeys(LEARNED, 9.0))).score(table(2, semantic=0.5), ["a", "b"]) is blend.logits
    assert Personal(blend, Model({})).contributions(table(2), blend.logits) == {}
    assert Personal(Blend(), Model({})).score(table(0), []).shape == (0,)


def test_wishes_alone_are_a_history_too() -> None:
    scorer = Personal(Blend(1.0, 1.0, 1.0), Model(dict.fromkeys(LEARNED, 9.0)))
    found = scorer.score(table(3, own_opinion=[1, -1, 0], own_dismissed=[0, 0, 1]), list("abc"))
    assert found.tolist() == pytest.approx([1 + FIXED["liked"], 1 + FIXED["disliked"], 1 + FIXED["dismissed"]])
    assert FIXED["liked"] > 0 > FIXED["disliked"] and FIXED["dismissed"] < 0


def test_a_past_that_says_nothing_of_a_candidate_adds_nothing() -> None:
    assert one() == {} and one(logit=5.0, own_uses=0.0) == {}


def test_the_inputs_by_hand() -> None:
    assert one(own_uses=3.0) == pytest.approx({"used": 0.5})
    assert one(logit=2.0, own_uses=3.0, own_age=0.4) == pytest.approx({"used": 0.5, "age": 0.2, "doubt": 1.0})
    assert one(own_uses=1.0, own_words=0.6) == pytest.approx({"used": 0.5, "words": 0.36})
    assert one(own_words=0.6, own_share=0.1) == {}, "shares and nearness say nothing of what was never used"
    assert one(own_votes=0.03, own_votes_words=0.01) == pytest.approx({"votes": log(4), "votes_words": log(2)})
    assert one(own_alike=0.02, own_role=0.4) == pytest.approx({"alike": log(3) / 2, "role": 0.2})
    assert one(together=0.7, together_share=0.02) == pytest.approx({"together": 0.7, "together_share": log(5)})
    assert one(own_base=-0.3, own_kept=0.2) == pytest.approx({"base": -0.3, "kept": 0.2})


def test_a_favourite_is_one_however_large_its_share() -> None:
    most = one(own_uses=1.0, own_share=MOST_SHARE)["share"]
    assert one(own_uses=1.0, own_share=0.9)["share"] == most > one(own_uses=1.0, own_share=0.01)["share"]


def test_without_an_encoder_the_votes_by_words_stand_for_both() -> None:
    assert one(own_votes_words=0.03) == pytest.approx({"votes": log(4), "votes_words": log(4)})


def test_what_was_only_counted_is_a_weak_prior() -> None:
    assert one(own_counted=0.01) == pytest.approx({"counted": log(3)})
    assert one(own_counted=0.9) == pytest.approx({"counted": log(11)})
    scorer = Personal(Blend(0.0, 0.0), Model(dict.fromkeys(LEARNED, -9.0)))
    asked = table(2, own_evidence=0.0, own_uses=0.0, own_share=0.0, own_counted=[0.0, 0.04])
    assert scorer.score(asked, ["a", "b"]).tolist() == pytest.approx([0, FIXED["counted"] * log(9)])


def test_dismissals_add_up_to_a_bound() -> None:
    assert [one(own_dismissed=amount)["dismissed"] for amount in (1.0, 3.0, 50.0)] == [1, 3, 3]


def test_the_score_is_the_blends_and_a_weighted_sum() -> None:
    weights = {"used": 2.0, "age": -1.0, "doubt": 0.5}
    found = Personal(Blend(1.0, 1.0), Model(weights)).score(
        table(2, own_evidence=0.5, own_uses=[4, 0], own_age=[0.4, np.nan], own_opinion=[0, 1]), ["a", "b"]
    )
    assert found.tolist() == pytest.approx([1 + 2 * 0.5 - 0.2 + 0.5 * 0.5, 1 + FIXED["liked"]])


def test_what_a_user_proved_is_used_from_then_on() -> None:
    scorer = Personal(Blend(0.0), Model({"used": 1.0}))
    asked = table(own_evidence=0.5, own_uses=1.0, own_opinion=1.0)
    before = scorer.score(asked, ["a"])
    scorer.adopt({"used": 5.0})
    assert (scorer.score(asked, ["a"]) - before).tolist() == pytest.approx([2.0]), "wishes count as before"


def test_each_lora_is_scored_by_the_weights_that_did_not_learn_from_it() -> None:
    model = Model({"used": 100.0}, folds=[{"used": 1.0}, {"used": 2.0}])
    asked = table(3, own_evidence=0.5, own_uses=1.0)
    found = Personal(Blend(0.0, 0.0, 0.0), model, {"a": 0, "b": 1}).score(asked, ["b", "a", "stranger"])
    assert found.tolist() == pytest.approx([1.0, 0.5, 0.5])
    assert Personal(Blend(0.0), model).score(table(own_evidence=0.5, own_uses=1.0), ["b"]).tolist() == [50.0]


@given(st.dictionaries(st.sampled_from(COLUMNS), st.none() | st.floats(0, 1, width=32)), st.floats(-5, 5, width=32))
def test_contributions_are_the_parts_of_what_is_added(columns: dict[str, float | None], logit: float) -> None:
    asked = table(**{"own_evidence": 0.5} | {name: value for name, value in columns.items() if value is not None})
    weights = {name: 0.1 + at / 10 for at, name in enumerate(LEARNED)}
    scorer = Personal(Blend(logit), Model(weights))
    parts = scorer.contributions(asked, np.asarray([logit], np.float32))
    assert parts.keys() == set(PERSONAL)
    added = float(scorer.score(asked, ["a"])[0]) - logit
    assert sum(float(part[0]) for part in parts.values()) == pytest.approx(added, rel=1e-3, abs=1e-3)


def test_a_table_speaks_if_there_is_any_history() -> None:
    assert speaks(table(own_evidence=0.0)) and speaks(table(own_opinion=0.0))
    assert not speaks(table(semantic=1.0)) and not speaks(table(0))


def test_weights_have_places_and_the_fixed_ones_stand() -> None:
    laid = dict(zip(INPUTS, vector({"used": 3.0, "liked": 99.0, "unheard of": 1.0}).tolist(), strict=True))
    assert laid == {**dict.fromkeys(INPUTS, 0.0), **{n: pytest.approx(v) for n, v in FIXED.items()}, "used": 3.0}


def test_the_shipped_weights_are_complete_and_say_where_they_come_from() -> None:
    model = shipped()
    assert model.weights.keys() == set(LEARNED) and len(model.folds) > 1
    assert all(fold.keys() == set(LEARNED) for fold in model.folds)
    assert np.isfinite(list(model.weights.values())).all()
    assert {"command", "date", "lorarec"} <= model.provenance.keys()
