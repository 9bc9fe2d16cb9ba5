"""Tasks with a past, put to a recommender that a person can compute: it ranks by how often it saw a LoRA used."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from lorarec.measure import protocol, warm
from lorarec.measure.bench_data import Bench, Label, Row
from lorarec.measure.metrics import macro
from lorarec.measure.users import User
from lorarec.measure.warm import PAIR_SHRINK, PRIOR_WEIGHTS, Known

ONE, TWO, THREE, FOUR = (f"civitai:{number}" for number in (1, 2, 3, 4))
SCORES = {ONE: 0.9, TWO: 0.6, THREE: 0.4, FOUR: 0.1}  # of the recommender without a past, whatever the prompt


def row(name: str, *loras: str, weight: float | None = 0.5) -> Row:
    return Row(name, f"prompt {name}", tuple(Label(lora, weight=weight) for lora in loras))


def known(*rows: Row) -> Known:
    return Known(rows, tuple(range(len(rows))))


PAST = known(row("h:1", THREE, weight=0.3), row("h:2", FOUR, THREE, weight=0.7), row("h:3", THREE, weight=1.1))


class Counting:
    """What was used most often comes first, then by score; strengths are those used last."""

    def __init__(self, ids: Sequence[str], past: Known | None, log: list) -> None:
        self.ids, self.past, self.log = ids, list(past.rows) if past else [], log

    def rank(self, prompt: str, top: int = 100, active: Sequence[Label] = ()) -> list[tuple[str, float]]:
        self.log.append(("rank", prompt, len(self.past), tuple(label.id for label in active)))
        count = Counter(label.id for row in self.past for label in row.loras)
        beside = {label.id for label in active}
        return sorted(
            ((one, SCORES[one]) for one in self.ids if one not in beside), key=lambda pair: (-count[pair[0]], -pair[1])
        )[:top]

    def strengthen(self, lora: str, row: Row) -> float:
        self.log.append(("strength", row.prompt, lora))
        last = [label.weight for row in self.past for label in row.loras if label.id == lora]
        return (last[-1] or 0.0) if last else 0.8

    def remember(self, past: Known, first: int = 0) -> None:
        self.log.append(("remember", tuple(row.id for row in past.rows), past.days, first))
        self.past += past.rows


class Opening:
    """Opens such recommenders and notes what was asked of each."""

    def __init__(self) -> None:
        self.logs: list[tuple[str, bool, list]] = []
        self.said: list[tuple[str, int, int]] = []

    @contextmanager
    def __call__(self, name: str, ids: tuple[str, ...], past: Known | None) -> Iterator[Counting]:
        log: list = []
        self.logs.append((name, past is not None, log))
        yield Counting(ids, past, log)

    def say(self, what: str, done: int, total: int) -> None:
        self.said.append((what, done, total))


@pytest.fixture
def opening() -> Opening:
    return Opening()


ALL = {"4:0": (ONE, TWO, THREE, FOUR)}


# The community as one user


def test_the_same_rows_are_ranked_with_and_without_the_past(bench: Bench, opening: Opening) -> None:
    found = warm.community(bench, ALL, PAST, opening, opening.say, None)
    cold, ours = found.variants["cold"].summary, found.variants["warm"].summary
    # b:1 wants 1, b:2 wants 2 and 4, b:3 wants 3. Cold ranks 1 2 3 4; with the past 3 4 1 2.
    assert cold.macro.mrr == pytest.approx((1 + 1 / 2 + 1 / 2 + 1 / 3) / 4)
    assert ours.macro.mrr == pytest.approx((1 / 3 + 1 / 2 + 1 / 2 + 1) / 4)
    assert cold.micro.mrr == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert ours.micro.mrr == pytest.approx((1 / 3 + 1 / 2 + 1) / 3)
    assert (cold.rows, ours.rows, found.people, found.generations) == (3, 3, 1, 3)
    assert found.seen == 2 / 4 and found.name == "community as one user, 4"
    gain = found.variants["warm"].gain
    assert gain is not None and gain.low <= 0 <= gain.high
    assert [(name, with_past) for name, with_past, _ in opening.logs] == [("4:0", False), ("4:0", True)]
    assert opening.said[-1] == ("4:0, with the past", 3, 3)


def test_the_frequency_prior_is_given_the_best_of_its_weights(bench: Bench, opening: Opening) -> None:
    found = warm.community(bench, ALL, PAST, opening, opening.say, None).variants["prior"]
    counts = {THREE: 3, FOUR: 1}
    wanted = {"b:1": {ONE}, "b:2": {TWO, FOUR}, "b:3": {THREE}}

    def mrr(weight: float) -> float:
        order = sorted(
            SCORES,
            key=lambda one: -(math.log(SCORES[one] / (1 - SCORES[one])) + weight * math.log(counts.get(one, 0) + 0.5)),
        )
        best = {query: 1 / min(order.index(one) + 1 for one in right) for query, right in wanted.items()}
        return sum(best[query] for query, right in wanted.items() for _ in right) / 4

    assert found.summary.macro.mrr == pytest.approx(max(map(mrr, PRIOR_WEIGHTS)))
    assert found.name.startswith("frequency prior ") and float(found.name.split()[-1]) in PRIOR_WEIGHTS


def test_several_libraries_are_counted_together_and_a_limit_holds(bench: Bench, opening: Opening) -> None:
    two = {"2:0": (ONE, THREE), "2:1": (TWO, FOUR)}
    found = warm.community(bench, two, PAST, opening, opening.say, None)
    assert found.variants["cold"].summary.rows == 3 and len(opening.logs) == 4
    limited = warm.community(bench, two, PAST, opening, opening.say, 1)
    assert limited.variants["cold"].summary.rows == 2, "one row of each"


def test_a_library_of_which_nothing_is_asked(bench: Bench, opening: Opening) -> None:
    found = warm.community(bench, {}, PAST, opening, opening.say, None)
    assert found.seen == 0 and math.isnan(found.variants["warm"].summary.macro.mrr)


# Simulated users


def test_each_prompt_joins_the_past_once_it_was_asked(opening: Opening) -> None:
    rows = tuple(row(f"u:{at}", (ONE, FOUR)[at % 2]) for at in range(6))
    user = User("user 0:0", tuple(SCORES), rows, (10, 11, 12, 13, 14, 15))
    found = warm.simulated([user], rows, opening, opening.say, None)
    (_, cold_past, cold), (_, with_past, log) = opening.logs
    assert not cold_past and [entry[0] for entry in cold] == ["rank"] * 3, "without a past nothing is remembered"
    assert with_past and log == [
        ("rank", "prompt u:3", 3, ()),
        ("remember", ("u:3",), (13,), 3),
        ("rank", "prompt u:4", 4, ()),
        ("remember", ("u:4",), (14,), 4),
        ("rank", "prompt u:5", 5, ()),
    ]
    assert (found.people, found.generations, found.seen) == (1, 6, 1.0)
    # Asked for 4, 1, 4. Cold: 4, 1, 4. With the past: 1 1 4 -> 2; a tie of two each -> 1; 1 leads again -> 2.
    assert found.variants["cold"].summary.micro.mrr == pytest.approx((1 / 4 + 1 + 1 / 4) / 3)
    assert found.variants["warm"].summary.micro.mrr == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)


def test_the_prior_of_simulated_users_counts_everybody(opening: Opening) -> None:
    mine = tuple(row(f"u:{at}", TWO) for at in range(4))
    everybody = [*mine, *(row(f"v:{at}", FOUR) for at in range(500))]
    found = warm.simulated([User("u", tuple(SCORES), mine, (1, 2, 3, 4))], everybody, opening, opening.say, None)
    assert found.variants["warm"].summary.micro.mrr == 1
    over = found.variants["warm"].over_prior
    assert over is not None and over.low > 0
    assert found.variants["prior"].summary.macro.mrr == pytest.approx(1 / 2)


def test_a_lora_is_seen_if_any_earlier_prompt_had_it(opening: Opening) -> None:
    rows = (row("u:0", ONE), row("u:1", ONE), row("u:2", TWO, ONE), row("u:3", TWO))
    found = warm.simulated([User("u", tuple(SCORES), rows, (1, 2, 3, 4))], rows, opening, opening.say, None)
    assert found.seen == pytest.approx(2 / 3)
    assert warm.simulated([], rows, opening, opening.say, None).seen == 0


# Completion


def test_the_missing_lora_is_looked_for_beside_the_others(bench: Bench, opening: Opening) -> None:
    past = known(row("h:1", TWO, FOUR), row("h:2", FOUR, TWO), row("h:3", THREE), row("h:4", THREE), row("h:5", THREE))
    found = warm.completion(bench, ALL, past, opening, opening.say, None)
    assert (found.rows, found.queries) == (2, 1), "only b:2 has two LoRAs"
    (_, _, cold), (_, _, ours) = opening.logs
    assert [entry[3] for entry in cold] == [entry[3] for entry in ours] == [(FOUR,), (TWO,)]
    # Hidden 2, then 4. Cold: 1 2 3 and 1 3 4. By count: 3 2 1 and 3 4 1. P(j|i): 2 or 4 leads, always used together.
    assert found.mrr["without the past"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert found.mrr["with the past"] == found.mrr["popularity"] == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert found.mrr["P(j given i) + popularity"] == 1
    assert found.hit_10 == dict.fromkeys(found.mrr, 1.0)
    assert {(one.low, one.high) for one in found.interval.values()} == {(1.0, 1.0)}


def test_one_lora_named_twice_is_no_pair(bench: Bench, opening: Opening) -> None:
    bench.queries.append(Row("b:4", "twice", (Label(ONE), Label(ONE))))
    assert warm.completion(bench, ALL, PAST, opening, opening.say, None).rows == 2


def test_joint_use_in_the_baseline_is_shrunk() -> None:
    pairs = warm._Pairs([row("1", ONE, TWO), row("2", ONE), row("3", THREE)])
    plain = {one: (count + 0.2) / 23 for one, count in ((ONE, 2), (TWO, 1), (THREE, 1), (FOUR, 0))}

    def given(both: int, count: int, one: str) -> float:
        return (both + PAIR_SHRINK * plain[one]) / (count + PAIR_SHRINK)

    assert pairs.score(TWO, [ONE]) == pytest.approx(math.log(given(1, 2, TWO)) + 0.3 * math.log(plain[TWO]))
    both = (given(0, 1, FOUR) + given(0, 2, FOUR)) / 2
    assert pairs.score(FOUR, [THREE, ONE]) == pytest.approx(math.log(both) + 0.3 * math.log(plain[FOUR]))


# Strengths


def test_strengths_are_compared_where_the_past_knows_the_lora(bench: Bench, opening: Opening) -> None:
    rows = [row(f"h:{weight}", ONE, weight=weight) for weight in (0.2, 0.4, 0.9)]
    past = known(*rows, row("h:4", FOUR, weight=None))
    found = warm.seen_weights(bench, tuple(SCORES), past, opening, opening.say, None)
    # b:1 has LoRA 1 at 0.7; its page shows it at 0.6 and 0.8. LoRA 4 was used at unknown strengths only.
    assert (found.n, found.queries) == (1, 1)
    assert found.errors == {
        "ours": pytest.approx(0.2),
        "always 0.8": pytest.approx(0.1),
        "last used": pytest.approx(0.2),
        "history median": pytest.approx(0.3),
        "showcase median": pytest.approx(0.0),
    }
    assert found.clipped == found.errors
    assert (found.gain.low, found.gain.high) == (pytest.approx(-0.1), pytest.approx(-0.1))
    assert opening.logs[0][:2] == ("labels", True)


def test_strengths_beyond_the_sliders_count_as_their_ends(bench: Bench, opening: Opening) -> None:
    bench.queries[:] = [Row("b:1", "x", (Label(ONE, weight=5.0),)), Row("b:2", "x", (Label(TWO, weight=-1.0),))]
    past = known(row("h:1", ONE, weight=1.5), row("h:2", TWO, weight=0.5))
    found = warm.seen_weights(bench, tuple(SCORES), past, opening, opening.say, None)
    assert found.errors["last used"] == pytest.approx((3.5 + 1.5) / 2)
    assert found.clipped["last used"] == pytest.approx((0.5 + 0.5) / 2)


def test_where_nothing_was_seen_there_is_no_figure(bench: Bench, opening: Opening) -> None:
    found = warm.seen_weights(bench, tuple(SCORES), known(), opening, opening.say, None)
    assert (found.n, found.queries) == (0, 0) and math.isnan(found.gain.low)
    assert found.errors.keys() == set(warm.GUESSES) and all(map(math.isnan, found.errors.values()))


# As one run


def test_the_protocol_asks_for_what_is_planned(bench: Bench, opening: Opening) -> None:
    bench.history[:] = [row(f"b:{at}", ONE, FOUR) for at in range(100, 104)]
    setups: list[protocol.Setup] = []

    def opener(setup: protocol.Setup):  # type: ignore[no-untyped-def]
        setups.append(setup)
        return opening(setup.name, setup.ids, setup.past)

    user = User("u", tuple(SCORES), tuple(bench.history), (1, 2, 3, 4))
    plan = protocol.Plan(tasks=("warm", "weights"), sizes=("2",))
    report = protocol.run(plan, bench, opener, users=lambda: [user])
    assert [one.name for one in report.warm] == ["community as one user, 2", "simulated users, 300"]
    assert report.seen_weights is not None and report.completion is None and report.rankings == []
    assert report.seen_weights.n == 2, "LoRA 1 of b:1 and LoRA 4 of b:2"
    pasts = {setup.name: setup.past for setup in setups if setup.past is not None}
    assert {name: len(past.rows) for name, past in pasts.items()} == {"2:0": 4, "2:1": 4, "u": 2, "labels": 4}
    assert list(pasts["2:0"].days) == sorted(pasts["2:0"].days)
    assert macro([]).n == 0
