"""Values as generators write them."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.history.harvest.values import digests, json_value, moment, number, size, tag_name, whole


def test_json_with_literals_and_lone_surrogates() -> None:
    value = json_value('{"a": NaN, "b": [Infinity, -Infinity], "c": "x\\ud800y \\ud83d\\ude00"}')
    assert math.isnan(value["a"]) and value["b"] == [math.inf, -math.inf] and value["c"] == "x?y 😀"
    assert json_value("{") is None
    assert json_value("[" * 100_000) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        ("0.8", 0.8),
        (" -1 ", -1.0),
        (".5", 0.5),
        ("1e-2", 0.01),
        (True, None),
        (None, None),
        ("", None),
        ("0,8", None),
        ("nan", None),
        (math.nan, None),
        (math.inf, None),
        (10**400, None),
        ("1e999", None),
        ([1], None),
    ],
)
def test_numbers(value: Any, expected: float | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((20, 20), ("20", 20), (20.0, 20), ("20.0", 20), (2**64 - 1, 2**64 - 1), (str(2**64 - 1), 2**64 - 1)),
        *((20.5, None), (-1, None), (2**64, None), (True, None), ("x", None), (None, None), (math.inf, None)),
        (10**400, None),
    ],
)
def test_whole_numbers(value: Any, expected: int | None) -> None:
    assert whole(value) == expected


def test_sizes() -> None:
    assert size("832x1216") == (832, 1216)
    assert size("832 X 1216 ") == (832, 1216)
    assert size("832") == size("axb") == size("") == (None, None)


def test_digests() -> None:
    assert digests("F4C3C4A69A0E") == ("f4c3c4a69a0e",)
    assert digests("0x" + "Ab" * 32) == ("ab" * 32,)
    assert digests("blake3:0123456789") == ("0123456789",)
    assert digests("None") == digests("abc") == digests(None) == digests(12345678) == ()


def test_moments() -> None:
    utc = datetime(2024, 12, 22, 1, 1, 1, tzinfo=timezone.utc).timestamp()
    assert moment("2024-12-22T01:01:01.0222111Z") == utc
    assert moment("2024-12-22 03:01:01+02:00") == moment("2024-12-22T03:01:01.5 +0200") == utc
    assert moment("2024-12-22 01:01:01") == datetime(2024, 12, 22, 1, 1, 1).timestamp()
    assert moment("2024-12-22") == datetime(2024, 12, 22, 12).timestamp()
    assert moment("2024-13-22") is moment("yesterday") is moment("") is moment(5) is None


def test_folded_names() -> None:
    assert (
        tag_name("Styles\\Ink Wash v1.2.SafeTensors")
        == tag_name("ink wash v1.2")
        == tag_name("x/INK, WASH: v1.2")
        != ""
    )
    assert tag_name("Cafe\u0301.sft") == tag_name("CAF\u00c9")


@given(st.text())
def test_any_text(text: str) -> None:
    for read in (json_value, number, whole, size, digests, moment, tag_name):
        read(text)
