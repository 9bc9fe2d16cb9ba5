"""What is known of a user, asked about a query: memories and wishes, together and each alone."""

from __future__ import annotations

import numpy as np
import pytest

from lorarec.history_types import Event, EventKind
from lorarec.knowledge import gather, wishes_only
from lorarec.learn.signals import NAMES
from lorarec.rank.signals import FAMILIES, PERSONAL
from three_loras import LIBRARY, PLACE, consult, embed, made, remember, with_wishes
from traces import NOW


def test_what_was_taken_out_and_used_since_is_no_removal() -> None:
    removed = [Event(kind=EventKind.REMOVE, lora=lora, at=NOW, prompt="castle") for lora in "ab"]
    used = remember([made(1, "deer", "a"), made(2, "castle", "c"), made(3, "deer", "a")])
    assert with_wishes(used, *removed).wishes.rows.tolist() == [PLACE["b"]]
    assert with_wishes(None, *removed).wishes.rows.tolist() == [PLACE["a"], PLACE["b"]]


def test_a_lora_put_in_is_no_wish() -> None:
    assert gather(None, LIBRARY, {}, (), [Event(kind=EventKind.INSERT, lora="a", at=NOW, prompt="castle")]) is None


def test_the_same_prompt_in_other_words_of_its_syntax_is_one_prompt() -> None:
    prompts = ("a red castle", "a red castle <lora:a:0.7>", "(a red castle:1.2)")
    found = with_wishes(None, *(Event(kind=EventKind.REMOVE, lora="a", at=NOW, prompt=prompt) for prompt in prompts))
    assert found.wishes.rows.tolist() == [0] and found.wish_prompts.count == 1


def test_every_personal_signal_is_filled_by_the_past_or_by_wishes() -> None:
    dismissal = Event(kind=EventKind.DISMISS, lora="a", at=NOW, prompt="castle")
    columns = consult(with_wishes(remember([made(0, "castle")]), dismissal), "castle").columns(np.arange(3))
    wanted = [name for family in PERSONAL for name in FAMILIES[family]]
    assert sorted(columns) == sorted(wanted) and len(wanted) == len(set(wanted))
    assert set(columns) - set(NAMES) == {"own_opinion", "own_dismissed"}


# Asking


def test_without_memories_and_wishes_there_is_nothing_to_ask() -> None:
    assert gather(None, LIBRARY, {}, frozenset(), ()) is None


def test_wishes_alone_can_be_asked() -> None:
    dismissal = Event(kind=EventKind.DISMISS, lora="b", at=NOW, prompt="(a red castle:1.4)")
    asked = with_wishes(None, dismissal, opinions={"a": -1, "gone": 1}, hidden="c")
    found = consult(asked, "red castle")
    columns = found.columns(np.arange(3))
    assert columns["own_opinion"].tolist() == [-1, 0, 0] and columns.keys() == {"own_opinion", "own_dismissed"}
    assert columns["own_dismissed"].tolist() == pytest.approx([0, 1, 0])
    assert consult(asked, "deer").columns(np.arange(3))["own_dismissed"].tolist() == pytest.approx([0, 0.1, 0])
    assert found.knowledge.wishes.hidden.tolist() == [False, False, True]
    assert found.strengths(0, "") is None and found.story(0).opinion == -1 and found.evidence is None


def test_where_the_past_has_no_say_wishes_still_have() -> None:
    asked = with_wishes(remember([made(0, "castle")]), opinions={"a": 1}, hidden="c")
    only = wishes_only(asked)
    assert only.evidence is None and only.knowledge.wishes.hidden.tolist() == [False, False, True]
    assert only.columns(np.arange(3)).keys() == {"own_opinion", "own_dismissed"}


def test_strengths_and_story_are_those_of_prompts_like_this() -> None:
    past = [made(n, "a red castle", strength=0.4) for n in range(3)] + [made(9, "deer, forest", strength=0.9)]
    asked = with_wishes(remember(past, meaning=False), opinions={"a": 1})
    found = consult(asked, "red castle")
    used, told = found.strengths(0, ""), found.story(0)
    assert used is not None and used.strengths.tolist() == pytest.approx([0.4, 0.9])
    assert used.weights[0] > 10 * used.weights[1]
    assert (told.times, told.alike, told.usual, told.opinion) == (4, 3, pytest.approx(0.4), 1)
    assert found.strengths(2, "") is None and found.story(2).times == 0


def test_only_what_was_known_then_is_told() -> None:
    past = [made(0, "a red castle", "a"), made(1, "deer, forest", "b"), made(2, "a red castle, sunset", "c")]
    asked = with_wishes(remember(past))
    found = consult(asked, "red castle", embed(["red castle"])[0], upto=1, active=[1])
    assert found.evidence is not None and found.evidence.told == 1
    columns = found.columns(np.arange(3))
    assert columns["own_uses"].tolist() == pytest.approx([1, 0, 0])
    assert found.strengths(2, "") is None and found.story(2).times == 0 and found.story(1).times == 0


def test_vectors_of_another_length_are_left_out_of_it() -> None:
    asked = with_wishes(remember([made(0, "castle")]))
    columns = consult(asked, "castle", np.ones(7, np.float32)).columns(np.arange(3))
    assert np.isnan(columns["own_meaning"]).all() and columns["own_words"][0] == pytest.approx(1)


def test_roles_and_base_models_of_the_library_are_known() -> None:
    asked = with_wishes(remember([made(0, "castle", "b", base_model="SDXL"), made(1, "deer", "a")]))
    columns = consult(asked, "castle", base_model="SDXL").columns(np.arange(3))
    assert columns["own_role"][1] > columns["own_role"][0] == columns["own_role"][2] > 0
    assert columns["own_base"][1] > 0 > columns["own_base"][0] and np.isnan(columns["own_base"][2])
