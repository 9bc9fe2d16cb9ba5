"""Open a JSON sidecar and be forgiving: a byte-order mark, UTF-16, NaN and stray bytes do not make a file
unreadable."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import msgspec

from ...errors import BadFile
from ..text import encodable

MAX_SIZE = 8 * 1024 * 1024  # bytes; no tool writes more about one LoRA


def read_bytes(path: Path) -> bytes:
    """The content of a sidecar.

    Raises:
        BadFile: it cannot be read or is larger than `MAX_SIZE`.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_SIZE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadFile(f"sidecar cannot be read ({encodable(reason)}); check its permissions") from error
    if len(content) > MAX_SIZE:
        raise BadFile(f"sidecar is larger than {MAX_SIZE >> 20} MiB and was not read; it is hardly about one LoRA")
    return content


def decode(content: bytes) -> str:
    """Text of unknown encoding; bytes that are no text become U+FFFD."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    return content.decode("utf-8-sig", "replace")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a sidecar.

    Raises:
        BadFile: it cannot be read, is too large, is no valid JSON or no object.
    """
    content = read_bytes(path)
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            value = json.loads(decode(content))
        except (ValueError, RecursionError) as error:
            raise BadFile(f"sidecar is no valid JSON ({_short(error)}); mend or delete it") from error
    if not isinstance(value, dict):
        raise BadFile("sidecar holds no JSON object; mend or delete it")
    return value


def _short(error: Exception) -> str:
    return encodable(str(error))[:80] if isinstance(error, ValueError) else "nested too deeply"
