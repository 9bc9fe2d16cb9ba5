"""The verdict on a user's own weights: made of the history, kept beside it, made anew when there is more."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from lorarec import judging
from lorarec.history.store import History
from lorarec.history_types import Event, EventKind, Generation, Use
from lorarec.judging import AGAIN, FILE, Judged
from lorarec.rank import personal
from lorarec.rank.rerank import LEAST, Verdict
from lorarec.recommender import Recommender
from lorarec.types import Query
from words_only import WORDS_ONLY

NAMES = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett")
SHIPPED = personal.shipped().weights
PASSED = Judged(
    verdict=Verdict(used=True, weights={"used": 9.0}, why="planted"), at=1.0, occasions=100, shipped=dict(SHIPPED)
)
Make = Callable[..., Path]


@pytest.fixture
def roots(loras_named: Callable[..., Path]) -> Path:
    return loras_named(*NAMES)


@pytest.fixture
def recommender(roots: Path, tmp_path: Path) -> Iterator[Recommender]:
    with Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as opened:
        opened.refresh()
        yield opened


def make(recommender: Recommender, count: int, choose: Callable[[int], str], first: int = 0) -> None:
    for number in range(first, first + count):
        generation = Generation(
            prompt=f"castle, picture {number}",
            loras=(Use(name=choose(number), strength=0.8),),
            made=1.7e9 + number * 60,
            seed=number,
        )
        assert recommender.memory.record_generation(generation)
    recommender.learn()


def test_without_a_history_there_is_nothing_to_judge_by(recommender: Recommender) -> None:
    found = recommender.judge()
    assert not found.verdict.used and found.occasions == 0 and "no history" in found.verdict.why


def test_what_was_put_in_and_at_once_taken_out_was_not_chosen(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(recommender, 1, lambda number: NAMES[0])
    ids = {lora.name: lora.id for lora in recommender.loras()}
    for name, kind in (("bravo", "insert"), ("alpha", "insert"), ("alpha", "remove")):
        recommender.memory.record_event(Event(kind=EventKind(kind), lora=ids[name], at=1.7e9, prompt="castle"))
    told: list[str] = []
    monkeypatch.setattr(judging, "moments", lambda past, events, shown: told.extend(one.lora for one in events) or [])
    recommender.judge()
    assert told == [ids["bravo"]]


def test_a_short_history_is_told_to_be_short(recommender: Recommender) -> None:
    make(recommender, 5, lambda number: NAMES[number % 3])
    found = recommender.judge()
    assert not found.verdict.used and "5 of" in found.verdict.why and found.occasions == 5


def test_only_answers_that_something_was_taken_from_are_read(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(recommender, 5, lambda number: NAMES[number % 3])
    memory = recommender.memory
    numbers = [memory.record_shown(Query(prompt="castle"), recommender.recommend(Query(prompt="castle"))) for _ in "ab"]
    taken = recommender.find("alpha").id
    memory.record_event(Event(kind=EventKind.INSERT, at=time.time(), lora=taken, impression=numbers[1]))
    seen: list[set[int]] = []
    kept = History.impressions_of
    monkeypatch.setattr(History, "impressions_of", lambda self, ids: seen.append(set(ids)) or kept(self, ids))
    recommender.judge()
    assert seen == [{numbers[1]}]


def test_a_habit_is_worth_more_than_no_history(recommender: Recommender) -> None:
    """Someone who mostly takes one LoRA: known to any weights, unknown without a past."""
    dice = random.Random(0)
    make(recommender, 120, lambda _: "juliett" if dice.random() < 0.8 else dice.choice(NAMES))
    verdict = recommender.judge().verdict
    assert (verdict.earlier, verdict.later) == (90, 30)
    assert verdict.cold is not None and verdict.shared is not None and verdict.own is not None
    assert verdict.shared > verdict.cold + 0.2 and verdict.own >= verdict.cold
    assert verdict.since == pytest.approx(1.7e9 + 90 * 60)


def test_a_user_unlike_others_gets_weights_of_their_own(recommender: Recommender) -> None:
    """Who never takes the same LoRA twice in a row is served badly by "what was used last is used again"."""
    make(recommender, 160, lambda number: NAMES[number % len(NAMES)])
    found = recommender.judge()
    verdict = found.verdict
    assert verdict.used and verdict.low is not None and verdict.low > 0
    assert verdict.own is not None and verdict.shared is not None and verdict.own > verdict.shared
    assert verdict.weights["age"] > SHIPPED["age"]
    assert recommender._judge.judged() == found, "it is on file"
    assert not recommender._judge.due()
    make(recommender, 45, lambda number: NAMES[number % len(NAMES)], first=160)
    assert recommender._judge.due()


def test_half_a_replay_is_no_verdict(recommender: Recommender) -> None:
    make(recommender, 100, lambda number: NAMES[number % len(NAMES)])
    judging.save(PASSED, recommender.memory.folder)
    recommender._judge_if_due()
    answers = iter([False] * 20 + [True])
    found = recommender.judge(lambda: next(answers, False))
    assert not found.verdict.used and recommender._judge.judged() == PASSED
    assert recommender.ranking.personal._weights.tolist() == personal.vector({"used": 9.0}).tolist()


# On file


def test_a_verdict_is_kept_replaced_and_forgotten(tmp_path: Path) -> None:
    assert judging.load(tmp_path / "own") is None
    judging.save(PASSED, tmp_path / "own")
    judging.save(replace(PASSED, at=2.0), tmp_path / "own")
    assert judging.load(tmp_path / "own") == replace(PASSED, at=2.0)
    assert [path.name for path in (tmp_path / "own").iterdir()] == [FILE]
    judging.forget(tmp_path / "own")
    judging.forget(tmp_path / "own")
    assert judging.load(tmp_path / "own") is None


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b'{"verdict": {"used": 1}}', b"\xff\xfe", b'{"verdict":'])
def test_a_damaged_verdict_is_none(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / FILE).write_bytes(raw)
    assert judging.load(tmp_path) is None


def test_a_verdict_against_other_shared_weights_says_nothing(tmp_path: Path) -> None:
    judging.save(replace(PASSED, shipped={"used": 1.0}), tmp_path)
    assert judging.load(tmp_path) is None


def test_it_is_judged_again_when_the_history_grew_or_the_shared_weights_changed(recommender: Recommender) -> None:
    make(recommender, LEAST - 1, lambda number: "alpha")
    assert not judging.due(None, None) and not judging.due(None, recommender.memory.memories)
    make(recommender, 1, lambda number: "alpha", first=LEAST)
    memories = recommender.memory.memories
    assert judging.due(None, memories)
    assert not judging.due(replace(PASSED, occasions=LEAST), memories)
    assert not judging.due(replace(PASSED, occasions=int(LEAST / AGAIN) - 5), memories), "a few more prove nothing"
    assert judging.due(replace(PASSED, occasions=LEAST, shipped={}), memories)


def test_a_verdict_on_file_ranks_in_the_next_process(roots: Path, tmp_path: Path) -> None:
    with Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as first:
        judging.save(PASSED, first.memory.folder)
        assert first.ranking.personal._weights.tolist() == personal.vector(SHIPPED).tolist()
    with Recommender.open([roots], tmp_path / "data", settings=WORDS_ONLY) as second:
        assert second.ranking.personal._weights.tolist() == personal.vector({"used": 9.0}).tolist()
        judging.forget(second.memory.folder)
        second._judge_if_due()
        assert second.ranking.personal._weights.tolist() == personal.vector(SHIPPED).tolist()


def test_with_the_history_off_the_verdict_rests(roots: Path, tmp_path: Path) -> None:
    with Recommender.open([roots], tmp_path / "data", settings=replace(WORDS_ONLY, history=False)) as off:
        judging.save(PASSED, off.memory.folder)
        off._judge_if_due()
        assert off.ranking.personal._weights.tolist() == personal.vector(SHIPPED).tolist()
