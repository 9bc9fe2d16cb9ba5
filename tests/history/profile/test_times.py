"""When images are made, and how taste moves from quarter to quarter."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest

from diary import (
    DAY,
    NOW,
    Diary,
    evenings,
    missing,
    moving,
    tell,
)


def scattered(times: Sequence[float]) -> Diary:
    return Diary().sessions(times, *[("x", {})] * 3)


def test_evenings_are_found_in_the_zone_of_the_user() -> None:
    diary = scattered([at + 3600 * (number % 3) for number, at in enumerate(evenings(60, hour=18))])
    [pattern] = [one for one in tell(diary.past).times if one.kind == "hour"]
    assert pattern.n == 60 and pattern.chance < 1e-6 and pattern.effect > 1
    [peak] = pattern.peaks
    assert (peak.name, peak.share, peak.expected) == ("18:00 to 21:00", pytest.approx(1.0), 0.125)
    assert pattern.shares[18:21] == pytest.approx((1 / 3,) * 3) and sum(pattern.shares) == pytest.approx(1)
    tokyo = timezone(timedelta(hours=9))
    [pattern] = [one for one in tell(diary.past, zone=tokyo).times if one.kind == "hour"]
    assert [one.name for one in pattern.peaks] == ["03:00 to 06:00"]


def test_a_peak_may_pass_midnight() -> None:
    diary = scattered([at + 3600 * (number % 4) for number, at in enumerate(evenings(60, hour=22))])
    [pattern] = [one for one in tell(diary.past).times if one.kind == "hour"]
    assert [one.name for one in pattern.peaks] == ["21:00 to 03:00"]
    assert pattern.peaks[0].share == pytest.approx(1.0)


def test_no_pattern_is_seen_in_even_times() -> None:
    dice = random.Random(3)
    found = tell(scattered([NOW - dice.random() * 800 * DAY for _ in range(300)]).past)
    assert found.times == () and not missing(found) & {"times.hour", "times.weekday", "times.month"}


def test_weekends_are_found_over_weeks_only() -> None:
    saturdays = [at for at in evenings(400, hour=12) if datetime.fromtimestamp(at, timezone.utc).weekday() == 5]
    [pattern] = [one for one in tell(scattered(saturdays).past).times if one.kind == "weekday"]
    assert [one.name for one in pattern.peaks] == ["Saturday"] and pattern.shares == pytest.approx(
        (0, 0, 0, 0, 0, 1, 0)
    )
    within_days = [NOW - 3 * DAY + 3600 * hour for hour in range(0, 48)]
    assert "times.weekday" in missing(tell(scattered(within_days).past))


def test_seasons_need_a_year_and_count_how_often_each_month_passed() -> None:
    everyday = evenings(450, hour=12)
    december = [at for at in everyday if datetime.fromtimestamp(at, timezone.utc).month == 12]
    diary = scattered([*everyday[::9], *(at + 3600 * hour for at in december for hour in (2, 4, 6))])
    [pattern] = [one for one in tell(diary.past).times if one.kind == "month"]
    assert [one.name for one in pattern.peaks] == ["December"]
    assert [one.kind for one in tell(scattered(everyday[::3]).past).times if one.kind == "month"] == []
    recent = [one for one in diary.past if one.made > NOW - 300 * DAY]
    assert "times.month" in missing(tell(recent))


def test_a_planted_turn_is_found_where_it_is() -> None:
    found = tell(moving(1, moves=True).past).changes
    assert {(one.before, one.after) for one in found} == {("2025 Q1", "2025 Q2"), ("2024 Q4", "2025 Q2")}
    assert {one.kind for one in found} == {"LoRAs", "styles", "subjects"}
    assert {(one.kind, one.more[0].name) for one in found} == {
        ("LoRAs", "mecha"),
        ("styles", "ink"),
        ("subjects", "robot"),
    }
    assert {(one.kind, one.less[0].name) for one in found} == {
        *(("LoRAs", "wash"), ("styles", "watercolor"), ("subjects", "lake"))
    }
    assert all(one.distance > one.by_chance + 0.05 for one in found)
    assert all(one.n_before >= 10 and one.n_after >= 10 for one in found)


def test_without_a_turn_there_is_no_change() -> None:
    changed = [bool(tell(moving(seed, moves=False).past).changes) for seed in range(12)]
    assert sum(changed) <= 2, "one profile in twenty may be fooled by chance"


def test_a_quarter_with_few_sessions_is_not_compared() -> None:
    past = [
        one for one in moving(1, moves=True).past if one.made > datetime(2025, 3, 25, tzinfo=timezone.utc).timestamp()
    ]
    assert "changes" in missing(tell(past))
