"""Times as people type them: a date, a date with a time, or an age."""

from __future__ import annotations

import argparse
import re
import time
from datetime import datetime, timedelta

_AGES = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([hdw])", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def since(text: str) -> float:
    """An argparse type: seconds since the epoch; a date means its first moment, in local time."""
    return moment(text, time.time())


def until(text: str) -> float:
    """An argparse type: seconds since the epoch; a date means the end of that day, in local time."""
    return moment(text, time.time(), end=True)


def moment(text: str, now: float, *, end: bool = False) -> float:
    """Read an ISO date or time ("2026-01-31", "2026-01-31T18:00", with offset or "Z") or an age ("12h", "30d", "8w").

    An age older than the epoch is the epoch.

    Args:
        text: what was typed. Without an offset it is local time.
        now: seconds since the epoch, what ages count back from.
        end: a date alone means the moment after its last one.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    text = text.strip()
    if age := _AGE.fullmatch(text):
        return max(0.0, now - float(age[1]) * _AGES[age[2].lower()])
    try:
        found = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
        if end and _DATE.fullmatch(text):
            found += timedelta(days=1)
        return found.timestamp()
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is no date like 2026-01-31 and no age like 30d or 12h") from None
