"""Sizes, moments and long texts as a person reads them, on a page and on a terminal alike."""

from __future__ import annotations

import time


def size(count: float) -> str:
    """Bytes."""
    for unit in ("bytes", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def day(at: float) -> str:
    """The local date of a moment."""
    return _local(at, "%Y-%m-%d")


def minute(at: float) -> str:
    """The local date and time of a moment."""
    return _local(at, "%Y-%m-%d %H:%M")


def short(text: str, limit: int) -> str:
    """A text of so many characters at most."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _local(at: float, form: str) -> str:
    try:
        return time.strftime(form, time.localtime(at))
    except (OverflowError, OSError, ValueError):  # a file with an absurd time
        return f"{at:g}"
