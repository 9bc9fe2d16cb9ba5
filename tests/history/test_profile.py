"""Profiles of made-up users of whom everything is known."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone

import msgspec
import numpy as np
import pytest

from lorarec.history.profile import profile
from lorarec.history.reading import PastCount
from lorarec.history.statements import Profile
from lorarec.types import BaseModelGuess, Lora, PastGeneration, PastUse, Role, RoleGuess

NOW = datetime(2025, 7, 1, tzinfo=timezone.utc).timestamp()
DAY = 86400.0
ORDINARY = {"masterpiece": 0.5, "girl": 0.4, "lake": 0.02, "robot": 0.01, "watercolor": 0.01, "dark": 0.05}


def lora(name: str, role: Role = Role.STYLE, base: str = "SDXL", **fields: object) -> Lora:
    """An installed LoRA whose id is its name."""
    return Lora(
        id=name,
        root="/loras",
        path=f"{name}.safetensors",
        size=int(fields.pop("size", 100)),  # type: ignore[call-overload]
        modified=0.0,
        base_models=(BaseModelGuess(base, 1.0, "test"),),
        roles=(RoleGuess(role, 1.0, "test"),),
        **fields,  # type: ignore[arg-type]
    )


class Diary:
    """Writes a past, one session after the other."""

    def __init__(self) -> None:
        self.past: list[PastGeneration] = []

    def session(self, at: float, *made: tuple[str, Mapping[str, float | None]], **fields: object) -> Diary:
        """Generations one minute apart, each a prompt and LoRAs with strengths."""
        for minute, (prompt, loras) in enumerate(made):
            uses = tuple(
                PastUse(name, f"folder/{name}.safetensors", strength, "name") for name, strength in loras.items()
            )
            given = {"base_model": "SDXL", "project": "", "images": 1, "deleted": 0, "liked": 0, **fields}
            self.past.append(
                PastGeneration(
                    id=len(self.past) + 1,
                    made=at + 60.0 * minute,
                    prompt=prompt,
                    negative=None,
                    checkpoint="",
                    host="",
                    loras=uses,
                    **given,  # type: ignore[arg-type]
                )
            )
        return self

    def sessions(
        self, times: Sequence[float], *made: tuple[str, Mapping[str, float | None]], **fields: object
    ) -> Diary:
        for at in times:
            self.session(at, *made, **fields)
        return self


def evenings(count: int, *, until: float = NOW, hour: float = 20.0, every: float = 1.0) -> list[float]:
    """Moments on so many days, the last one the day before ``until``, oldest first."""
    midnight = until - until % DAY
    return [midnight - DAY * every * (count - day) + hour * 3600 for day in range(count)]


def tell(past: Sequence[PastGeneration], loras: Sequence[Lora] = (), **options: object) -> Profile:
    given: dict[str, object] = {"now": NOW, "words": str.split, "ordinary": ORDINARY, "zone": timezone.utc, **options}
    usage, opinions = given.pop("usage", ()), given.pop("opinions", {})
    return profile(past, usage, opinions, loras, **given)  # type: ignore[arg-type]


def missing(found: Profile) -> set[str]:
    return {one.about for one in found.not_yet}


def names(found: Sequence[object]) -> list[str]:
    return [one.lora.id for one in found]  # type: ignore[attr-defined]


# -- too little -------------------------------------------------------------------------------------------------------


def test_of_nothing_only_that_is_said() -> None:
    found = tell([])
    assert missing(found) == {"profile"} and "lorarec harvest" in found.not_yet[0].why
    assert found.totals.generations == 0 and found.totals.used_share is None
    assert found.favourites == found.pairs == found.personas == found.times == found.changes == ()
    assert tell([], [lora("a"), lora("b")]).totals.used_share == 0.0


def test_of_one_evening_nothing_is_said_that_needs_many() -> None:
    diary = Diary().session(NOW - DAY, *[("watercolor lake", {"a": 0.8, "b": 0.5})] * 20)
    found = tell(diary.past, [lora("a"), lora("b")], vectors=np.ones((20, 1), np.float32))
    assert missing(found) == {
        *("sessions", "roles", "base_models", "styles", "subjects", "tones", "pairs", "changes", "personas"),
        *("times.hour", "times.weekday", "times.month"),
    }
    assert all("need" in one.why for one in found.not_yet)
    assert [one.n for one in found.favourites] == [20, 20]  # what needs no sessions is said
    assert found.sessions is None and found.styles == () and found.pairs == ()


# -- totals and sessions ----------------------------------------------------------------------------------------------


def test_totals_count_what_there_is() -> None:
    diary = (
        Diary()
        .session(NOW - 3 * DAY, ("x", {"a": 1.0, "": None}), ("y", {}), images=2)
        .session(0.0, ("z", {"gone": 1.0}))
    )
    usage = [PastCount("tool", "b", "b", "hash", 4, None)]
    totals = tell(diary.past, [lora(name) for name in "abcd"], usage=usage).totals
    assert (totals.generations, totals.images, totals.with_loras) == (3, 5, 2)
    assert (totals.unlinked, totals.undated) == (1, 1)
    assert (totals.first, totals.last) == (NOW - 3 * DAY, NOW - 3 * DAY + 60)
    assert (totals.installed, totals.used, totals.used_share) == (4, 2, 0.5)


def test_a_session_ends_where_nothing_is_made_for_45_minutes() -> None:
    diary = Diary()
    for at in evenings(3):
        diary.session(at, *[("x", {})] * 3).session(at + 120 + 44 * 60, ("x", {})).session(
            at + 5 * 3600, *[("x", {})] * 4
        )
    found = tell(diary.past).sessions
    assert found is not None
    assert found.n == 6
    assert found.generations == 4
    assert found.minutes == pytest.approx((46 + 3) / 2)


# -- favourites -------------------------------------------------------------------------------------------------------


def test_recent_use_counts_more_and_halves_every_45_days() -> None:
    diary = (
        Diary()
        .sessions([NOW - 360 * DAY] * 30, ("x", {"old": 1.0}))
        .sessions([NOW - 90 * DAY] * 8, ("x", {"new": 1.0}))
    )
    first, second = tell(diary.past, [lora("old"), lora("new")]).favourites
    assert (first.lora.id, first.n, second.lora.id, second.n) == ("new", 8, "old", 30)
    assert first.recent == pytest.approx(2.0)
    assert second.recent == pytest.approx(30 / 2**8)
    assert second.last == NOW - 360 * DAY
    assert first.spans == (0,) * 8 + (8,) + (0,) * 3


def test_a_lora_tried_twice_is_no_favourite() -> None:
    diary = Diary().sessions([NOW - DAY] * 2, ("x", {"a": 1.0}))
    assert tell(diary.past, [lora("a")]).favourites == ()
    assert names(tell(diary.session(NOW - DAY, ("x", {"a": 1.0})).past, [lora("a")]).favourites) == ["a"]


def trends(diary: Diary) -> dict[str, str]:
    return {one.lora.id: one.trend for one in tell(diary.past).favourites}


def test_rising_fading_and_new_need_evidence() -> None:
    diary = Diary()
    for number, at in enumerate(evenings(90)):
        lately = number >= 46
        loras = {"steady": 1.0, ("late" if lately else "early"): 1.0}
        if number == 3 or (lately and number % 2):
            loras["rising"] = 1.0
        if number % 2 == 0 and (not lately or number == 60):
            loras["fading"] = 1.0
        if number % 9 == 0:
            loras["seldom"] = 1.0
        diary.session(at, *[("x", loras)] * 5)
    assert trends(diary) == {
        **{"steady": "", "seldom": "", "late": "new", "early": "fading", "rising": "rising", "fading": "fading"}
    }


def test_one_long_evening_makes_no_trend() -> None:
    diary = Diary().sessions(evenings(80), ("x", {"usual": 1.0}))
    diary.session(NOW - 70 * DAY, ("x", {"burst": 1.0})).session(NOW - 6 * 3600, *[("x", {"burst": 1.0})] * 40)
    assert trends(diary) == {"usual": "", "burst": ""}


def test_kept_shares_are_drawn_to_the_mean_and_need_known_deletions() -> None:
    diary = Diary().session(NOW - DAY, ("x", {"good": 1.0}), *[("x", {})] * 2, images=20)
    diary.sessions([NOW - DAY] * 3, ("x", {"good": 1.0, "few": 1.0}), images=0)
    diary.session(NOW - DAY, ("x", {"bad": 1.0}), images=20, deleted=16).sessions(
        [NOW - DAY] * 2, ("x", {"bad": 1.0}), images=0
    )
    diary.session(NOW - DAY, ("x", {"few": 1.0}), images=5, deleted=99)
    found = {one.lora.id: one for one in tell(diary.past).favourites}
    mean = 1 - (16 + 5) / 85
    assert found["good"].kept == pytest.approx((20 + 20 * mean) / 40)
    assert found["bad"].kept == pytest.approx((4 + 20 * mean) / 40)
    assert found["bad"].images == 20
    assert found["few"].kept is None, "five images are too few"
    kept = [msgspec.structs.replace(one, deleted=0) for one in diary.past]
    assert {one.kept for one in tell(kept).favourites} == {None}, "nobody looked what was deleted"


def test_likes_are_told() -> None:
    diary = Diary().session(NOW - DAY, *[("x", {"a": 1.0, "b": 1.0})] * 3, liked=2)
    found = tell(diary.past, opinions={"a": 1, "b": -1}).favourites
    assert [(one.lora.id, one.opinion, one.liked) for one in found] == [("a", 1, 6), ("b", -1, 6)]


def test_tools_that_count_the_same_uses_do_not_add_up() -> None:
    usage = [PastCount("days", "a", "a", "hash", count, NOW - DAY) for count in (10, 5)]
    usage += [PastCount("whole", "a", "a", "name", 12, None), PastCount("whole", "", "lost", "", 40, None)]
    [one] = tell([], [lora("a")], usage=usage).favourites
    assert (one.elsewhere, one.n, one.recent) == (15, 0, 0.0)


def test_what_is_not_installed_goes_by_the_name_in_the_images() -> None:
    [one] = tell(Diary().sessions([NOW - DAY] * 3, ("x", {"a": 1.0})).past).favourites
    assert (one.lora.name, one.lora.lora) == ("a", "")


# -- preferences ------------------------------------------------------------------------------------------------------


def test_roles_are_compared_with_what_is_installed() -> None:
    installed = [lora("style"), *(lora(f"c{number}", Role.CHARACTER) for number in range(9))]
    diary = Diary().sessions(evenings(15), ("x", {"style": 1.0})).sessions(evenings(5, hour=8), ("x", {"c1": 1.0}))
    style, character = tell(diary.past, installed).roles
    assert (style.name, style.n, style.share, style.ordinary) == ("style", 15, 0.75, 0.1)
    assert style.lift == pytest.approx((15 + 5 * 0.1) / 25 / 0.1)
    assert (character.name, character.share) == ("character", 0.25)
    assert character.lift is not None and character.lift < 1


def test_a_long_session_counts_as_much_as_a_short_one() -> None:
    diary = Diary().session(NOW - 9 * DAY, *[("x", {"b": 1.0})] * 200, base_model="Pony")
    diary.sessions(evenings(3), ("x", {}), base_model="Pony").sessions(
        evenings(4, hour=8), ("x", {}), base_model="SDXL"
    )
    assert {one.name: one.share for one in tell(diary.past).base_models} == pytest.approx({"Pony": 0.5, "SDXL": 0.5})


def test_styles_and_subjects_come_from_prompts_and_from_tags() -> None:
    installed = [
        lora("wash", tags=("ink wash", "lakes")),
        lora("knight", Role.CHARACTER, tags=("robot", "girl")),
        lora("tweaker", Role.DETAIL, tags=("vintage",)),
        *(lora(f"other{number}") for number in range(7)),
    ]
    diary = Diary().sessions(evenings(6), ("masterpiece girl lake oil painting", {"wash": 1.0, "tweaker": 1.0}))
    diary.sessions(evenings(4, hour=9), ("masterpiece watercolor girl", {"knight": 1.0}))
    found = tell(diary.past, installed)
    assert {one.name: (one.n, one.share) for one in found.styles} == {
        **{"oil painting": (6, 0.6), "ink wash": (6, 0.6), "watercolor": (4, 0.4)}
    }
    assert {one.name: one.n for one in found.subjects} == {"lake": 6, "lakes": 6, "robot": 4}


def test_what_is_ordinary_is_no_preference() -> None:
    diary = Diary().sessions(evenings(10), ("robot", {})).sessions(evenings(40, hour=9), ("lake", {}))
    assert [one.name for one in tell(diary.past).subjects] == ["lake", "robot"]
    assert [one.name for one in tell(diary.past, ordinary={"robot": 0.01, "lake": 0.75}).subjects] == ["robot"]


def test_a_shade_is_no_tone() -> None:
    diary = (
        Diary().sessions(evenings(10), ("dark hair girl", {})).sessions(evenings(6, hour=9), ("dark forest cozy", {}))
    )
    assert {one.name: (one.n, one.share) for one in tell(diary.past).tones} == {"dark": (6, 0.375), "calm": (6, 0.375)}


def test_names_stay_together() -> None:
    diary = Diary()
    for number, at in enumerate(evenings(9)):
        diary.session(at, (f"robot w{number} ada lovelace lake", {}), (f"lake w{number} robot", {}))
    assert {one.name for one in tell(diary.past).subjects} == {"ada lovelace", "lake", "robot"}


# -- strengths --------------------------------------------------------------------------------------------------------


def test_strengths_are_quartiles_of_values_really_used_per_base_model() -> None:
    values = (0.5, 0.9, 0.6, 0.7, 0.8, 0.6, 1.0, 0.6)
    diary = Diary().session(NOW - 2 * DAY, *(("x", {"a": value}) for value in values))
    diary.session(NOW - DAY, *[("x", {"a": 0.3})] * 5, base_model="Pony").session(NOW, *[("x", {"a": None})] * 9)
    diary.session(NOW, *[("x", {"b": 1.0})] * 4)
    sdxl, pony = tell(diary.past).strengths
    assert (sdxl.base_model, sdxl.n, sdxl.low, sdxl.high, sdxl.latest) == ("SDXL", 8, 0.5, 1.0, 0.6)
    assert (sdxl.lower_quartile, sdxl.median, sdxl.upper_quartile) == (0.6, 0.6, 0.8)
    assert (pony.base_model, pony.n, pony.median) == ("Pony", 5, 0.3)


# -- co-use -----------------------------------------------------------------------------------------------------------


def mixed(seed: int, days: int = 60) -> Diary:
    """Sessions of stacks drawn at random from eight LoRAs; "tea" comes with "cup"."""
    dice = random.Random(seed)
    diary = Diary()
    for at in evenings(days):
        stack = dict.fromkeys(dice.sample([f"l{number}" for number in range(8)], 2), 1.0)
        if dice.random() < 0.3:
            stack |= {"tea": 1.0, **({"cup": 0.5} if dice.random() < 0.9 else {})}
        diary.session(at, *[("x", stack)] * dice.randint(1, 6))
    return diary


def test_a_planted_pair_is_found_and_chance_pairs_are_not() -> None:
    for seed in range(5):
        found = tell(mixed(seed).past).pairs
        [pair] = found
        assert {pair.first.id, pair.second.id} == {"tea", "cup"}
        assert pair.n >= 5 and pair.sessions >= 3
        assert 0.5 < pair.second_given_first < 1 and pair.second_given_first >= pair.first_given_second
        assert pair.lift > 1.5


def test_the_halves_of_one_lora_are_no_pair() -> None:
    halves = [lora("tea", partner="cup"), lora("cup", partner="tea")]
    assert tell(mixed(0).past, halves).pairs == ()


def test_one_evening_makes_no_pair() -> None:
    diary = (
        Diary().sessions(evenings(40), ("x", {"a": 1.0})).session(NOW - 0.5 * DAY, *[("x", {"b": 1.0, "c": 1.0})] * 50)
    )
    assert tell(diary.past).pairs == ()


# -- time -------------------------------------------------------------------------------------------------------------


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


# -- change -----------------------------------------------------------------------------------------------------------


def moving(seed: int, moves: bool) -> Diary:
    """Three quarters of sessions; in the last one the user may turn from lakes in watercolor to robots in ink."""
    dice = random.Random(seed)
    diary = Diary()
    for at in evenings(270, every=1.0):
        turned = moves and at > datetime(2025, 4, 1, tzinfo=timezone.utc).timestamp()
        words = dice.sample(["tree", "boat", "house", "river", "cloud", "robot" if turned else "lake"], 3)
        style, name = ("ink", "mecha") if turned else ("watercolor", "wash")
        loras = {dice.choice(["one", "two", "three"]): 1.0, **({name: 1.0} if dice.random() < 0.5 else {})}
        diary.session(at, (" ".join([*words, dice.choice([style, "photo"])]), loras))
    return diary


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


# -- personas ---------------------------------------------------------------------------------------------------------

LAKES = ("watercolor", "lake", "boat", "mist", "reed", "heron")
ROBOTS = ("robot", "steel", "neon", "engine", "cable", "hangar")


def two_tastes(count: int = 40) -> Diary:
    dice = random.Random(5)
    diary = Diary()
    for number, at in enumerate(evenings(count)):
        words, name = (LAKES, "wash") if number % 4 else (ROBOTS, "mecha")
        chosen = " ".join(["girl", *dice.sample(words, 4), f"w{number}"])
        diary.session(at, *[(chosen, {name: 0.8, "detail": 0.5})] * 2, (f"{chosen} close", {name: 0.8}))
    return diary


def embed(past: Sequence[PastGeneration]) -> np.ndarray:
    """A prompt as counts of the words of two tastes and of what both have, of length 1."""
    vocabulary = ["girl", *LAKES, *ROBOTS]
    counts = np.asarray([[(one.prompt or "").split().count(word) for word in vocabulary] for one in past], np.float32)
    return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)


def test_two_tastes_are_two_personas_with_their_words_and_loras() -> None:
    diary = two_tastes()
    lakes, robots = tell(diary.past, vectors=embed(diary.past)).personas
    assert set(lakes.label) <= set(LAKES) and set(robots.label) <= set(ROBOTS)
    assert (lakes.n, robots.n) == (90, 30)
    assert (lakes.share, robots.share) == pytest.approx((0.75, 0.25))
    assert [(used.lora.id, used.n) for used in lakes.loras] == [("wash", 90), ("detail", 60)]
    assert [used.lora.id for used in robots.loras] == ["mecha", "detail"]
    assert robots.loras[1].share == pytest.approx(2 / 3)
    assert set(robots.example.split()) & set(ROBOTS)


def test_one_taste_is_no_persona() -> None:
    diary = two_tastes()
    noise = np.random.default_rng(0).normal(size=(len(diary.past), 32)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    found = tell(diary.past, vectors=noise)
    assert found.personas == () and "stand apart" in {one.about: one.why for one in found.not_yet}["personas"]


def test_personas_need_vectors_of_enough_different_prompts() -> None:
    diary = two_tastes(15)  # 30 different prompts
    assert "encoder" in {one.about: one.why for one in tell(diary.past).not_yet}["personas"]
    found = tell(diary.past, vectors=embed(diary.past))
    assert {one.about: one.why for one in found.not_yet}["personas"] == "needs 40 different prompts; there are 30"
    diary = two_tastes()
    vectors = embed(diary.past)
    vectors[30:60], vectors[60:90] = np.nan, 0.0
    assert "personas" not in missing(tell(diary.past, vectors=vectors))
    vectors[90:] = 0.0
    assert "there are 20" in {one.about: one.why for one in tell(diary.past, vectors=vectors).not_yet}["personas"]


# -- the idle part of the collection ----------------------------------------------------------------------------------


def test_unused_loras_near_to_a_favourite_are_worth_a_look() -> None:
    installed = [lora(name) for name in ("wash", "ink", "steel", "other")]
    vectors = np.asarray([[1, 0, 0], [0.9, 0.43, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    diary = Diary().sessions(evenings(6), ("x", {"wash": 1.0}))
    [one] = tell(diary.past, installed, lora_vectors=vectors).worth_a_look
    assert one.lora.id == "ink" and one.like is not None and (one.like.id, one.like_n) == ("wash", 6)
    assert 0.45 < one.score <= 1


def test_without_vectors_shared_themes_decide() -> None:
    installed = [
        lora("wash", tags=("watercolor",)),
        lora("ink", tags=("lake",)),
        lora("steel", tags=("robot",), trigger_sets=(("chrome",),)),
    ]
    diary = Diary().sessions(evenings(6), ("lake watercolor", {"wash": 1.0}))
    [one] = tell(diary.past, installed).worth_a_look
    assert (one.lora.id, one.themes, one.like) == ("ink", ("lake",), None)


@pytest.mark.parametrize(
    ("change", "options"),
    [
        ({"excluded": True}, {}),
        ({"base": "SD 1.5"}, {}),
        ({"role": Role.ACCELERATOR}, {}),
        ({}, {"hidden": {"ink"}}),
        ({}, {"opinions": {"ink": -1}}),
        ({}, {"groups": [7, 7]}),
        ({}, {"usage": [PastCount("tool", "ink", "ink", "name", 1, None)]}),
        ({"partner": "wash"}, {}),
    ],
)
def test_what_cannot_be_wanted_is_not_worth_a_look(change: dict[str, object], options: dict[str, object]) -> None:
    diary = Diary().sessions(evenings(6), ("lake", {"wash": 1.0}))

    def look(change: dict[str, object], options: dict[str, object]) -> list[str]:
        installed = [lora("wash"), lora("ink", **{"tags": ("lake",), **change})]  # type: ignore[arg-type]
        return names(tell(diary.past, installed, **options).worth_a_look)

    assert look({}, {}) == ["ink"]
    assert look(change, options) == []


def test_unused_copies_and_versions_of_a_used_file_are_spare() -> None:
    installed = [
        lora("v1", size=10, created=1.0, fingerprint="f1"),
        lora("copy", size=10, fingerprint="f1"),
        lora("v2", size=30, created=2.0, fingerprint="f2"),
        lora("v0", size=20, created=0.0, fingerprint="f0"),
        lora("tried", size=99),
        lora("lone", size=99),
        lora("unused", size=99),
        lora("unused2", size=99),
    ]
    diary = (
        Diary().sessions(evenings(3), ("x", {"v1": 1.0, "lone": 1.0})).session(NOW - 99 * DAY, ("x", {"tried": 1.0}))
    )
    [one] = tell(diary.past, installed, groups=[1, 2, 1, 1, 1, 3, 4, 4]).duplicates
    assert (one.used.id, one.n, one.bytes) == ("v1", 3, 60)
    assert [(spare.lora.id, spare.bytes, spare.copy, spare.newer) for spare in one.spare] == [
        *(("v2", 30, False, True), ("v0", 20, False, False), ("copy", 10, True, False)),
    ]


def test_the_unused_half_of_a_used_pair_is_not_spare() -> None:
    installed = [lora("high", partner="low"), lora("low", partner="high")]
    assert tell(Diary().sessions(evenings(5), ("x", {"high": 1.0})).past, installed, groups=[1, 1]).duplicates == ()


# -- scope ------------------------------------------------------------------------------------------------------------


def two_projects() -> Diary:
    diary = Diary().sessions(evenings(20, hour=9), *[("robot", {"mecha": 1.0})] * 2)
    return diary.sessions(evenings(10), *[("lake", {"wash": 0.4, "mecha": 0.2})] * 2, project="book")


def test_a_project_counts_fully_and_the_rest_a_little() -> None:
    found = tell(two_projects().past, project="book")
    assert (found.totals.generations, found.totals.other_generations) == (20, 40)
    assert found.sessions is not None and found.sessions.n == 10
    assert {one.lora.id: one.n for one in found.favourites} == {"wash": 20, "mecha": 20}
    assert {one.name: (one.n, one.share) for one in found.subjects} == {"lake": (10, pytest.approx(10 / 12))}
    strengths = {one.lora.id: (one.n, one.low, one.median, one.high) for one in found.strengths}
    assert strengths == {"wash": (20, 0.4, 0.4, 0.4), "mecha": (20, 0.2, 0.2, 1.0)}
    assert "20 generations of this project count fully; 40 others" in found.notes[0]


def test_an_unknown_project_is_said_to_be_none() -> None:
    found = tell(two_projects().past, project="film")
    assert missing(found) == {"profile"} and "film; there are: book" in found.notes[0]


def test_a_period_leaves_out_what_is_older_but_not_what_was_ever_used() -> None:
    installed = [lora("old"), lora("new"), lora("never")]
    diary = Diary().sessions([NOW - 300 * DAY] * 5, ("x", {"old": 1.0})).sessions([NOW - DAY] * 5, ("x", {"new": 1.0}))
    found = tell(
        diary.past, installed, since=NOW - 30 * DAY, usage=[PastCount("t", "old", "o", "name", 9, NOW - 99 * DAY)]
    )
    assert names(found.favourites) == ["new"]
    assert (found.totals.generations, found.totals.used) == (5, 2)
    assert found.notes == ("5 older generations are left out",)


# -- the whole --------------------------------------------------------------------------------------------------------


def everything() -> Iterator[tuple[Diary, dict[str, object]]]:
    for diary in (two_tastes(), mixed(2), moving(1, moves=True), two_projects()):
        yield diary, {"vectors": embed(diary.past), "usage": [PastCount("t", "wash", "wash", "name", 3, None)]}


def test_the_order_of_the_past_does_not_matter() -> None:
    installed = [lora(name, tags=("lake",), fingerprint="same") for name in ("wash", "mecha", "idle")]
    for diary, options in everything():
        places = list(range(len(diary.past)))
        random.Random(1).shuffle(places)
        shuffled = {**options, "vectors": np.asarray(options["vectors"])[places]}
        assert tell(diary.past, installed, **options) == tell([diary.past[p] for p in places], installed, **shuffled)


def test_a_profile_is_json() -> None:
    for diary, options in everything():
        found = tell(diary.past, [lora("wash"), lora("idle")], **options)
        assert msgspec.json.decode(msgspec.json.encode(found), type=Profile) == found
