"""NovelAI: JSON in ``Comment`` beside ``Software: NovelAI``. It knows no LoRAs, but prompts tell taste too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...history_types import Generation
from .values import json_object, number, plain_text, whole


def read(text: str, metadata: Mapping[str, str]) -> Generation | None:
    """The generation that NovelAI's comment states, None if it is not NovelAI's."""
    if metadata.get("Software") != "NovelAI":
        return None
    data = json_object(text)
    if not data:
        return None
    prompt, negative = _caption(data.get("v4_prompt")), _caption(data.get("v4_negative_prompt"))
    return Generation(
        prompt=prompt or plain_text(data.get("prompt")) or metadata.get("Description"),
        negative=negative or plain_text(data.get("uc")),
        checkpoint=metadata.get("Source", ""),
        seed=whole(data.get("seed")),
        steps=whole(data.get("steps")),
        sampler=plain_text(data.get("sampler")) or "",
        cfg=number(data.get("scale")),
        width=whole(data.get("width")),
        height=whole(data.get("height")),
        host="novelai",
    )


def _caption(value: Any) -> str:
    """Version 4 keeps the characters' prompts apart from the scene's; here each takes a line."""
    caption = value.get("caption") if isinstance(value, dict) else None
    if not isinstance(caption, dict):
        return ""
    characters = caption.get("char_captions")
    texts = [caption.get("base_caption")]
    texts += (
        [one.get("char_caption") for one in characters if isinstance(one, dict)] if isinstance(characters, list) else []
    )
    return "\n".join(text.strip() for text in texts if isinstance(text, str) and text.strip())
