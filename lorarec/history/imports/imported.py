"""What an import yields, whichever tool it comes from, and reading foreign JSON without trusting it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

from ...errors import BadFile
from ...history_types import Generation, ImageFile, OutcomeKind
from ...types import ScanProblem
from ..adding import UsageCount

LARGEST = 64 * 1024 * 1024  # bytes; no tool's JSON about a collection comes near


class Imported(Struct, frozen=True, kw_only=True):
    """What one tool knows."""

    source: str  # the tool and which of its stores, e.g. "lora-manager usage"
    generations: tuple[tuple[Generation, ImageFile | None], ...] = ()
    usage: tuple[UsageCount, ...] = ()
    outcomes: tuple[tuple[str, OutcomeKind, float], ...] = ()  # image path, what became of it, when
    problems: tuple[ScanProblem, ...] = ()


def read_json(path: str) -> dict[str, Any]:
    """The JSON object in a file; NaN and a byte-order mark are accepted.

    Raises:
        BadFile: it cannot be read, is too large, is no valid JSON or no object.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadFile(f"{path} cannot be read ({reason}); check its permissions") from error
    if len(content) > LARGEST:
        raise BadFile(f"{path} is larger than {LARGEST >> 20} MiB and was not read; it is hardly one tool's notes")
    try:
        value = json.loads(content.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path} is no valid JSON ({str(error)[:80]}); mend or delete it") from error
    if not isinstance(value, dict):
        raise BadFile(f"{path} holds no JSON object; is it the right file?")
    return value


def text(value: Any) -> str:
    """A string without surrounding space, "" for anything else."""
    return value.strip() if isinstance(value, str) else ""


def absolute(path: str) -> bool:
    """Whether a path can be one of this machine's."""
    return Path(path).is_absolute() and "\0" not in path
