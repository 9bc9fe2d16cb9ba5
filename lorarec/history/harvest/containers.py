"""Texts of JPEG, WebP and AVIF/HEIC files: boxes of segments, one of which holds EXIF, another XMP."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .exif import add_exif
from .window import Damaged, Piece, Window, add_xmp, decode

_JPEG_EXIF = b"Exif\0\0"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
HEIF_BRANDS = frozenset({b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis", b"hevc"})


def jpeg_pieces(window: Window) -> Iterator[Piece]:
    """A JPEG file's segments before its image data (ITU T.81 annex B, Exif 2.32 section 4.5).

    Raises:
        Damaged: the file ends or breaks off before its image data.
    """
    at = 2
    while True:
        mark, kind = window.at(at, 2)
        if mark != 0xFF:
            raise Damaged("the image holds something that is no JPEG segment")
        if kind in (0xD9, 0xDA):  # end of image, start of scan
            return
        if kind == 0xFF:  # padding
            at += 1
            continue
        size = int.from_bytes(window.at(at + 2, 2), "big")  # counts itself
        if size < 2:
            raise Damaged("the image holds something that is no JPEG segment")
        if kind in (0xE1, 0xFE):
            content = window.at(at + 4, size - 2)
            if kind == 0xFE:
                yield _add_comment, content
            elif content.startswith(_JPEG_EXIF):
                yield add_exif, content
            elif content.startswith(_JPEG_XMP):
                yield add_xmp, content[len(_JPEG_XMP) :]
        at += 2 + size


def _add_comment(content: bytes, texts: dict[str, str]) -> None:
    texts.setdefault("Comment", decode(content.rstrip(b"\0")))


def webp_pieces(window: Window) -> Iterator[Piece]:
    """A WebP file's chunks of metadata (RFC 9649, section 2.7).

    Raises:
        Damaged: the file is shorter than it says.
    """
    at, end = 12, 8 + int.from_bytes(window.head[4:8], "little")
    while at + 8 <= end:
        kind, size = struct.unpack("<4sI", window.at(at, 8))
        if kind == b"EXIF":
            yield add_exif, window.at(at + 8, size)
        elif kind == b"XMP ":
            yield add_xmp, window.at(at + 8, size)
        at += 8 + size + size % 2


def heif_pieces(window: Window) -> Iterator[Piece]:
    """An AVIF or HEIC file's items of metadata, listed in its ``meta`` box (ISO 14496-12, section 8.11).

    Raises:
        Damaged: a box or item is cut off or impossible.
    """
    at, kind, start, end = 0, b"", 0, 0
    while kind != b"meta":
        kind, start, end = _box(window.at(at, 16), at)
        if kind == b"mdat" or end <= at:  # metadata behind the pixels is not written by any generator
            return
        at = end
    meta = window.at(start, end - start)
    boxes = {kind: meta[first:last] for kind, first, last in _boxes(meta, 4)}
    try:
        places = dict(_places(boxes.get(b"iloc", b"")))
        wanted = [(kind, places[item]) for item, kind in _items(boxes.get(b"iinf", b"")) if item in places]
    except (struct.error, IndexError) as error:
        raise Damaged("the image's list of items is cut off") from error
    for kind, (start, size) in wanted:
        if kind == b"Exif":
            content = window.at(start, size)
            yield add_exif, content[4 + int.from_bytes(content[:4], "big") :]  # that far away is the TIFF header
        elif kind == b"mime":
            yield add_xmp, window.at(start, size)


def _box(header: bytes, at: int) -> tuple[bytes, int, int]:
    """Kind, start and end of the content of the box at ``at``, whose first 16 bytes are given."""
    size, kind, long_size = struct.unpack(">I4sQ", header)
    return (kind, at + 16, at + long_size) if size == 1 else (kind, at + 8, at + size)


def _boxes(content: bytes, at: int) -> Iterator[tuple[bytes, int, int]]:
    while at + 16 <= len(content):
        kind, start, end = _box(content[at : at + 16], at)
        if end <= at or end > len(content):
            return
        yield kind, start, end
        at = end


def _items(iinf: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and type of every item."""
    if not iinf:
        return
    for kind, start, end in _boxes(iinf, 6 if iinf[0] == 0 else 8):
        entry = iinf[start:end]
        if kind == b"infe" and entry[0] == 2:
            yield struct.unpack_from(">H", entry, 4)[0], entry[8:12]
        elif kind == b"infe" and entry[0] == 3:
            yield struct.unpack_from(">I", entry, 4)[0], entry[10:14]


def _places(iloc: bytes) -> Iterator[tuple[int, tuple[int, int]]]:
    """Number, and offset in the file and size, of every item that lies in one piece."""
    if not iloc:
        return
    version, sizes = iloc[0], int.from_bytes(iloc[4:6], "big")
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    at = 6

    def take(size: int) -> int:
        nonlocal at
        at += size
        if at > len(iloc):
            raise IndexError
        return int.from_bytes(iloc[at - size : at], "big")

    for _ in range(take(4 if version == 2 else 2)):
        item = take(4 if version == 2 else 2)
        method = take(2) & 15 if version else 0
        take(2)  # which file: always this one
        base = take(base_size)
        pieces = take(2)
        if pieces != 1:
            take(pieces * (index_size + offset_size + length_size))
            continue
        take(index_size)
        offset, length = base + take(offset_size), take(length_size)
        if method == 0:
            yield item, (offset, length)
