"""The header of a .safetensors file: 8 bytes of length (little-endian), then JSON, of which only ``__metadata__`` is
decoded.

A header is mostly tensor offsets. Writers put ``__metadata__`` first, and its values are strings, so that its end can
be found by searching bytes; only where that fails is the rest of the JSON scanned. Tensor names and shapes are decoded
by `tensors` when somebody needs them. Format: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ..errors import BadFile
from .text import encodable

MAX_LENGTH = 64 * 1024 * 1024  # bytes of header that peers accept
_MAX_VALUES = 4_096  # metadata entries kept
_START = re.compile(rb'\s*{\s*"__metadata__"\s*:\s*(?={)')
_QUOTE, _BACKSLASH = b'"\\'
_MAX_TRIES = 4_096  # ends tried before the whole header is scanned instead
_END = 8_192  # bytes at either end of the metadata that go into the digest
_TAIL = 4_096  # bytes of tensor entries that do


class Header(Struct, frozen=True):
    """What a header holds, without its tensors."""

    metadata: dict[str, str]
    length: int  # bytes of JSON
    digest: str  # 16 hex digits of BLAKE2b over lengths, the metadata's ends and the last tensor entries
    raw: bytes  # the JSON, for `tensors`


class _Top(Struct):
    metadata: msgspec.Raw = msgspec.field(name="__metadata__", default=msgspec.Raw(b"{}"))


_TOP = msgspec.json.Decoder(_Top)
_STRINGS = msgspec.json.Decoder(dict[str, str])


def read_header(path: Path) -> Header:
    """Read the header of a .safetensors file; the tensors are never touched.

    Raises:
        BadFile: the file cannot be read, is no safetensors file, is cut off, or its header is too large or no valid
        JSON.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(8)
            if len(head) < 8:
                raise BadFile(f"{_name(path)} is cut off ({len(head)} bytes); download it again")
            length = int.from_bytes(head, "little")
            if length > MAX_LENGTH or length < 2:
                raise BadFile(
                    f"{_name(path)} is not a safetensors file (its header claims {length:,} bytes); replace it"
                )
            raw = file.read(length)
            while len(raw) < length and (more := file.read(length - len(raw))):
                raw += more
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadFile(f"{_name(path)} cannot be read ({encodable(reason)}); check its permissions") from error
    if len(raw) < length:
        raise BadFile(f"{_name(path)} is cut off inside its header; download it again")
    block = _metadata_block(raw)
    metadata = _decoded(block) if block is not None else None
    if block is None or metadata is None:
        block, metadata = _slow(raw, path)
    return Header(metadata, length, _digest(length, block, raw), raw)


def _metadata_block(raw: bytes) -> bytes | None:
    """The bytes of a leading ``__metadata__`` object of strings, or None if it does not lead or its end is not
    plain."""
    start = _START.match(raw)
    if start is None or raw[-256:].rstrip()[-1:] != b"}":
        return None
    begin = at = start.end()
    for _ in range(_MAX_TRIES):
        # One byte is searched for at memory speed, two are not.
        at = raw.find(b"}", at) + 1
        if at == 0:
            return None
        if raw[at - 2] != _QUOTE:
            continue
        # A quote after an even number of backslashes closes a string, and only the last string is followed by "}".
        slashes = 0
        while raw[at - 3 - slashes] == _BACKSLASH:
            slashes += 1
        if slashes % 2 == 0:
            return raw[begin:at]
    return None


def _decoded(block: bytes) -> dict[str, str] | None:
    try:
        metadata = _STRINGS.decode(block)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return dict(list(metadata.items())[:_MAX_VALUES]) if len(metadata) > _MAX_VALUES else metadata


def _slow(raw: bytes, path: Path) -> tuple[bytes, dict[str, str]]:
    """Scan the whole header and keep what of its metadata is, or can be read as, text."""
    try:
        block = bytes(_TOP.decode(raw).metadata)
        value: Any = msgspec.json.decode(block)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            # Lone surrogates, NaN and stray bytes are refused by msgspec; the standard parser shows whether the rest is
            # sound.
            whole = json.loads(raw.decode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            raise BadFile(f"{_name(path)} has a damaged header (no valid JSON); download it again") from error
        if not isinstance(whole, dict):
            raise BadFile(
                f"{_name(path)} is not a safetensors file (its header is no JSON object); delete or replace it"
            ) from None
        value = whole.get("__metadata__")
        block = json.dumps(value).encode("ascii", "replace")
    if not isinstance(value, dict):
        return block, {}
    kept: dict[str, str] = {}
    for key, item in list(value.items())[:_MAX_VALUES]:
        if isinstance(item, str):
            kept[encodable(str(key))] = encodable(item)
        elif isinstance(item, (int, float)) and not isinstance(item, bool) and abs(item) < 1e18:
            kept[encodable(str(key))] = str(item)
    return block, kept


def _digest(length: int, block: bytes, raw: bytes) -> str:
    # Hashing everything would cost more than reading it. Tensor entries follow from the architecture, and two trainings
    # differ in names, dates and counts all over their metadata, so that its ends and all lengths tell them apart.
    state = hashlib.blake2b(length.to_bytes(8, "little") + len(block).to_bytes(8, "little"), digest_size=8)
    state.update(block if len(block) <= 2 * _END else block[:_END] + block[-_END:])
    state.update(raw[-_TAIL:])
    return state.hexdigest()


def _name(path: Path) -> str:
    return encodable(path.name)
