"""SwarmUI: a JSON object with ``sui_image_params`` (its docs/Image Metadata Format.md, ``T2IParamInput.cs``)."""

from __future__ import annotations

import re
from typing import Any

from ...history_types import Generation, Use
from .values import digests, json_object, moment, number, plain_text, tag_name, whole

_SECTION = re.compile(r"//cid=\d+(?=>)")  # the program numbers the sections of a prompt


def read(text: str) -> Generation | None:
    """The generation that SwarmUI's metadata states, None if it is not SwarmUI's."""
    if "sui_image_params" not in text:
        return None
    data = json_object(text)
    params, extra = data.get("sui_image_params"), data.get("sui_extra_data")
    if not isinstance(params, dict):
        return None
    prompt, negative = plain_text(params.get("prompt")), plain_text(params.get("negativeprompt"))
    sampler = params.get("sampler") or params.get("comfyuisampler") or params.get("autowebuisampler")
    date = extra.get("date") if isinstance(extra, dict) else None
    return Generation(
        prompt=None if prompt is None else _SECTION.sub("", prompt),
        negative=None if negative is None else _SECTION.sub("", negative),
        loras=_loras(params, data.get("sui_models")),
        checkpoint=plain_text(params.get("model")) or "",
        seed=whole(params.get("seed")),
        steps=whole(params.get("steps")),
        sampler=plain_text(sampler) or "",
        cfg=number(params.get("cfgscale")),
        width=whole(params.get("width")),
        height=whole(params.get("height")),
        made=moment(date or params.get("date")),
        host="swarmui",
        upscaled=int((number(params.get("refinerupscale")) or 1.0) > 1),
    )


def _loras(params: dict[str, Any], models: Any) -> tuple[Use, ...]:
    """``loras``, ``loraweights`` and ``loratencweights`` are lists of equal length, or comma-separated."""
    weights, clip_weights = _list(params.get("loraweights")), _list(params.get("loratencweights"))
    hashes = {
        tag_name(str(model.get("name"))): digests(model.get("hash"))
        for model in (models if isinstance(models, list) else ())
        if isinstance(model, dict) and "lora" in str(model.get("param"))
    }
    uses = [
        Use(
            name=name,
            strength=number(weights[at]) if at < len(weights) else None,
            clip=number(clip_weights[at]) if at < len(clip_weights) else None,
            hashes=hashes.get(tag_name(name), ()),
        )
        for at, item in enumerate(_list(params.get("loras")))
        if isinstance(item, str) and (name := item.strip())
    ]
    return tuple(use for use in uses if use.strength != 0 or use.clip not in (0, None))


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):
        return value.split(",") if value.strip() else []
    return value if isinstance(value, list) else []
