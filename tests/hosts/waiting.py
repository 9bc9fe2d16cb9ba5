"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(what: Callable[[], T], seconds: float = 30.0, why: str = "") -> T:
    """The first true value; AssertionError if none comes in time."""
    until = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < until, f"not within {seconds} s: {why or what}"
        time.sleep(0.03)
