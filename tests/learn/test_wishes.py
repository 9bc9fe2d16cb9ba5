"""Likes, dislikes, hides and dismissals, at this prompt and at others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.history_types import Event, EventKind
from lorarec.learn.past import HALF_LIFE
from lorarec.learn.wishes import ELSEWHERE, REMOVED, SAME, UNDONE, Wishes, standing, wishes, without_undone
from traces import NOW

PLACE = {"a": 0, "b": 1, "c": 2}
PROMPTS = {"forest": 0, "city": 1}
ALL = np.arange(3)


def event(kind: EventKind, lora: str = "a", prompt: str = "forest", at: float = NOW) -> Event:
    return Event(kind=kind, lora=lora, at=at, prompt=prompt)


def laid(
    *events: Event,
    opinions: dict[str, int] | None = None,
    hidden: tuple[str, ...] = (),
    last: np.ndarray | None = None,
) -> Wishes:
    return wishes(opinions or {}, hidden, standing(events), PLACE, PROMPTS, 3, now=NOW, last=last)


def dismissed(told: Wishes, *words: float) -> list[float]:
    return told.columns(ALL, np.asarray(words, np.float32))["own_dismissed"].tolist()


def test_opinions_and_hides_stand_at_their_rows_and_strangers_nowhere() -> None:
    told = laid(opinions={"a": 1, "c": -1, "gone": 1}, hidden=("b", "gone"))
    assert told.opinion.tolist() == [1, 0, -1] and told.hidden.tolist() == [False, True, False]
    columns = told.columns(np.asarray([2, 0]), np.zeros(0, np.float32))
    assert columns["own_opinion"].tolist() == [-1, 1] and columns["own_dismissed"].tolist() == [0, 0]


def test_a_dismissal_counts_fully_at_its_prompt_and_little_elsewhere() -> None:
    told = laid(event(EventKind.DISMISS))
    assert dismissed(told, 1.0, 0.0) == pytest.approx([1, 0, 0])
    assert dismissed(told, SAME, 0.0) == pytest.approx([1, 0, 0])
    assert dismissed(told, SAME / 2, 0.0) == pytest.approx([ELSEWHERE + (1 - ELSEWHERE) / 2, 0, 0])
    assert dismissed(told, 0.0, 1.0) == pytest.approx([ELSEWHERE, 0, 0])


def test_without_a_prompt_a_dismissal_is_one_made_elsewhere() -> None:
    assert dismissed(laid(event(EventKind.DISMISS, prompt="")), 1.0, 1.0) == pytest.approx([ELSEWHERE, 0, 0])
    alone = wishes({}, (), [event(EventKind.DISMISS, prompt="")], PLACE, {}, 3, now=NOW)
    assert dismissed(alone) == pytest.approx([ELSEWHERE, 0, 0])


def test_taking_out_says_less_and_dismissals_add_up() -> None:
    assert dismissed(laid(event(EventKind.REMOVE, "b")), 1.0, 0.0) == pytest.approx([0, REMOVED, 0])
    both = laid(event(EventKind.DISMISS), event(EventKind.DISMISS, prompt="city"), event(EventKind.DISMISS, "gone"))
    assert dismissed(both, 1.0, 0.0) == pytest.approx([1 + ELSEWHERE, 0, 0])


def test_a_dismissal_can_be_taken_back_for_its_prompt_or_for_all() -> None:
    here, there = event(EventKind.DISMISS), event(EventKind.DISMISS, prompt="city")
    back = event(EventKind.UNDISMISS)
    assert dismissed(laid(here, back), 1.0, 0.0) == [0, 0, 0]
    assert dismissed(laid(here, there, back), 0.0, 1.0) == pytest.approx([1, 0, 0])
    assert dismissed(laid(here, there, event(EventKind.UNDISMISS, prompt="")), 1.0, 1.0) == [0, 0, 0]
    assert dismissed(laid(here, event(EventKind.UNDISMISS, "b")), 1.0, 0.0) == pytest.approx([1, 0, 0])
    assert dismissed(laid(here, back, here), 1.0, 0.0) == pytest.approx([1, 0, 0]), "said again later"
    assert dismissed(laid(event(EventKind.REMOVE), back), 1.0, 0.0) == pytest.approx([REMOVED, 0, 0])


@pytest.mark.parametrize("kind", sorted(set(EventKind) - {EventKind.DISMISS, EventKind.REMOVE}, key=str))
def test_no_other_event_dismisses(kind: EventKind) -> None:
    assert dismissed(laid(event(kind)), 1.0, 1.0) == [0, 0, 0]


REMOVE, INSERT = EventKind.REMOVE, EventKind.INSERT
LATER = NOW + 2 * UNDONE


def test_a_removal_says_nothing_at_other_prompts_and_once_at_its_own() -> None:
    told = laid(event(REMOVE), event(REMOVE), event(REMOVE))
    assert dismissed(told, 1.0, 0.0) == pytest.approx([REMOVED, 0, 0])
    assert dismissed(told, 0.0, 1.0) == [0, 0, 0]
    assert dismissed(laid(event(REMOVE, prompt="")), 1.0, 1.0) == [0, 0, 0], "nobody knows at which"
    assert dismissed(laid(event(REMOVE), event(REMOVE, prompt="city")), 1.0, 1.0) == pytest.approx([2 * REMOVED, 0, 0])


def test_what_was_put_in_again_or_used_since_was_not_taken_out() -> None:
    assert dismissed(laid(event(REMOVE), event(INSERT, prompt="city")), 1.0, 0.0) == [0, 0, 0]
    assert dismissed(laid(event(REMOVE), event(INSERT, "b")), 1.0, 0.0) == pytest.approx([REMOVED, 0, 0])
    assert dismissed(laid(event(REMOVE), last=np.asarray([LATER, -np.inf, -np.inf])), 1.0, 0.0) == [0, 0, 0]
    before = np.asarray([NOW - 1, LATER, -np.inf])
    assert dismissed(laid(event(REMOVE), last=before), 1.0, 0.0) == pytest.approx([REMOVED, 0, 0])


def test_what_is_put_in_and_at_once_taken_out_leaves_nothing() -> None:
    undone = [event(INSERT), event(REMOVE, at=NOW + UNDONE)]
    assert dismissed(laid(*undone), 1.0, 0.0) == [0, 0, 0] and without_undone(undone) == []
    assert dismissed(laid(event(REMOVE, at=NOW - 99), *undone), 1.0, 0.0)[0] == pytest.approx(REMOVED, rel=1e-3)
    other = [event(INSERT, "b"), *undone]
    assert without_undone(other) == other[:1]
    tried = [event(INSERT), event(REMOVE, at=LATER)]
    assert dismissed(laid(*tried), 1.0, 0.0) == pytest.approx([REMOVED, 0, 0]) and without_undone(tried) == tried


def test_a_removal_fades_and_a_dismissal_does_not() -> None:
    old = NOW - HALF_LIFE
    told = laid(event(REMOVE, at=old), event(EventKind.DISMISS, "b", at=old), event(REMOVE, "c", at=NOW + HALF_LIFE))
    assert dismissed(told, 1.0, 0.0) == pytest.approx([REMOVED / 2, 1, REMOVED])


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["forest", "city", ""])), max_size=6),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_the_nearer_the_prompt_the_more_it_counts(
    told: list[tuple[str, str]], one: tuple[float, float], other: tuple[float, float]
) -> None:
    found = laid(*(event(EventKind.DISMISS, lora, prompt) for lora, prompt in told))
    low, high = np.minimum(one, other), np.maximum(one, other)
    less, more = np.asarray(dismissed(found, *low)), np.asarray(dismissed(found, *high))
    assert (less <= more + 1e-6).all() and (less >= 0).all() and more.sum() <= len(told) + 1e-6
