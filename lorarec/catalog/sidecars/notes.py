"""``N.txt`` and ``N.description.txt``: nothing binds a text file to its LoRA, so that only short, printable text
counts, and little."""

from __future__ import annotations

from pathlib import Path

from ...types import Origin
from ..findings import Findings
from ..text import plain
from .reading import decode

_MAX_BYTES = 2_048


def read(path: Path, name: str, findings: Findings) -> None:
    """Claim the text as notes with the weight of a guess; anything long, binary or unreadable is left alone without a
    word."""
    try:
        with open(path, "rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError):
        return
    text = decode(content)
    if len(content) > _MAX_BYTES or "�" in text or "\x00" in text:
        return
    findings.add("notes", plain(text), name.rsplit("/", 1)[-1].rsplit(".", 2)[-1], Origin.GUESS)
