"""The past asked again: which moments there are, and that each is asked with what was known before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from lorarec import replay as module
from lorarec.history_types import Event, EventKind, Generation, Impression, PastGeneration, ShownLora, Use
from lorarec.rank.personal import INPUTS
from lorarec.recommender import Recommender
from lorarec.replay import Moment, moments, replay
from traces import NOW, remembered
from words_only import WORDS_ONLY

NAMES = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot")
Make = Callable[..., Path]


def impression(at: float, prompt: str, shown: str) -> Impression:
    return Impression(at=at, prompt=prompt, shown=tuple(ShownLora(lora, 0.5) for lora in shown))


def insert(lora: str, number: int | None, kind: EventKind = EventKind.INSERT) -> Event:
    return Event(kind=kind, lora=lora, at=NOW, impression=number)


# Moments


def test_a_prompt_with_its_loras_is_a_moment_once_however_many_images_came_of_it() -> None:
    told = [
        remembered(0, "a castle <lora:a:1>", "a"),
        remembered(1, "(a castle)", "a"),
        remembered(2, "a castle", "ab"),
        remembered(3, "deer", "a"),
    ]
    found = moments(told, (), {})
    assert [(one.at - NOW, one.prompt, "".join(sorted(one.chosen))) for one in found] == [
        (0, "a castle", "a"),
        (2, "a castle", "ab"),
        (3, "deer", "a"),
    ]
    assert {one.offered for one in found} == {frozenset()}


@pytest.mark.parametrize(
    "nothing",
    [
        remembered(0, None),
        remembered(0, ""),
        remembered(0, "<lora:a:1>"),
        remembered(0, "castle", ""),
        remembered(0, "x", " "),
    ],
)
def test_without_prompt_or_known_lora_there_is_no_moment(nothing: PastGeneration) -> None:
    assert moments([nothing], (), {}) == []


def test_of_an_answer_what_was_inserted_was_chosen_among_what_was_shown() -> None:
    shown = {
        1: impression(NOW + 5, "(castle:1.2)", "abc"),
        2: impression(NOW + 1, "deer", "ab"),
        3: impression(NOW, "owl", "a"),
    }
    events = [
        insert("a", 1),
        insert("c", 1),
        insert("b", 2),
        insert("z", None),
        insert("z", 99),
        insert("a", 3, EventKind.LIKE),
    ]
    assert moments((), events, shown) == [
        Moment(NOW + 1, "deer", frozenset("b"), frozenset("ab")),
        Moment(NOW + 5, "castle", frozenset("ac"), frozenset("abc")),
    ]
    assert moments((), [insert("a", 1)], {1: impression(NOW, "", "ab")}) == []


def test_both_kinds_come_in_order_of_time_and_of_many_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    told = [remembered(number, f"castle {number}") for number in range(4)]
    found = moments(told, [insert("b", 1)], {1: impression(NOW + 2.5, "deer", "ab")})
    assert [one.prompt for one in found] == ["castle 2", "deer", "castle 3"]


# Asking again


@pytest.fixture
def recommender(tmp_path: Path, loras_named: Callable[..., Path]) -> Iterator[Recommender]:
    with Recommender.open([loras_named(*NAMES)], tmp_path / "data", settings=WORDS_ONLY) as opened:
        opened.refresh()
        yield opened


def make(recommender: Recommender, told: Sequence[tuple[str, str]], first: int = 0) -> None:
    for number, (prompt, name) in enumerate(told, first):
        uses = (Use(name=name, strength=0.8),)
        assert recommender.memory.record_generation(
            Generation(prompt=prompt, loras=uses, made=NOW + number, seed=number)
        )
    recommender.learn()


def asked_again(recommender: Recommender, told: Sequence[Moment], stop: Callable[[], bool] = lambda: False) -> list:
    now = recommender._library.now
    memories = recommender.memory.memories
    assert now is not None and memories is not None
    return replay(told, memories, now.pipeline.library, now.pipeline, lambda prompt: None, stop)


def of_history(recommender: Recommender) -> list[Moment]:
    return moments(recommender.memory.history.past(), (), {})


def test_each_moment_knows_only_what_came_before_it(recommender: Recommender) -> None:
    make(
        recommender, [("castle, rain", "alpha"), ("castle, fog", "alpha"), ("castle, snow", "alpha"), ("owl", "bravo")]
    )
    found = asked_again(recommender, of_history(recommender))
    assert [moment.prompt for moment, _ in found] == ["castle, rain", "castle, fog", "castle, snow", "owl"]
    used, words = INPUTS.index("used"), INPUTS.index("words")
    alpha = [choice.inputs[choice.right][0] for _, choice in found[:3]]
    assert alpha[0][used] == 0 == alpha[0][words], "the first one was the first"
    assert 0 < alpha[1][used] < alpha[2][used] and alpha[1][words] > 0
    owl = found[3][1]
    assert owl.inputs[owl.right][0][used] == 0 and (owl.inputs[:, used] > 0).sum() == 1


def test_the_later_past_changes_nothing_of_what_was_chosen_before(recommender: Recommender) -> None:
    make(recommender, [("castle, rain", "alpha"), ("castle, fog", "bravo"), ("castle, snow", "alpha")])
    first = asked_again(recommender, of_history(recommender))
    make(recommender, [(f"castle {n}", "charlie") for n in range(3, 30)], first=3)
    again = asked_again(recommender, of_history(recommender))
    for (moment, one), (same, other) in zip(first, again, strict=False):
        assert moment == same
        np.testing.assert_allclose(other.inputs, one.inputs, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(other.logits, one.logits)


def test_among_what_was_offered_only_that_is_compared(recommender: Recommender) -> None:
    make(recommender, [("castle", "alpha"), ("owl", "bravo")])
    ids = {name: recommender.find(name).id for name in NAMES}
    offered = frozenset(ids[name] for name in ("alpha", "charlie", "delta"))
    [(_, choice)] = asked_again(recommender, [Moment(NOW + 9, "castle", frozenset([ids["charlie"]]), offered)])
    assert len(choice.right) == 3 and choice.right.sum() == 1
    [(_, whole)] = asked_again(recommender, [Moment(NOW + 9, "castle", frozenset([ids["charlie"]]))])
    assert len(whole.right) == len(NAMES)


def test_moments_whose_loras_are_gone_or_that_leave_no_choice_are_left_out(recommender: Recommender) -> None:
    make(recommender, [("castle", "alpha")])
    ids = [recommender.find(name).id for name in NAMES]
    gone = Moment(NOW + 9, "castle", frozenset(["no such id"]))
    all_of_them = Moment(NOW + 9, "castle", frozenset(ids))
    alone = Moment(NOW + 9, "castle", frozenset(ids[:1]), frozenset(ids[:1]))
    assert asked_again(recommender, [gone, all_of_them, alone]) == []


def test_it_stops_when_asked_to(recommender: Recommender) -> None:
    make(recommender, [(f"castle {number}", "alpha") for number in range(6)])
    answers = iter([False, False, True])
    assert len(asked_again(recommender, of_history(recommender), lambda: next(answers))) == 2
