"""Preview images: found by LoRA, never by path; made smaller where Pillow is installed, and kept for a while."""

from __future__ import annotations

import base64
import binascii
import io
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from ..catalog.header import read_header
from ..errors import BadFile
from ..paths import is_file
from ..types import Lora
from .cards import STILLS, safety_name
from .wire import Refused, Request, Response

if TYPE_CHECKING:
    from .context import Context

SIZES = (96, 192, 384, 768)  # longer sides in pixels that are made; a request gets the next larger one
LARGEST = 64 * 1024 * 1024  # bytes of a file that is read at all
PIXELS = 64_000_000  # of a picture that is decoded; a larger one is sent as it is
MEMORY = 32 * 1024 * 1024  # bytes of small pictures kept
AGE = 300  # seconds that a browser may show a picture without asking again
HEADER = "header:thumbnail"
_KINDS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


class Size(Struct, frozen=True, forbid_unknown_fields=True):
    """How large a picture is wanted."""

    size: Annotated[int, Meta(ge=1, le=4096)] | None = None  # longer side in pixels; absent: as it is


class Picture(Struct, frozen=True):
    """A picture as it is sent."""

    data: bytes
    type: str  # MIME
    tag: str  # changes when the picture does


class Previews:
    """Reads and shrinks previews. Safe from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Picture] = OrderedDict()
        self._bytes = 0

    def tag(self, lora: Lora, size: int | None) -> str:
        """Identity of a picture, from file times and without reading it. Raises `Refused` if there is none."""
        place = _file(lora)
        try:
            state = place.stat()
        except OSError:
            raise _nothing(lora) from None
        return f'"{lora.id}-{state.st_mtime_ns:x}-{state.st_size:x}-{_side(size) or 0}"'

    def get(self, lora: Lora, size: int | None) -> Picture:
        """A LoRA's picture.

        Args:
            lora: whose.
            size: longer side in pixels, rounded up to one of `SIZES`; None: as it is.

        Raises:
            Refused: it has none that can be shown.
        """
        tag = self.tag(lora, size)
        with self._lock:
            if tag in self._kept:
                self._kept.move_to_end(tag)
                return self._kept[tag]
        data = _data(lora)
        kind = kind_of(data)
        if not kind:
            raise _nothing(lora)
        side = _side(size)
        made = shrunk(data, side) if side else None
        if made is None:
            return Picture(data, kind, tag)
        picture = Picture(made, "image/webp", tag)
        with self._lock:
            if tag not in self._kept:  # else another thread made it meanwhile
                self._kept[tag] = picture
                self._bytes += len(made)
            while self._bytes > MEMORY:
                self._bytes -= len(self._kept.popitem(last=False)[1].data)
        return picture


def preview(context: Context, id: str, size: Size, request: Request) -> Response:
    """The picture of a LoRA."""
    lora = context.lora(id)
    headers = {
        "ETag": context.previews.tag(lora, size.size),
        "Cache-Control": f"private, max-age={AGE}",
        "Lorarec-Safety": safety_name(lora.safety) or "unknown",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status=304, headers=headers)
    picture = context.previews.get(lora, size.size)
    return Response(headers={**headers, "ETag": picture.tag, "Content-Type": picture.type}, body=picture.data)


def kind_of(data: bytes) -> str:
    """The MIME type of a picture by its first bytes; "" for anything that is none: it is never sent."""
    for start, kind in _KINDS.items():
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if data[4:12] in (b"ftypavif", b"ftypavis") else ""


def shrunk(data: bytes, side: int) -> bytes | None:
    """A picture as WebP whose longer side is at most ``side`` pixels, its first frame only.

    None where Pillow is missing or cannot do it, or the picture is as small already: the original does then.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError:
        return None
    try:
        with Image.open(io.BytesIO(data)) as image:
            moving = getattr(image, "n_frames", 1) > 1
            if image.width * image.height > PIXELS or (max(image.size) <= side and not moving):
                return None
            image.draft("RGB", (side, side))  # JPEG: decode it smaller at once
            image.seek(0)
            small = ImageOps.exif_transpose(image) or image
            small = small.convert("RGBA" if "A" in small.getbands() or "transparency" in small.info else "RGB")
            small.thumbnail((side, side))
            out = io.BytesIO()
            small.save(out, "WEBP", quality=82, method=3)
            return out.getvalue()
    except Exception:  # Pillow raises many kinds on damaged files, and some builds lack formats
        return None


def _side(size: int | None) -> int:
    """The size that is made for a wanted one; 0 = the original."""
    return 0 if size is None else next((side for side in SIZES if side >= size), 0)


def _file(lora: Lora) -> Path:
    """The file that holds the picture of a LoRA. Raises `Refused` if there is none, or none but a video."""
    if lora.preview == HEADER:
        return Path(lora.root, lora.path)
    place = Path(lora.root, lora.preview)
    if lora.preview.lower().endswith(STILLS) and is_file(place) and inside(place, lora):
        return place
    raise _nothing(lora)


def inside(place: Path, lora: Lora) -> bool:
    """Whether a file lies below the LoRA's root or beside the LoRA, links followed."""
    real = os.path.realpath(place)
    home = Path(lora.root, lora.path)
    beside = (os.path.realpath(home.parent), os.path.dirname(os.path.realpath(home)))  # noqa: PTH120
    root = os.path.realpath(lora.root)
    try:
        below = os.path.commonpath((real, root)) == root
    except ValueError:  # another drive
        below = False
    return below or os.path.dirname(real) in beside  # noqa: PTH120


def _data(lora: Lora) -> bytes:
    place = _file(lora)
    try:
        if lora.preview == HEADER:
            return _thumbnail(read_header(place).metadata)
        with place.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, BadFile):
        raise _nothing(lora) from None
    if len(data) > LARGEST:
        raise _nothing(lora)
    return data


def _thumbnail(metadata: dict[str, str]) -> bytes:
    """The picture inside a header: ModelSpec's data URI, or kohya additional networks' list of Base64 texts."""
    text = metadata.get("modelspec.thumbnail", "")
    if not text:
        try:
            text = str(msgspec.json.decode(metadata.get("ssmd_cover_images", "[]"), type=list[str])[0])
        except (msgspec.DecodeError, IndexError):
            return b""
    try:
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text)
    except (binascii.Error, ValueError):
        return b""


def _nothing(lora: Lora) -> Refused:
    return Refused(404, "no_preview", f'"{lora.name}" has no picture that can be shown')
