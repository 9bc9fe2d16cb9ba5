"""A file of which only some places are read, and the pieces of it that may hold texts."""

from __future__ import annotations

import io
from collections.abc import Callable

HEAD = 32 * 1024  # bytes read at once; holds the texts of nearly all images before their pixels
MAX_TEXT = 64 * 1024 * 1024  # bytes of all texts of a file; no generator comes near

# Content of a part of the file, and what adds its texts to a dictionary or raises `Damaged`.
Piece = tuple[Callable[[bytes, dict[str, str]], None], bytes]


class Damaged(Exception):
    """A file does not hold what its format promises. The message is a clause fit for a user."""


class Window:
    """A file opened without buffering: its first `HEAD` bytes at hand, the rest read where asked."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._file = file
        self._left = MAX_TEXT  # bytes that may still be asked for: a file can name one place countless times
        self.head = file.read(HEAD) or b""

    def at(self, start: int, size: int) -> bytes:
        """``size`` bytes from ``start``.

        Raises:
            Damaged: the file ends before, or with these more than `MAX_TEXT` bytes were asked for.
        """
        end = start + size
        self._left -= size
        if self._left < 0:
            raise Damaged(f"the image states more text than the {MAX_TEXT >> 20} MiB that are read")
        if end <= len(self.head):
            return self.head[start:end]
        if len(self.head) < HEAD:
            raise Damaged("the image is cut off")
        self._file.seek(start)
        found = self._file.read(size) or b""
        while 0 < len(found) < size and (more := self._file.read(size - len(found))):
            found += more
        if len(found) < size:
            raise Damaged("the image is cut off")
        return found


def decode(data: bytes) -> str:
    """Text as tools write it: UTF-8, though some formats say Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def add_xmp(content: bytes, texts: dict[str, str]) -> None:
    """Keep an XMP packet as it is."""
    texts.setdefault("XMP", decode(content))
