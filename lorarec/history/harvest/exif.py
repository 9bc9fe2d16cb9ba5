"""Texts of EXIF data (Exif 2.32, section 4.6): a TIFF file in small, of either byte order."""

from __future__ import annotations

import struct

from .window import Damaged, decode

_TEXTS = {0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software", 0x9286: "UserComment"}
_EXIF_DIRECTORY = 0x8769
_ASCII, _LONG, _UNDEFINED, _BYTE = 2, 4, 7, 1
_MAX_ENTRIES = 1000  # of a directory; cameras write dozens
_MARKER = b"Exif\0\0"  # some writers repeat JPEG's marker in other formats
# The first eight bytes of a user comment.
_UNICODE, _PLAIN = b"UNICODE\0", (b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"\0" * 8)


def add_exif(content: bytes, texts: dict[str, str]) -> None:
    """Add the texts of an EXIF block to ``texts``.

    A user comment may stand in either directory and be of type ASCII (Pillow's writers) or UNDEFINED.

    Raises:
        Damaged: it is no EXIF block, or its first directory lies outside of it.
    """
    data = content.removeprefix(_MARKER)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < 8:
        raise Damaged("the image holds EXIF data that is none")
    (first,) = struct.unpack_from(order + "I", data, 4)
    second, read = _read_directory(data, order, first, texts, 0)
    if second is not None:
        _read_directory(data, order, second, texts, read)


def _read_directory(data: bytes, order: str, at: int, texts: dict[str, str], read: int) -> tuple[int | None, int]:
    """Read the texts of one directory.

    ``read`` bytes of texts came before. Returns where the EXIF directory is, None if it does not say so, and how many
    bytes of texts have been read now.
    """
    if at + 2 > len(data):
        raise Damaged("the image holds EXIF data that is cut off")
    (count,) = struct.unpack_from(order + "H", data, at)
    inner: int | None = None
    for number in range(min(count, _MAX_ENTRIES)):
        entry = at + 2 + 12 * number
        if entry + 12 > len(data):
            break
        tag, kind, size, value = struct.unpack_from(order + "HHII", data, entry)
        if tag == _EXIF_DIRECTORY and kind == _LONG:
            inner = value
        elif (name := _TEXTS.get(tag)) and kind in (_ASCII, _UNDEFINED, _BYTE):
            raw = data[entry + 8 : entry + 8 + size] if size <= 4 else data[value : value + size]
            read += len(raw)
            if read > len(data):  # a thousand entries that share one text would each be decoded
                raise Damaged("the image holds EXIF data whose texts overlap")
            if text := _text(raw, order):
                texts.setdefault(name, text)
    return inner, read


def _text(raw: bytes, order: str) -> str:
    """Decode a text with or without the prefix that names its character set."""
    if raw.startswith(_UNICODE):
        return _utf16(raw[8:], order)
    if raw.startswith(_PLAIN):
        raw = raw[8:]
    return decode(raw.rstrip(b"\0 "))


def _utf16(raw: bytes, order: str) -> str:
    """UTF-16 of whatever byte order was used: writers follow neither the standard nor the block's order.

    Texts of generators hold enough ASCII for its zero bytes to tell; a text without any zero byte that is valid UTF-8
    is UTF-8 under a wrong label.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace").strip("\0 ")
    high, low = raw[0::2].count(0), raw[1::2].count(0)
    if high == low == 0:
        try:
            return raw.decode("utf-8").strip()
        except UnicodeDecodeError:
            pass
    big = high > low if high != low else order == ">"
    return raw.decode("utf-16-be" if big else "utf-16-le", "replace").strip("\0 ")
