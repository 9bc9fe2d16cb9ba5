"""The texts that image generators leave in image files, read without decoding a pixel.

Formats: PNG (``tEXt``, ``zTXt``, ``iTXt``, ``eXIf``, ComfyUI's ``comf``), JPEG (EXIF, XMP, comment), WebP (EXIF, XMP),
AVIF and HEIC (EXIF, XMP). Most generators write before the image data, where one read finds everything; image data is
jumped over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ...errors import BadFile
from ...paths import printable
from . import containers, png
from .window import Damaged, Piece, Window


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts in an image file by key; {} where it holds none.

    Keys are those of the file: PNG keywords (``parameters``, ``prompt``, ``workflow``, ``invokeai_metadata``,
    ``Comment`` ...), of EXIF ``UserComment``, ``ImageDescription``, ``Make``, ``Model`` and ``Software``, of XMP
    ``XMP``, of a JPEG's comment ``Comment``. The first text of a key stands. A file that is cut off or damaged gives
    what it still holds.

    Raises:
        BadFile: the file cannot be opened, is no image of these formats, or nothing could be found in it because it is
            damaged or states more than 64 MiB of text.
    """
    name = os.fspath(path)
    texts: dict[str, str] = {}
    damage: Damaged | None = None
    try:
        with open(name, "rb", buffering=0) as file:
            for read, content in _pieces(Window(file), texts):
                try:
                    read(content, texts)
                except Damaged as error:
                    damage = error
    except Damaged as error:
        damage = error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadFile(
            f"{printable(name)}: the image cannot be read ({reason}); check the file and its permissions"
        ) from error
    if damage and not texts:
        raise BadFile(f"{printable(name)}: {damage}; restore it from a copy or leave it out") from damage
    return texts


def _pieces(window: Window, texts: dict[str, str]) -> Iterator[Piece]:
    """What of the file may hold texts, by its format."""
    head = window.head
    if head.startswith(png.SIGNATURE):
        return png.pieces(window, texts)
    if head.startswith(b"\xff\xd8\xff"):
        return containers.jpeg_pieces(window)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return containers.webp_pieces(window)
    if head[4:8] == b"ftyp" and head[8:12] in containers.HEIF_BRANDS:
        return containers.heif_pieces(window)
    raise Damaged("this is no PNG, JPEG, WebP, AVIF or HEIC image, whatever its name says")
