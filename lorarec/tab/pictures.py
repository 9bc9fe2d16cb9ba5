"""Pictures of LoRAs: as data inside the page, or as images that Gradio keeps in its own cache. Never a path."""

from __future__ import annotations

import base64
import io
import zlib
from typing import TYPE_CHECKING, Any

from ..api.cards import Card, safety_level
from ..api.previews import PIXELS
from ..api.wire import Refused
from .markup import Html, tag
from .texts import Say

if TYPE_CHECKING:
    from ..api.context import Context

_LARGEST = 768 * 1024  # bytes that are put into the page as data; what Pillow cannot shrink may be larger


def blurred(card: Card, above: str) -> bool:
    """Whether a picture is more explicit than ``above``; one of unknown level is not."""
    levels: Any = (card.safety, above)
    return card.safety is not None and safety_level(levels[0]) > safety_level(levels[1])


def inline(context: Context, card: Card, side: int, above: str, say: Say) -> Html:
    """The picture of a LoRA as an element, or a plain tile where it has none that can be shown."""
    kind = f"lrt-picture lrt-side-{side}"
    try:
        picture = context.previews.get(context.lora(card.id), side)
    except Refused:
        picture = None
    if picture is None or len(picture.data) > _LARGEST:
        return tag("span", class_=f"{kind} lrt-tile", style=f"--hue:{_hue(card)}", aria_hidden="true")
    source = f"data:{picture.type};base64,{base64.b64encode(picture.data).decode()}"
    shown = tag("img", src=source, alt=say("preview_of", name=card.name))
    return tag("span", shown, class_=f"{kind} lrt-blur" if blurred(card, above) else kind)


def image(context: Context, card: Card, side: int, above: str) -> Any:
    """The same as a Pillow image, for Gradio's gallery."""
    from PIL import Image, ImageFilter

    try:
        data = context.previews.get(context.lora(card.id), side).data
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > PIXELS:  # one that was too large to be made smaller
                return _tile(card, side)
            picture = opened.convert("RGB")
    except (Refused, OSError, ValueError, Image.DecompressionBombError):
        return _tile(card, side)
    picture.thumbnail((side, side))
    return picture.filter(ImageFilter.GaussianBlur(side / 16)) if blurred(card, above) else picture


def _tile(card: Card, side: int) -> Any:
    """A tile in a colour of its own, for what has no picture."""
    from PIL import Image

    ramp = Image.linear_gradient("L").resize((side, side))
    hue = _hue(card) * 255 // 360
    value = ramp.point(lambda level: 90 + level // 4)
    return Image.merge("HSV", (Image.new("L", ramp.size, hue), Image.new("L", ramp.size, 70), value)).convert("RGB")


def _hue(card: Card) -> int:
    return zlib.crc32(card.id.encode()) % 360
