"""Values as generators write them -> numbers, dates and hashes, or None where they cannot be that."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, time, timezone
from typing import Any

import msgspec

from ...paths import folded, without_extension

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?", re.I)
_LONGEST_NUMBER = 40  # characters
_MAX_WHOLE = 2**64  # seeds are below
_SIZE = re.compile(r"(\d{1,6})\s*[xX×]\s*(\d{1,6})")
_DIGEST = re.compile(r"[0-9a-f]{6,128}")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?)?")


def json_value(text: str) -> Any:
    """JSON, also with the literals NaN and Infinity that ComfyUI writes; None if it is none.

    Strings in it can be encoded as UTF-8: lone surrogates become question marks.
    """
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        pass
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        return value
    except (ValueError, RecursionError):
        return None


def json_object(text: str) -> dict[str, Any]:
    """The JSON object in a text, {} if it is none."""
    value = json_value(text) if text.lstrip()[:1] == "{" else None
    return value if isinstance(value, dict) else {}


def plain_text(value: Any) -> str | None:
    """A string, None for anything else."""
    return value if isinstance(value, str) else None


def number(value: Any) -> float | None:
    """A finite number, also written as text."""
    if isinstance(value, str):
        value = value.strip()
        if len(value) > _LONGEST_NUMBER or not _NUMBER.fullmatch(value):
            return None
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def whole(value: Any) -> int | None:
    """A whole number from 0 to 2^64 - 1, also written as text or as 20.0. Negative ones mean "random" or "off"."""
    if isinstance(value, str):
        value = value.strip()
        found = int(value) if value.isascii() and value.isdigit() and len(value) <= 20 else number(value)
    else:
        found = value if isinstance(value, int) and not isinstance(value, bool) else number(value)
    if found is None or found != int(found) or not 0 <= found < _MAX_WHOLE:
        return None
    return int(found)


def size(text: str) -> tuple[int | None, int | None]:
    """Width and height in pixels from "832x1216"."""
    found = _SIZE.fullmatch(text.strip())
    return (int(found[1]), int(found[2])) if found else (None, None)


def digests(value: Any) -> tuple[str, ...]:
    """A hash in lower-case hex without what names its kind ("0x", "blake3:"); () if it is none."""
    if not isinstance(value, str):
        return ()
    found = value.strip().lower().rpartition(":")[2].removeprefix("0x")
    return (found,) if _DIGEST.fullmatch(found) else ()


def moment(value: Any) -> float | None:
    """Seconds since the epoch of an ISO date. Without a zone it is local time; without a time, local noon."""
    found = _MOMENT.match(value) if isinstance(value, str) else None
    if not found:
        return None
    day, clock, zone = found.groups()
    try:
        if clock is None:
            return datetime.combine(datetime.fromisoformat(day), time(12)).timestamp()
        offset = zone if zone is None or ":" in zone or zone == "Z" else zone[:3] + ":" + zone[3:]
        at = datetime.fromisoformat(f"{day}T{clock}{'' if offset in (None, 'Z') else offset}")
        return (at.replace(tzinfo=timezone.utc) if offset == "Z" else at).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def tag_name(name: str) -> str:
    """A LoRA's name for comparison: no folder, no extension, folded, and none of what A1111 drops from names."""
    stem = without_extension(name.strip().replace("\\", "/").rpartition("/")[2])
    return folded(stem.replace(",", "").replace(":", ""))
