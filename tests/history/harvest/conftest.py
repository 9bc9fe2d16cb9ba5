"""Small image files with texts in them, built from the formats' own definitions, and a folder to harvest."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from image_folder import Place
from lorarec.database import open_database
from lorarec.history.store import History

WriteImage = Callable[..., Path]
ExifOf = Callable[..., bytes]

_TAGS = {"ImageDescription": 0x010E, "Make": 0x010F, "Model": 0x0110, "Software": 0x0131}
_COMMENT, _INNER = 0x9286, 0x8769


def exif_of(texts: Mapping[str, str], *, order: str = "<", comment: str = "unicode-be") -> bytes:
    """A TIFF block with texts of the first directory and a user comment.

    Args:
        texts: by name as `metadata.read_metadata` gives them.
        order: byte order, "<" or ">".
        comment: how the user comment is written: "unicode-be", "unicode-le", "ascii", "utf-8", or "first" for the way
            Pillow's users have it, as plain text in the first directory.
    """
    first: list[tuple[int, int, bytes]] = []
    inner: list[tuple[int, int, bytes]] = []
    for name, text in texts.items():
        if name != "UserComment":
            first.append((_TAGS[name], 2, text.encode("utf-8") + b"\0"))
        elif comment == "first":
            first.append((_COMMENT, 2, text.encode("utf-8") + b"\0"))
        elif comment.startswith("unicode"):
            inner.append((_COMMENT, 7, b"UNICODE\0" + text.encode("utf-16-" + comment[-2:])))
        else:
            prefix = b"ASCII\0\0\0" if comment == "ascii" else b"\0" * 8
            inner.append((_COMMENT, 7, prefix + text.encode("utf-8")))

    def directory(entries: list[tuple[int, int, bytes]], at: int) -> bytes:
        head, values = struct.pack(order + "H", len(entries)), b""
        start = at + 2 + 12 * len(entries) + 4
        for tag, kind, value in sorted(entries):
            if kind == 4:
                place = value
            elif len(value) <= 4:
                place = value.ljust(4, b"\0")
            else:
                place, values = struct.pack(order + "I", start + len(values)), values + value
            head += struct.pack(order + "HHI", tag, kind, 1 if kind == 4 else len(value)) + place
        return head + b"\0" * 4 + values

    if inner:
        length = len(directory([*first, (_INNER, 4, b"\0" * 4)], 8))
        first.append((_INNER, 4, struct.pack(order + "I", 8 + length)))
    block = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + directory(first, 8)
    return block + (directory(inner, len(block)) if inner else b"")


def write_png(
    path: Path,
    texts: Mapping[str, str] | None = None,
    *,
    kind: str = "tEXt",
    after_idat: bool = False,
    exif: bytes = b"",
    pixels: int = 1,
    encoding: str = "utf-8",
) -> Path:
    """Write a PNG file.

    ``kind`` is the chunk of the texts: tEXt, zTXt, iTXt, iTXt-compressed or ComfyUI's comf; ``pixels`` the number of
    chunks of image data, 8 KiB each if there are several.
    """

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    written = b""
    for key, text in (texts or {}).items():
        data = text.encode(encoding)
        if kind == "zTXt":
            data = b"\0" + zlib.compress(data)
        elif kind == "iTXt":
            data = b"\0\0" + b"\0\0" + data
        elif kind == "iTXt-compressed":
            data = b"\1\0" + b"en\0" + b"\0" + zlib.compress(data)
        written += chunk(kind[:4].encode(), key.encode("latin-1") + b"\0" + data)
    if exif:
        written += chunk(b"eXIf", exif)
    image = zlib.compress(b"\0\x80")
    parts = chunk(b"IDAT", image) if pixels == 1 else chunk(b"IDAT", b"\x55" * 8192) * pixels
    header = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    path.write_bytes(header + (parts + written if after_idat else written + parts) + chunk(b"IEND", b""))
    return path


def write_jpeg(path: Path, *, exif: bytes = b"", xmp: str = "", comment: str = "") -> Path:
    """Write the segments of a JPEG file; its image data is nonsense."""

    def segment(kind: int, content: bytes) -> bytes:
        return bytes((0xFF, kind)) + struct.pack(">H", len(content) + 2) + content

    data = b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    if exif:
        data += segment(0xE1, b"Exif\0\0" + exif)
    if xmp:
        data += segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp.encode())
    if comment:
        data += segment(0xFE, comment.encode())
    path.write_bytes(data + segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x55" * 100 + b"\xff\xd9")
    return path


def write_webp(path: Path, *, exif: bytes = b"", xmp: str = "", pixels: int = 100) -> Path:
    """Write the chunks of a WebP file, its metadata behind ``pixels`` bytes of image data."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)

    body = chunk(b"VP8X", bytes([0x08 * bool(exif) | 0x04 * bool(xmp)]) + b"\0" * 9) + chunk(b"VP8 ", b"\x55" * pixels)
    body += (chunk(b"EXIF", exif) if exif else b"") + (chunk(b"XMP ", xmp.encode()) if xmp else b"")
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body)
    return path


def write_avif(path: Path, *, exif: bytes, empty: int = 0, shared: int = 1) -> Path:
    """Write the boxes of an AVIF file with an item of metadata, listed ``shared`` times; or its place lost among
    ``empty`` impossible ones."""

    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content) + 8) + name + content

    def meta(offset: int) -> bytes:
        item = b"\0\0\0\0" + exif
        infe = box(b"infe", b"\2\0\0\0" + struct.pack(">HH", 1, 0) + b"Exif" + b"\0")
        iinf = box(b"iinf", b"\0\0\0\0" + struct.pack(">H", shared) + infe * shared)
        iloc = b"\0\0\0\0" + struct.pack(">HHHHHII", 0x4400, 1, 1, 0, 1, offset, len(item))
        if empty:
            iloc = b"\0\0\0\0" + struct.pack(">HH", 0, empty) + struct.pack(">HHH", 1, 0, 0xFFFF) * empty
        return box(b"meta", b"\0\0\0\0" + iinf + box(b"iloc", iloc))

    start = box(b"ftyp", b"avif\0\0\0\0avifmif1")
    offset = len(start) + len(meta(0)) + 8
    path.write_bytes(start + meta(offset) + box(b"mdat", b"\0\0\0\0" + exif + b"\x55" * 50))
    return path


@pytest.fixture(name="write_png")
def _write_png() -> WriteImage:
    return write_png


@pytest.fixture(name="write_jpeg")
def _write_jpeg() -> WriteImage:
    return write_jpeg


@pytest.fixture(name="write_webp")
def _write_webp() -> WriteImage:
    return write_webp


@pytest.fixture(name="write_avif")
def _write_avif() -> WriteImage:
    return write_avif


@pytest.fixture(name="exif_of")
def _exif_of() -> ExifOf:
    return exif_of


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An empty image folder and a history."""
    with open_database(tmp_path / "data") as database:
        yield Place(tmp_path, History(database))
