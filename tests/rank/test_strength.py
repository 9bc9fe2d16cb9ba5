"""Suggested strengths: whose word counts, inside which bounds, and what the stack does to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.rank import strength, train_strength
from lorarec.rank.strength import SHRINK, Curve, PastStrengths, Shown, shown_in, stack_load, suggest, weighted_median
from lorarec.rank.train_strength import Used
from lorarec.types import Active, BaseModelGuess, Example, Lora, Origin, Role, RoleGuess, StrengthHint

CURVE = Curve(base=0.8, shown=1.0, stated=0.5, stack=-0.2)
SD15 = (BaseModelGuess("SD 1.5", 1.0, "x"),)
NUMBERS = st.none() | st.floats(-3, 3)


def lora(*hints: StrengthHint, role: Role = Role.UNKNOWN, **fields: object) -> Lora:
    roles = () if role is Role.UNKNOWN else (RoleGuess(role, 1.0, "x"),)
    base = fields.pop("base_models", SD15)
    return Lora(id="a", root="/r", path="a.pt", size=1, modified=0.0, strengths=hints, roles=roles, base_models=base)  # type: ignore[arg-type]


def author(model: float | None = None, **fields: float | None) -> StrengthHint:
    return StrengthHint("page", Origin.AUTHOR, model, **fields)


def user(model: float | None = None, **fields: float | None) -> StrengthHint:
    return StrengthHint("card", Origin.USER, model, **fields)


def stack(count: int) -> tuple[Active, ...]:
    return tuple(Active(f"x{number}", 0.8) for number in range(count))


def past(*strengths: float, load: float = 0.0, weight: float = 1.0) -> PastStrengths:
    count = len(strengths)
    return PastStrengths(
        np.asarray(strengths, np.float32), np.full(count, load, np.float32), np.full(count, weight, np.float32)
    )


def test_without_any_word_the_base_strength_is_suggested() -> None:
    found = suggest(lora(), Shown(), (), CURVE)
    assert (found.model, found.clip, found.low, found.high) == (0.8, 0.8, 0.6, 1.0)
    assert found.source == "usual strength"


def test_many_example_images_outweigh_the_base_and_one_hardly_does() -> None:
    assert suggest(lora(), Shown(1, 0.4), (), CURVE).model == pytest.approx(0.6)
    found = suggest(lora(), Shown(19, 0.4), (), CURVE)
    assert found.model == pytest.approx(0.4, abs=0.03) and "n=19" in found.source


def test_the_authors_word_pulls_and_its_bounds_hold() -> None:
    assert suggest(lora(author(0.4)), Shown(), (), CURVE).model == pytest.approx(0.6)
    found = suggest(lora(author(0.4, low=0.3, high=0.5)), Shown(), (), CURVE)
    assert (found.model, found.low, found.high) == (0.5, 0.3, 0.5)
    assert found.source == "the author's advice"


def test_one_sided_bounds_hold_too() -> None:
    assert suggest(lora(author(high=0.5)), Shown(), (), CURVE).model == 0.5
    found = suggest(lora(author(low=1.1)), Shown(), (), CURVE)
    assert found.model == 1.1 and found.low == 1.1 <= found.high


def test_a_users_value_stands_whatever_others_say() -> None:
    found = suggest(lora(user(1.4, clip=0.3), author(0.5, low=0.3, high=0.7)), Shown(9, 0.5), stack(4), CURVE)
    assert (found.model, found.clip, found.source) == (1.4, 0.3, "your own setting")
    assert (found.low, found.high) == (0.3, 1.4)
    alone = suggest(lora(user(0.6)), Shown(), stack(3), CURVE)
    assert (alone.model, alone.low, alone.high) == (0.6, 0.4, 0.8)


def test_bounds_alone_hide_no_strength_of_another_note() -> None:
    found = suggest(lora(user(low=0.3), user(0.45, clip=0.4)), Shown(), (), CURVE)
    assert (found.model, found.clip, found.low, found.source) == (0.45, 0.4, 0.3, "your own setting")
    assert suggest(lora(author(high=0.9), author(0.4)), Shown(), (), CURVE).model == pytest.approx(0.6)
    assert suggest(lora(user(0.0), user(0.7)), Shown(), (), CURVE).model == 0.7


def test_it_falls_as_the_stack_grows() -> None:
    values = [suggest(lora(), Shown(), stack(count), CURVE).model for count in range(6)]
    assert values == sorted(values, reverse=True) and values[0] - values[5] > 0.25
    assert suggest(lora(), Shown(), stack(2), CURVE).source == "usual strength, 3 LoRAs in the stack"
    heavy, light = ((Active("x", 2.0),), (Active("x", 0.1),))
    assert suggest(lora(), Shown(), heavy, CURVE).model < suggest(lora(), Shown(), light, CURVE).model


def test_the_stack_is_a_weak_prior_on_other_base_models() -> None:
    flux = lora(base_models=(BaseModelGuess("Flux.1", 1.0, "x"),))
    here, there = suggest(lora(), Shown(), stack(5), CURVE).model, suggest(flux, Shown(), stack(5), CURVE).model
    assert here < there < 0.8


def test_the_load_is_the_logarithm_of_a_stack_of_usual_loras() -> None:
    assert stack_load(()) == 0 and stack_load(stack(2)) == pytest.approx(math.log(3))
    assert stack_load((Active("x", -0.8),)) == pytest.approx(math.log(2))
    assert stack_load((Active("x", math.nan), Active("y", math.inf))) == 0


def test_an_accelerator_is_never_rescaled() -> None:
    lcm = lora(role=Role.ACCELERATOR)
    assert [suggest(lcm, Shown(), stack(count), CURVE).model for count in (0, 5)] == [1.0, 1.0]
    assert suggest(lora(author(0.65), role=Role.ACCELERATOR), Shown(3, 0.9), stack(5), CURVE).model == 0.65
    assert suggest(lcm, Shown(3, 0.9), stack(5), CURVE).model == 0.9


def test_a_slider_keeps_its_signed_range() -> None:
    found = suggest(lora(author(low=-5.0, high=5.0), role=Role.SLIDER), Shown(), stack(4), CURVE)
    assert (found.model, found.low, found.high) == (1.0, -5.0, 5.0)
    assert suggest(lora(author(-3.0, low=-5.0, high=-1.0), role=Role.SLIDER), Shown(), (), CURVE).model == -3.0
    free = suggest(lora(role=Role.SLIDER), Shown(), (), CURVE)
    assert free.low < 0 < free.model <= free.high


def test_a_lora_made_to_be_subtracted_stays_negative() -> None:
    assert suggest(lora(author(-1.0)), Shown(), (), CURVE).model == -1.0
    assert suggest(lora(), Shown(5, -0.7), (), CURVE).model == -0.7


def test_clip_follows_the_model() -> None:
    found = suggest(lora(author(0.8, clip=0.4)), Shown(), stack(5), CURVE)
    assert found.model < 0.8 and found.clip == pytest.approx(found.model / 2, abs=0.011)


@given(NUMBERS, NUMBERS, NUMBERS, st.sampled_from(Role), st.integers(0, 4), st.floats(-2, 3), st.integers(0, 6))
def test_it_never_leaves_the_authors_bounds(
    model: float | None, low: float | None, high: float | None, role: Role, count: int, median: float, active: int
) -> None:
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
    found = suggest(lora(author(model, low=low, high=high), role=role), Shown(count, median), stack(active), CURVE)
    assert found.low <= found.model <= found.high
    assert low is None or found.model >= round(low, 2)
    assert high is None or found.model <= round(high, 2)
    assert math.isfinite(found.clip)


# What the user did before


def test_the_weighted_median_is_where_half_of_the_weight_is_reached() -> None:
    values, even = np.asarray([3.0, 1.0, 2.0]), np.ones(3, np.float32)
    assert weighted_median(values, even) == 2
    assert weighted_median(values, np.asarray([5.0, 1.0, 1.0], np.float32)) == 3
    assert weighted_median(values[:1], even[:1]) == 3
    assert weighted_median(values, np.zeros(3, np.float32)) in values


@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(0.0625, 5, width=32)), min_size=1, max_size=9), st.randoms())
def test_the_weighted_median_has_half_of_the_weight_on_either_side(pairs: list, dice: object) -> None:
    values, weights = np.asarray([v for v, _ in pairs]), np.asarray([w for _, w in pairs], np.float32)
    found, half = weighted_median(values, weights), weights.sum() / 2 * (1 + 1e-5)
    assert weights[values < found].sum() <= half and weights[values > found].sum() <= half
    order = list(range(len(pairs)))
    dice.shuffle(order)  # type: ignore[attr-defined]
    assert weighted_median(values[order], np.ones(len(pairs), np.float32)) == weighted_median(
        values, np.ones(len(pairs), np.float32)
    )


def test_own_use_pulls_by_its_amount_against_a_few_uses_of_nobody() -> None:
    for count in (1, 8, 72):
        away = 0.4 * count / (count + SHRINK)
        found = suggest(lora(), Shown(), (), CURVE, past(*[1.2] * count))
        assert found.model == pytest.approx(0.8 + away, abs=0.026), "shown in steps of 0.05"
    assert suggest(lora(), Shown(), (), CURVE, past(*[1.2] * 8, weight=0.01)).model == 0.8, "old and elsewhere: no say"
    assert suggest(lora(), Shown(), (), CURVE, past()) == suggest(lora(), Shown(), (), CURVE)


def test_the_size_of_the_stack_counts_once() -> None:
    """A user who goes by the curve in stacks of three gets the curve, alone and in company."""
    load = stack_load(stack(2))
    usual = past(*[CURVE.predict(Shown(), None, load)] * 50, load=load)
    for active in (0, 2, 5):
        plain, ours = (suggest(lora(), Shown(), stack(active), CURVE, used).model for used in (None, usual))
        assert ours == pytest.approx(plain, abs=0.051)


def test_own_use_is_named_from_a_few_uses_on() -> None:
    assert suggest(lora(), Shown(), (), CURVE, past(1.0, 1.0)).source == "usual strength"
    assert suggest(lora(), Shown(), (), CURVE, past(1.0, 1.0, 1.0)).source == "your own use (n=3, usually 1)"
    found = suggest(lora(), Shown(), stack(2), CURVE, past(*[0.65] * 9))
    assert found.source == "your own use (n=9, usually 0.65), 3 LoRAs in the stack"


def test_the_range_is_that_of_the_users_own_quartiles() -> None:
    found = suggest(lora(), Shown(), (), CURVE, past(*np.linspace(0.4, 0.8, 41).tolist()))
    assert (found.low, found.high) == (0.5, 0.7) and found.low <= found.model <= found.high


def test_a_user_may_leave_the_authors_bounds_and_few_uses_do_not() -> None:
    bounded = lora(author(0.5, low=0.4, high=0.6, clip=0.25))
    assert suggest(bounded, Shown(), (), CURVE, past(1.2, 1.2)).model == 0.6
    found = suggest(bounded, Shown(), (), CURVE, past(*[1.2] * 60))
    assert found.model > 1 and found.low <= found.model <= found.high
    assert found.clip == pytest.approx(found.model / 2, abs=0.011), "as the author relates the two"


def test_own_use_of_a_lora_made_to_be_subtracted() -> None:
    assert suggest(lora(author(-1.0)), Shown(), (), CURVE, past(*[-0.5] * 40)).model == pytest.approx(-0.6, abs=0.03)
    assert suggest(lora(author(-1.0)), Shown(), stack(3), CURVE, past(*[-1.0] * 40)).model == -1.0
    assert suggest(lora(), Shown(), (), CURVE, past(*[-0.6] * 92)).model == pytest.approx(-0.5, abs=0.03)


def test_what_the_user_wrote_stands() -> None:
    assert suggest(lora(user(0.6)), Shown(), (), CURVE, past(*[1.3] * 40)).model == 0.6


@pytest.mark.parametrize("role", [Role.ACCELERATOR, Role.SLIDER])
def test_what_the_stack_does_not_move_own_use_does(role: Role) -> None:
    tool = lora(author(0.6, low=0.5, high=0.7), role=role)
    used = past(*[1.4] * 24)
    found = [suggest(tool, Shown(), stack(count), CURVE, used) for count in (0, 5)]
    assert [one.model for one in found] == [1.2, 1.2] and found[0].source == "your own use (n=24, usually 1.4)"
    assert (found[0].low, found[0].high) == (0.5, 1.2)
    few = suggest(tool, Shown(), (), CURVE, past(1.4, 1.4))
    assert few == suggest(tool, Shown(), (), CURVE), "twice is no habit"


@given(
    st.lists(st.tuples(st.floats(-5, 5, width=32), st.floats(0, 3, width=32), st.floats(0, 20, width=32)), max_size=12),
    NUMBERS,
    NUMBERS,
    st.integers(0, 5),
)
def test_whatever_was_used_the_strength_is_sane(
    used: list[tuple[float, float, float]], model: float | None, bound: float | None, active: int
) -> None:
    columns = np.asarray(used, np.float32).reshape(-1, 3).T
    found = suggest(lora(author(model, low=bound)), Shown(), stack(active), CURVE, PastStrengths(*columns))
    assert found.low <= found.model <= found.high and math.isfinite(found.clip)
    assert -2 <= found.model <= 3


def test_the_median_of_the_example_images_is_shown() -> None:
    examples = tuple(Example("x", strength=value) for value in (0.2, None, 0.6, 0.7))
    full = Lora(id="a", root="/r", path="a.pt", size=1, modified=0.0, examples=examples)
    assert shown_in(full) == Shown(3, 0.6) and shown_in(lora()) == Shown()


def test_the_shipped_curve_lowers_strength_in_a_stack() -> None:
    curve = strength.shipped()
    assert 0.6 <= curve.base <= 1.0 and curve.stack < 0 and curve.provenance


def test_fitting_recovers_a_known_curve() -> None:
    used = []
    for number in range(400):
        shown = Shown(number % 5, 0.3 + (number % 7) / 10)
        stated = 0.5 + (number % 4) / 10 if number % 3 else None
        load = math.log(1 + number % 6)
        used.append(Used(CURVE.predict(shown, stated, load), shown, stated, load))
    used += [Used(2.0, Shown(), None, 0.0)] * 20  # a few wild ones do not move absolute deviations
    found = train_strength.fit(used, {})
    assert found.base == pytest.approx(0.8, abs=0.021)
    assert found.shown == pytest.approx(1.0, abs=0.05)
    assert found.stated == pytest.approx(0.5, abs=0.1) and found.stack == pytest.approx(-0.2, abs=0.02)
