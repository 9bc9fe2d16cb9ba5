"""The verb ``profile``: what it prints of a history that was really recorded, and how its page is drawn."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from lorarec.commands.pages import spark
from lorarec.commands.profile_page import show_profile
from lorarec.history.statements import (
    Change,
    Duplicates,
    Favoured,
    Favourite,
    LoraName,
    Mover,
    NotYet,
    Pair,
    Peak,
    Persona,
    Preference,
    Profile,
    Sessions,
    Spare,
    StrengthUse,
    TimePattern,
    Totals,
    WorthALook,
)
from lorarec.history_types import Generation, Use
from lorarec.recommender import Recommender

DAY = 86400.0


@pytest.fixture
def remembered(call, mini_library: Path, data: Path) -> Iterator[list[str]]:
    """Eight days with two generations each; returns the folders as arguments."""
    flags = ["--loras", str(mini_library), "--data", str(data)]
    assert call("index", *flags).code == 0
    with Recommender.open([mini_library], data) as recommender:
        made = [
            Generation(
                prompt=f"harbour in rain, boat {day} {shot}",
                loras=(Use(name="watercolor_wash", strength=0.5 + day / 20), Use(name="raincoat", strength=0.8)),
                base_model="SD 1.5",
                made=time.time() - (9 - day) * DAY + shot,
                project="harbour" if day > 2 else "",
                host="test",
            )
            for day in range(8)
            for shot in range(2)
        ]
        memory = recommender.memory
        assert memory.history.add_generations([(one, None) for one in made], memory.links).generations == 16
    return flags


def test_a_history_becomes_a_page_and_json(call, remembered) -> None:
    found = call("profile", "--json", *remembered).json
    assert list(found) == [field.name for field in msgspec.structs.fields(Profile)]
    assert found["totals"]["generations"] == 16 and found["totals"]["used"] == 2
    assert {(one["lora"]["lora"], one["n"]) for one in found["favourites"]} == {
        ("styles/watercolor_wash.safetensors", 16),
        ("clothing/raincoat.safetensors", 16),
    }
    usual = {one["lora"]["name"]: one["median"] for one in found["strengths"]}
    assert usual["Watercolor Wash"] == pytest.approx(0.65) and usual["Yellow raincoat"] == 0.8
    page = call("profile", *remembered)
    assert page.code == 0
    for part in ("16 generations", "2 of 6 installed LoRAs", "Watercolor Wash", "0.65", "Not enough yet"):
        assert part in page.out
    assert "\x1b" not in page.out, "no colour where there is no terminal"


def test_a_project_and_a_period_narrow_it(call, remembered) -> None:
    project = call("profile", "--project", "harbour", "--json", *remembered).json
    assert (project["totals"]["generations"], project["totals"]["other_generations"]) == (10, 6)
    assert call("settings", "set", "project", "harbour", *remembered).code == 0
    assert call("profile", "--json", *remembered).json["totals"]["generations"] == 10
    assert call("profile", "--project", "", "--json", *remembered).json["totals"]["generations"] == 16
    late = call("profile", "--project", "", "--since", "3.5d", "--json", *remembered).json
    assert late["totals"]["generations"] == 4 and late["notes"] == ["12 older generations are left out"]
    wrong = call("profile", "--since", "soon", *remembered)
    assert wrong.code == 2 and "'soon' is no date" in wrong.err


def test_without_a_history_it_says_how_to_begin(call, mini_library, data) -> None:
    done = call("profile", "--loras", mini_library, "--data", data)
    assert done.code == 0
    assert "0 of 6 installed LoRAs" in done.out and "lorarec harvest" in done.out


def test_a_history_that_is_off_is_remarked(call, remembered) -> None:
    assert call("history", "off", *remembered).code == 0
    assert "the history is off" in call("profile", *remembered).err


# -- the page ---------------------------------------------------------------------------------------------------------


def named(name: str) -> LoraName:
    return LoraName(id=name, lora=f"{name}.safetensors", name=name)


MADE = datetime(2025, 3, 1, 12, tzinfo=timezone.utc).timestamp()
LONG = "A Very Long Title of a LoRA with Everything in It (SD 1.5, SDXL, Pony) 水墨画 v12"
RICH = Profile(
    at=MADE,
    project="book \x1b[31m",
    since=None,
    totals=Totals(
        generations=1234,
        images=2345,
        with_loras=1200,
        unlinked=7,
        undated=0,
        other_generations=0,
        first=MADE,
        last=MADE,
        installed=200,
        used=50,
        used_share=0.25,
    ),
    sessions=Sessions(n=80, minutes=31.0, generations=14.5),
    favourites=tuple(
        Favourite(
            lora=named(LONG if number == 1 else f"fav{number}"),
            n=1000 - number,
            elsewhere=number,
            spans=(0, 1, 8, 4),
            trend="rising",
            kept=0.875,
            images=40,
            opinion=1,
        )
        for number in range(12)
    ),
    roles=(Preference(name="style", n=9, share=0.5, ordinary=0.25, lift=2.0),),
    base_models=(Preference(name="SDXL", n=9, share=1.0, ordinary=None, lift=None),),
    styles=(Preference(name="ink", n=9, share=0.5, ordinary=0.001, lift=120.0),),
    subjects=(),
    tones=(),
    strengths=(
        StrengthUse(
            lora=named(LONG),
            base_model="",
            n=12,
            low=0.1,
            lower_quartile=0.6,
            median=0.7,
            upper_quartile=0.8,
            high=1.2,
            latest=0.75,
        ),
    ),
    pairs=(
        Pair(
            first=named(LONG),
            second=named("tea"),
            n=44,
            sessions=9,
            second_given_first=0.66,
            first_given_second=0.5,
            lift=3.25,
        ),
    ),
    times=(
        TimePattern(
            kind="hour",
            n=80,
            shares=(0.0,) * 18 + (1 / 6,) * 6,
            peaks=(Peak(name="18:00 to 00:00", share=1.0, expected=0.25),),
            effect=1.7,
            chance=0.0,
        ),
        TimePattern(kind="weekday", n=80, shares=(0.0,) * 5 + (0.5, 0.5), peaks=(), effect=1.5, chance=0.0),
    ),
    changes=(
        Change(
            kind="styles",
            before="2024 Q4",
            after="2025 Q1",
            n_before=30,
            n_after=40,
            distance=0.41,
            by_chance=0.12,
            more=(Mover(name="ink", before=0.02, after=0.3),),
        ),
    ),
    personas=(
        Persona(
            label=("ink", "mist"),
            n=700,
            share=0.6,
            loras=(Favoured(lora=named(LONG), n=300, share=0.4),),
            example="a lake\nin mist, " * 40,
        ),
    ),
    worth_a_look=(WorthALook(lora=named("idle"), score=0.6, like=named("fav0"), like_n=1000, themes=("ink",)),),
    duplicates=(
        Duplicates(
            used=named("fav0"),
            n=1000,
            spare=(Spare(lora=named("old"), bytes=151_000_000, copy=False, newer=False),),
            bytes=151_000_000,
        ),
    ),
    notes=("counted so",),
    not_yet=(NotYet(about="times.month", why="needs a year"),),
)


def drawn(width: int, encoding: str = "utf-8", terminal: bool = False) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding, errors="backslashreplace", newline="")
    show_profile(RICH, Console(file=stream, width=width, highlight=False, markup=False, force_terminal=terminal))
    stream.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_every_statement_is_on_the_page_at_any_width(width: int) -> None:
    page = drawn(width)
    assert max(cell_len(line) for line in page.splitlines()) <= width
    words = " ".join(page.split())
    for part in (
        "1,234 generations",
        "31 minutes",
        "rising",
        "60%",
        "0.70",
        "66%",
        "0.41",
        "2% to 30%",
        "151 MB",
        "counted so",
    ):
        assert part in words
    assert "and 2 more; --json lists them" in words
    assert ("0.10 to 1.20" in words) == (width >= 96), "the whole range only where there is room"


def test_eighty_columns_keep_a_row_on_its_line() -> None:
    lines = drawn(80).splitlines()
    [favourite] = [line for line in lines if "fav0" in line and "rising" in line]
    assert "1,000" in favourite and " ▁█▄" in favourite and "rising, liked" in favourite
    [strength] = [line for line in lines if "0.60 to 0.80" in line]
    assert strength.startswith("A Very Long") and strength.rstrip().endswith("12") and "…" in strength
    [pair] = [line for line in lines if "3.2x chance" in line]
    assert "A Very Long" in pair and "tea" in pair


def test_files_cannot_move_the_cursor_and_old_consoles_get_plain_bars() -> None:
    assert "\x1b" not in drawn(80) and "\x1b" in drawn(80, terminal=True)
    assert "\x1b[31m" not in drawn(80, terminal=True)
    ascii_page = drawn(80, "ascii")
    assert "##........" in ascii_page or "###......." in ascii_page
    assert "█" not in ascii_page


def test_sparks_show_the_smallest_value_and_nothing_for_none() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    assert spark([0, 0.001, 4, 8], stream) == " ▁▄█"
    assert spark([0, 0], stream) == "  " and spark([], stream) == ""
    assert spark([0, 1, 8], io.TextIOWrapper(io.BytesIO(), "ascii")) == " .@"
