"""Videos of LoRAs that have no still picture: found by LoRA, sent in pieces, never anything but a video."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..types import Lora
from .cards import safety_name
from .fields import Nothing
from .previews import AGE, inside
from .wire import Refused, Request, Response

if TYPE_CHECKING:
    from .context import Context

PIECE = 1 << 20  # bytes of one answer to a range, and of one step through a whole file
_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{0,15})", re.ASCII)


def video(context: Context, id: str, _: Nothing, request: Request) -> Response:
    """The video of a LoRA, or the piece of it that the header Range asks for."""
    lora = context.lora(id)
    place, kind = _found(lora)
    state = place.stat()
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": f"private, max-age={AGE}",
        "Content-Type": kind,
        "ETag": f'"{lora.id}-{state.st_mtime_ns:x}-{state.st_size:x}"',
        "Lorarec-Safety": safety_name(lora.safety) or "unknown",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status=304, headers=headers)
    wanted = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if wanted is None:  # none, or one of a kind that may be ignored (RFC 9110, 14.2)
        return Response(headers=headers, chunks=_pieces(place))
    first = int(wanted[1])
    last = min(int(wanted[2] or state.st_size), state.st_size - 1, first + PIECE - 1)
    if not first <= last:
        whole = {"Content-Range": f"bytes */{state.st_size}"}
        raise Refused(416, "no_such_range", f"the video has {state.st_size} bytes", field="Range", headers=whole)
    with place.open("rb") as file:
        file.seek(first)
        data = file.read(last - first + 1)
    headers["Content-Range"] = f"bytes {first}-{first + len(data) - 1}/{state.st_size}"
    return Response(status=206, headers=headers, body=data)


def kind_of(start: bytes) -> str:
    """The MIME type of a video by its first bytes; "" for anything that is none: it is never sent."""
    if start[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm"
    return "video/mp4" if start[4:8] == b"ftyp" and start[8:12] not in (b"avif", b"avis") else ""


def _found(lora: Lora) -> tuple[Path, str]:
    """The file of a LoRA's video and its MIME type. Raises `Refused` if it has none that can be shown."""
    place = Path(lora.root, lora.preview)
    try:
        if lora.preview and inside(place, lora):
            with place.open("rb") as file:
                kind = kind_of(file.read(12))
            if kind:
                return place, kind
    except OSError:
        pass
    raise Refused(404, "no_preview", f'"{lora.name}" has no video that can be shown')


def _pieces(place: Path) -> Iterator[bytes]:
    with place.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
