"""Texts of PNG files (PNG specification, third edition, section 11.3)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

from .exif import add_exif
from .window import MAX_TEXT, Damaged, Piece, Window, decode

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">I4s")
_MAX_CHUNK = 2**31 - 1
_STEP = 1 << 20  # bytes decompressed at once
# With one of these before the image data there is nothing to gain behind it, and walking over that costs two system
# calls for each of its parts.
_ENOUGH = frozenset({"parameters", "prompt", "workflow", "invokeai_metadata", "sd-metadata", "Dream", "UserComment"})


def pieces(window: Window, texts: dict[str, str]) -> Iterator[Piece]:
    """The chunks that hold texts; those behind the image data only where ``texts`` lacks what a generator writes.

    Raises:
        Damaged: a chunk is cut off, impossible or too large.
    """
    head, at, readers = window.head, len(SIGNATURE), _readers()
    while True:
        if at + 8 <= len(head):
            size, kind = _HEADER.unpack_from(head, at)
        else:
            size, kind = _HEADER.unpack(window.at(at, 8))
        if size > _MAX_CHUNK or not kind.isalpha():
            raise Damaged("the image holds something that is no PNG chunk")
        if kind == b"IEND" or (kind == b"IDAT" and not _ENOUGH.isdisjoint(texts)):
            return
        if read := readers.get(kind):
            yield read, window.at(at + 8, size)
        at += size + 12


def _add_plain(content: bytes, texts: dict[str, str]) -> None:
    key, text = _split(content)
    texts.setdefault(key, decode(text))


def _readers() -> dict[bytes, Callable[[bytes, dict[str, str]], None]]:
    """What adds the texts of a chunk, by its kind; made for each file, since all of one share a bound."""
    inflate = _Inflater()

    def add_compressed(content: bytes, texts: dict[str, str]) -> None:
        key, rest = _split(content)
        texts.setdefault(key, decode(inflate(rest[1:])))

    def add_international(content: bytes, texts: dict[str, str]) -> None:
        # After the keyword: compression flag, method, language tag and translated keyword, each of these two ended by
        # a zero byte, then the text.
        key, rest = _split(content)
        fields = rest[2:].split(b"\0", 2)
        if len(fields) < 3:
            raise Damaged("the image holds a text that is cut off")
        texts.setdefault(key, decode(inflate(fields[2]) if rest[0] else fields[2]))

    return {
        b"tEXt": _add_plain,
        b"zTXt": add_compressed,
        b"iTXt": add_international,
        b"eXIf": add_exif,
        b"comf": _add_plain,  # ComfyUI's own, in animated PNG
    }


def _split(content: bytes) -> tuple[str, bytes]:
    """A chunk's keyword and what follows it."""
    key, zero, rest = content.partition(b"\0")
    if not zero:
        raise Damaged("the image holds a text without a keyword")
    return decode(key), rest


class _Inflater:
    """Decompresses the texts of one file, together never more than `MAX_TEXT`, whatever they promise."""

    def __init__(self) -> None:
        self._left = MAX_TEXT

    def __call__(self, data: bytes) -> bytes:
        """The decompressed bytes. Raises `Damaged`."""
        stream, found, full = zlib.decompressobj(), bytearray(), True
        while full:
            if self._left < _STEP:
                raise Damaged(f"the image holds more than {MAX_TEXT >> 20} MiB of compressed text")
            self._left -= _STEP  # what turns out to be damaged has cost as much
            try:
                part = stream.decompress(data, _STEP)
            except zlib.error as error:
                raise Damaged("the image holds a compressed text that is damaged") from error
            self._left += _STEP - len(part)
            found += part
            data, full = stream.unconsumed_tail, len(part) == _STEP
        return bytes(found)
