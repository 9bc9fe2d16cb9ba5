"""What a past says about candidates: every column against its formula, and that none of it looks into the future."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from lorarec.history_types import PastGeneration
from lorarec.learn.past import HALF_LIFE, Past
from lorarec.learn.signals import (
    ALIKE,
    LIKE_THIS,
    NAMES,
    NEIGHBOURS,
    PAIRS,
    STRANGE,
    STRANGERS,
    UNKNOWN,
    WIDTH,
    Content,
    Evidence,
)

Generate = Callable[..., PastGeneration]
Lay = Callable[..., Past]
ALL = np.arange(4)
NOW = 1.7e9
SHARES = ("own_evidence", "own_share", "own_age", "own_words", "own_votes", "own_votes_words", "own_alike", "own_role")


class Near(Struct, frozen=True):
    """Nearness of each prompt."""

    words: np.ndarray
    meaning: np.ndarray | None = None


def near(words: Sequence[float], meaning: Sequence[float] | None = None) -> Near:
    return Near(np.asarray(words, np.float32), None if meaning is None else np.asarray(meaning, np.float32))


def content(count: int = 4, semantic: Sequence[Sequence[float]] | None = None) -> Content:
    """LoRAs of two roles by turns, without vectors unless some are given."""
    vectors = None if semantic is None else np.asarray(semantic, np.float32)
    return Content(
        np.arange(count) % 2,
        vectors,
        None if vectors is None else np.zeros(vectors.shape[1], np.float32),
    )


def ask(past: Past, query: Near, **options: object) -> dict[str, list[float]]:
    columns = Evidence(past, query, content(), **options).columns(ALL)  # type: ignore[arg-type]
    return {name: column.tolist() for name, column in columns.items()}


def kernel(value: float) -> float:
    return exp((value - 1) / WIDTH)


def approx(*values: float) -> object:
    return pytest.approx(list(values), rel=1e-4, abs=1e-6, nan_ok=True)


NAN = float("nan")


# One column at a time


@pytest.fixture
def past(generation: Generate, laid: Lay) -> Past:
    """Five occasions: a, b with a, c, a, and one without any LoRA. d was never used."""
    return laid([generation(n, f"prompt {n}", uses) for n, uses in enumerate(("a", "ba", "c", "a", ""))])


def test_counts_are_shrunk_by_generations_that_nothing_is_known_of(past: Past) -> None:
    found = ask(past, near([0] * 5))
    assert found["own_uses"] == approx(3, 1, 1, 0)
    assert found["own_share"] == approx(*(count / (5 + UNKNOWN) for count in (3, 1, 1, 0)))
    assert found["own_evidence"] == approx(*[5 / (5 + UNKNOWN)] * 4)


def test_what_other_tools_counted_is_never_added_to_what_was_seen(generation: Generate, laid: Lay) -> None:
    told = [generation(n, f"{n}", "a") for n in range(3)]
    found = ask(laid(told, counted={"a": 2.0, "d": 10.0}), near([0] * 3))
    plain = ask(laid(told), near([0] * 3))
    assert {name for name in plain if found[name] != approx(*plain[name])} == {"own_counted"}
    assert found["own_counted"] == approx(0, 0, 0, 10 / (12 + UNKNOWN))
    alone = ask(laid([], counted={"d": 10.0}), near([]))
    assert alone["own_counted"] == approx(0, 0, 0, 10 / (10 + UNKNOWN))
    assert alone["own_uses"] == alone["own_evidence"] == approx(0, 0, 0, 0)


def test_age_is_the_share_of_the_past_since_the_last_use(past: Past) -> None:
    assert ask(past, near([0] * 5))["own_age"] == approx(1 - 4 / 5, 1 - 2 / 5, 1 - 3 / 5, NAN)


def test_nearness_is_that_of_the_nearest_prompt_with_the_lora(past: Past) -> None:
    found = ask(past, near([0.1, 0.2, 0.9, 0.4, 1.0], [-0.5, -0.1, 0.3, -0.2, 1.0]))
    assert found["own_words"] == approx(0.4, 0.2, 0.9, NAN)
    assert found["own_meaning"] == approx(-0.1, -0.1, 0.3, NAN)


def test_votes_are_those_of_the_nearest_by_a_kernel_against_strangers(generation: Generate, laid: Lay) -> None:
    past = laid([generation(0, "p", "a"), generation(1, "q", "ab"), generation(2, None, "c")])
    found = ask(past, near([1.0, 0.8], [0.5, 0.9]))
    one, two, unknown = kernel(1.0), kernel(0.8), kernel(0.0)
    total = one + two + unknown + STRANGERS * kernel(STRANGE["words"])
    assert found["own_votes_words"] == approx((one + two) / total, two / total, unknown / total, 0)
    one, two, unknown = kernel(0.5), kernel(0.9), kernel(0.0)
    total = one + two + unknown + STRANGERS * kernel(STRANGE["meaning"])
    assert found["own_votes"] == approx((one + two) / total, two / total, unknown / total, 0)


def test_only_the_nearest_vote_and_of_equally_near_ones_the_latest(generation: Generate, laid: Lay) -> None:
    told = [generation(n, f"{n}", "b" if n < 9 else "a") for n in range(9 + NEIGHBOURS)]
    equal = ask(laid(told), near([0.5] * len(told)))["own_votes_words"]
    assert equal[1] == 0 and equal[0] > 0.5
    nearer = ask(laid(told), near([0.6] * 9 + [0.5] * NEIGHBOURS))["own_votes_words"]
    first, rest = 9 * kernel(0.6), (NEIGHBOURS - 9) * kernel(0.5)
    assert nearer == approx(
        *(part / (first + rest + STRANGERS * kernel(STRANGE["words"])) for part in (rest, first)), 0, 0
    )


def test_an_old_prompt_has_less_of_a_vote(generation: Generate, laid: Lay) -> None:
    past = laid([generation(0, "p", "a", made=NOW - HALF_LIFE), generation(1, "q", "b")])
    votes = ask(past, near([0.9, 0.9]))["own_votes_words"]
    assert votes[0] == pytest.approx(votes[1] / 2)


def test_kept_is_the_share_of_images_less_the_users_own_mean(generation: Generate, laid: Lay) -> None:
    past = laid(
        [
            generation(0, "p", "a", images=4, deleted=1, liked=1),
            generation(1, "q", "b", images=4, deleted=4),
            generation(2, "r", "c"),
        ]
    )
    mean = 4 / 8
    assert ask(past, near([0] * 3))["own_kept"] == approx(
        (4 + 4 * mean) / 8 - mean, (0 + 4 * mean) / 8 - mean, NAN, NAN
    )
    assert np.isnan(ask(laid([generation(0, "p", "a")]), near([0]))["own_kept"]).all(), "no image is known at all"


def test_use_with_the_base_model_is_compared_with_usual_use(generation: Generate, laid: Lay) -> None:
    past = laid([generation(n, f"{n}", "ab"[n % 2], base_model=("SDXL", "Flux.1")[n % 2]) for n in range(4)])
    share = 2.5 / 5
    found = ask(past, near([0] * 4), base_model="SDXL")["own_base"]
    assert found == approx(log((2 + 3 * share) / 5 / share), log((0 + 3 * share) / 5 / share), NAN, NAN)
    for unknown in ("", "SD 1.5"):
        assert np.isnan(ask(past, near([0] * 4), base_model=unknown)["own_base"]).all()


def test_joint_use_is_a_shrunk_conditional_probability(past: Past) -> None:
    plain = [(count + 0.2) / (5 + UNKNOWN) for count in (3, 1, 1, 0)]
    given_a = [(both + PAIRS * p) / (3 + PAIRS) for both, p in zip((3, 1, 0, 0), plain, strict=True)]
    given_c = [(both + PAIRS * p) / (1 + PAIRS) for both, p in zip((0, 0, 1, 0), plain, strict=True)]
    found = ask(past, near([0] * 5), active=[0])
    assert found["together_share"] == approx(*given_a)
    assert found["together"] == approx(*(log(both / p) for both, p in zip(given_a, plain, strict=True)))
    two = ask(past, near([0] * 5), active=[0, 2])["together_share"]
    assert two == approx(*((one + other) / 2 for one, other in zip(given_a, given_c, strict=True)))
    stranger = ask(past, near([0] * 5), active=[3])
    assert stranger["together"] == approx(0, 0, 0, 0), "an active LoRA without a past says nothing"
    assert np.isnan(ask(past, near([0] * 5))["together"]).all()


def test_loras_like_those_of_the_neighbours_are_told_by_content_and_role(generation: Generate, laid: Lay) -> None:
    past = laid([generation(0, "p", "a")])
    library = content(4, [[1, 0], [0.6, 0.8], [-1, 0], [0, 0]])
    columns = Evidence(past, near([1.0]), library).columns(ALL)
    assert columns["own_alike"].tolist() == approx(0, 0.36, 0, 0), "itself does not count, nor what is unlike it"
    assert columns["own_role"].tolist() == approx(1, 0, 1, 0)
    assert np.isnan(Evidence(past, near([1.0]), content()).columns(ALL)["own_alike"]).all()


def test_the_mean_of_all_vectors_is_no_likeness(generation: Generate, laid: Lay) -> None:
    past = laid([generation(0, "p", "a")])
    plain = content(4, [[1, 0], [0.6, 0.8], [-1, 0], [0.8, -0.6]])
    moved = replace(plain, semantic=plain.semantic + 5, mean=np.full(2, 5, np.float32))  # type: ignore[operator]
    for name in ("own_alike", "own_role"):
        one, other = (Evidence(past, near([1.0]), library).columns(ALL)[name] for library in (plain, moved))
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_candidates_are_compared_with_a_few_of_the_neighbours_loras(generation: Generate, laid: Lay) -> None:
    names = "".join(chr(200 + at) for at in range(ALIKE + 10))
    told = [generation(n, f"{n}", name) for n, name in enumerate(names)]
    past = laid([*told, generation(99, "99", names)], names + "é")
    library = content(len(names) + 1, np.ones((len(names) + 1, 2)).tolist())
    nearness = near([*np.linspace(0.5, 0.9, len(names)), 0.0])
    alike = Evidence(past, nearness, library).columns(np.asarray([len(names)]))["own_alike"]
    assert 0.5 < alike[0] < 1, "the twenty that got most votes have most of them, and not all"


# The evidence as a whole


def test_what_a_person_would_call_alike(past: Past) -> None:
    words = [LIKE_THIS, LIKE_THIS - 0.01, 0, 0, 0]
    assert Evidence(past, near(words), content()).alike.tolist() == [True, False, False, False, False]
    meaning = [0, 0, 2 * LIKE_THIS, 2 * LIKE_THIS - 0.01, 0]
    found = Evidence(past, near(words, meaning), content())
    assert found.alike.tolist() == [True, False, True, False, False]
    assert found.nearness.tolist() == approx(*(np.add(words, meaning) / 2))
    assert Evidence(past, near(words), content()).nearness.tolist() == approx(*words)


def test_candidates_are_what_the_neighbours_and_the_stack_speak_for(past: Past) -> None:
    rows = Evidence(past, near([0, 0, 1.0, 0, 0]), content()).candidates(1)
    assert rows.tolist() == [2]
    both = Evidence(past, near([0, 0, 1.0, 0, 0]), content(), active=[0]).candidates(4)
    assert {1, 2} <= set(both.tolist()) and 3 not in both
    assert Evidence(past, near([0] * 5), content(), upto=0).candidates(4).tolist() == []


def test_without_a_past_nothing_is_said(laid: Lay) -> None:
    found = ask(laid([]), near([], []), active=[0, 1])
    silent = {name for name, values in found.items() if np.isnan(values).all()}
    assert set(NAMES) - silent == {
        *("own_evidence", "own_uses", "own_share", "own_counted", "together", "together_share")
    }
    assert found["own_evidence"] == found["own_uses"] == found["own_share"] == found["together"] == approx(0, 0, 0, 0)


def test_a_past_of_loras_that_are_not_installed_speaks_for_none(generation: Generate, laid: Lay) -> None:
    past = laid([generation(n, f"{n}", "xyz") for n in range(30)])
    evidence = Evidence(past, near([1.0] * 30, [1.0] * 30), content(4, np.eye(4).tolist()), active=[0])
    found = evidence.columns(ALL)
    assert found["own_evidence"].tolist() == approx(*[30 / 50] * 4)
    for name in ("own_uses", "own_share", "own_votes", "own_votes_words", "own_role", "together"):
        assert found[name].tolist() == approx(0, 0, 0, 0), name
    assert evidence.candidates(9).tolist() == []


def test_an_empty_library(laid: Lay, generation: Generate) -> None:
    past = laid([generation(0, "p", "a")], "")
    evidence = Evidence(past, near([1.0]), content(0))
    assert evidence.candidates(5).tolist() == []
    assert {len(column) for column in evidence.columns(np.zeros(0, np.int64)).values()} == {0}


# Any past

LIBRARY = "abcdef"
ROWS = np.arange(len(LIBRARY))
SOME_USES = st.lists(st.sampled_from([*LIBRARY, "x"]), max_size=4, unique=True).map("".join)
NEARNESS = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5001, 0.9, 1.0])
ONE = st.tuples(SOME_USES, NEARNESS, st.sampled_from(["", "SDXL", "Flux.1"]))
TOLD = st.lists(ONE, max_size=10) | st.lists(ONE, min_size=NEIGHBOURS + 1, max_size=120)
ACTIVE = st.lists(st.integers(0, len(LIBRARY) - 1), max_size=3, unique=True)
SIX = content(len(LIBRARY), np.eye(len(LIBRARY)).tolist())


def lay_told(laid: Lay, generation: Generate, told: Sequence[tuple], library: str = LIBRARY) -> Past:
    """Distinct prompts at one and the same time: then no weight depends on what comes later."""
    past = [
        generation(n, f"{n}", uses, base_model=base, images=n % 3, deleted=n % 2 * (n % 3 > 0))
        for n, (uses, _, base) in enumerate(told)
    ]
    return laid(past, library)


def query(told: Sequence[tuple]) -> Near:
    words = [value for _, value, _ in told]
    return near(words, [2 * value - 1 for value in words])


@settings(max_examples=40)
@given(TOLD, ACTIVE, st.data())
def test_asked_as_of_then_the_future_is_not_known(
    generation: Generate, laid: Lay, told: list, active: list[int], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(told)))
    whole, then = lay_told(laid, generation, told), lay_told(laid, generation, told[:cut])
    options = {"active": active, "base_model": "SDXL"}
    asked = Evidence(whole, query(told), SIX, upto=cut, **options)  # type: ignore[arg-type]
    right = Evidence(then, query(told[:cut]), SIX, **options)  # type: ignore[arg-type]
    assert asked.told == cut
    np.testing.assert_array_equal(asked.nearness, right.nearness)
    assert asked.candidates(3).tolist() == right.candidates(3).tolist()
    columns, expected = asked.columns(ROWS), right.columns(ROWS)
    for name in NAMES:
        if name == "own_base" and "SDXL" not in then.bases:
            continue  # a base model that comes up later only: nothing is the same as a little
        np.testing.assert_allclose(columns[name], expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


@settings(max_examples=40)
@given(TOLD, ACTIVE)
def test_shares_are_shares_and_candidates_are_rows(
    generation: Generate, laid: Lay, told: list, active: list[int]
) -> None:
    evidence = Evidence(lay_told(laid, generation, told), query(told), SIX, active=active, base_model="SDXL")
    columns = evidence.columns(ROWS)
    assert columns.keys() == set(NAMES)
    for name in (*SHARES, "together_share"):
        known = columns[name][np.isfinite(columns[name])]
        assert ((known >= 0) & (known <= 1 + 1e-6)).all(), name
    assert all(column.dtype == np.float32 and column.shape == ROWS.shape for column in columns.values())
    assert not any(np.isinf(column).any() for column in columns.values())
    for count in (1, 3, 100):
        rows = evidence.candidates(count)
        assert ((rows >= 0) & (rows < len(LIBRARY))).all() and len(rows) <= 2 * count
        assert (np.diff(rows) > 0).all()


def counted_votes(told: Sequence[tuple]) -> list[float]:
    """A plain count over all occasions: the nearest, of equal ones the latest."""
    order = sorted(range(len(told)), key=lambda at: (-told[at][1], -at))[:NEIGHBOURS]
    total = sum(kernel(told[at][1]) for at in order) + STRANGERS * kernel(STRANGE["words"])
    return [sum(kernel(told[at][1]) for at in order if name in told[at][0]) / total for name in LIBRARY]


@settings(max_examples=40)
@given(TOLD.filter(bool))
def test_the_votes_are_those_of_the_formula(generation: Generate, laid: Lay, told: list) -> None:
    columns = Evidence(lay_told(laid, generation, told), query(told), SIX).columns(ROWS)
    np.testing.assert_allclose(columns["own_votes_words"], counted_votes(told), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 7, 100_000], ids=["all alike", "many alike", "none alike"])
def test_the_votes_of_a_long_past_are_those_of_the_formula(generation: Generate, laid: Lay, steps: int) -> None:
    dice = random.Random(steps)
    told = [(dice.choice("abcdefx"), dice.randint(0, steps) / steps, "") for _ in range(5_000)]
    columns = Evidence(lay_told(laid, generation, told), query(told), SIX).columns(ROWS)
    np.testing.assert_allclose(columns["own_votes_words"], counted_votes(told), rtol=1e-4, atol=1e-6)


@settings(max_examples=25)
@given(TOLD, ACTIVE, st.permutations(range(len(LIBRARY))))
def test_the_order_of_the_library_does_not_matter(
    generation: Generate, laid: Lay, told: list, active: list[int], order: list[int]
) -> None:
    """No column knows which LoRA it speaks of."""
    turned = "".join(LIBRARY[at] for at in order)
    library = replace(SIX, roles=SIX.roles[order], semantic=SIX.semantic[order])  # type: ignore[index]
    one = Evidence(lay_told(laid, generation, told), query(told), SIX, active=active)
    there = [order.index(row) for row in active]
    other = Evidence(lay_told(laid, generation, told, turned), query(told), library, active=there)
    columns, expected = other.columns(ROWS), one.columns(np.asarray(order))
    for name in NAMES:
        np.testing.assert_allclose(columns[name], expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


@settings(max_examples=25)
@given(TOLD)
def test_without_vectors_all_else_is_the_same(generation: Generate, laid: Lay, told: list) -> None:
    past = lay_told(laid, generation, told)
    full = Evidence(past, query(told), SIX).columns(ROWS)
    words = Evidence(past, near([value for _, value, _ in told]), content(len(LIBRARY))).columns(ROWS)
    assert np.isnan(words["own_meaning"]).all() and np.isnan(words["own_votes"]).all()
    assert np.isnan(words["own_alike"]).all()
    for name in set(NAMES) - {"own_meaning", "own_votes", "own_alike", "own_role"}:
        np.testing.assert_array_equal(words[name], full[name], err_msg=name)


@settings(max_examples=25)
@given(TOLD, st.lists(st.integers(0, len(LIBRARY) - 1), max_size=8))
def test_a_candidate_is_told_the_same_beside_whichever_others(
    generation: Generate, laid: Lay, told: list, rows: list[int]
) -> None:
    evidence = Evidence(lay_told(laid, generation, told), query(told), SIX, active=[0])
    some, every = evidence.columns(np.asarray(rows, np.int64)), evidence.columns(ROWS)
    for name in NAMES:
        np.testing.assert_allclose(some[name], every[name][rows], rtol=1e-5, atol=1e-6, err_msg=name)


def test_company_is_counted_in_generations(generation: Generate, laid: Lay) -> None:
    past = laid(
        [
            generation(0, "p", {"a": 0.6, "b": 0.8}),
            generation(1, "p", {"a": 0.6, "b": 0.8}),
            generation(2, "q", {"a": 1.0, "c": 0.5}),
            generation(3, "r", {"c": 0.5}),
        ]
    )
    words = [0.0] * 3
    found = Evidence(past, near(words), content(), active=[2, 1, 3])
    assert found.beside(0) == {2: 1, 1: 2} and found.beside(3) == {}
    assert Evidence(past, near(words), content(), active=[2, 1], upto=1).beside(0) == {1: 2}
    assert Evidence(past, near(words), content()).beside(0) == {}
