"""InvokeAI: ``invokeai_metadata`` (since 3.0), ``sd-metadata`` (2.x) and the command line in ``Dream`` (before).

Source: ``invokeai/app/invocations/metadata.py``; for 2.x ``ldm/invoke/pngwriter.py`` and ``conditioning.py``.
"""

from __future__ import annotations

import re
from typing import Any

from ...base_models import canonical
from ...history_types import Generation, Use
from .values import digests, json_object, number, plain_text, whole

_MOST_IMAGES = 50  # that go into one
_COMMAND = re.compile(r'\s*"(.*)"((?:\s+-.*)?)', re.S)
_BARE_COMMAND = re.compile(r"(.*?)(\s-[a-zA-Z]+\s*[\d.]+(?:\s.*)?)", re.S)
_OPTION = re.compile(r"(?<!\S)-([sSWHCA])\s*([^\s-]\S*)")
_UNWANTED = re.compile(r"\[([^\[\]]*)\]")  # negative words of 2.x
_WITH_LORA = re.compile(r"withLora\(([^,()]*)(?:,([^,()]*))?\)")


def read_metadata(text: str) -> Generation | None:
    """The generation that ``invokeai_metadata`` states, None if it is none."""
    data = json_object(text)
    prompt = plain_text(data.get("positive_prompt"))
    if prompt is None and "generation_mode" not in data:
        return None
    model = _model(data.get("model"))
    return Generation(
        prompt=prompt,
        negative=plain_text(data.get("negative_prompt")),
        loras=_loras(data.get("loras")),
        checkpoint=_name(model),
        base_model=canonical(plain_text(model.get("base") or model.get("base_model")) or "") or "",
        seed=whole(data.get("seed")),
        steps=whole(data.get("steps")),
        sampler=plain_text(data.get("scheduler")) or "",
        cfg=number(data.get("cfg_scale")),
        width=whole(data.get("width")),
        height=whole(data.get("height")),
        host="invokeai",
        sources=_images(data),
        upscaled=int(bool(data.get("hrf_enabled")) or "upscale_scale" in data),
    )


def _images(data: dict[str, Any]) -> tuple[str, ...]:
    """The images that went in: an initial one, control and reference images, layers of the canvas."""
    found: list[Any] = [data.get("init_image")]
    stack: list[Any] = [data]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            found.append(value.get("image_name"))
        stack += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return tuple(dict.fromkeys(name for name in found if isinstance(name, str) and name))[:_MOST_IMAGES]


def _loras(value: Any) -> tuple[Use, ...]:
    """``[{"model": {"name", "hash", "base"}, "weight"}]``; 3.x wrote ``lora`` and ``model_name``."""
    uses = []
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict) and (model := _model(entry.get("model") or entry.get("lora"))):
            hashes = digests(model.get("hash"))
            uses.append(Use(name=_name(model), strength=number(entry.get("weight")), hashes=hashes))
    return tuple(use for use in uses if (use.name or use.hashes) and use.strength != 0)


def _model(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(model: dict[str, Any]) -> str:
    return plain_text(model.get("name") or model.get("model_name")) or ""


def read_sd_metadata(text: str) -> Generation | None:
    """The generation that ``sd-metadata`` states, None if it is none."""
    data = json_object(text)
    image = data.get("image")
    if not isinstance(image, dict):
        return None
    parts = image.get("prompt")
    texts = [part.get("prompt") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else [parts]
    written = [part for part in texts if isinstance(part, str)]
    return _generation(
        " ".join(written) if written else None,
        seed=whole(image.get("seed")),
        steps=whole(image.get("steps")),
        sampler=plain_text(image.get("sampler")) or "",
        cfg=number(image.get("cfg_scale")),
        width=whole(image.get("width")),
        height=whole(image.get("height")),
        checkpoint=plain_text(data.get("model_weights")) or "",
    )


def read_dream(text: str) -> Generation | None:
    """The generation that a ``Dream`` command states, e.g. ``"a cat [blurry]" -s 50 -S 42 -W 512 -H 512 -C 7.5``."""
    command = _COMMAND.fullmatch(text) or _BARE_COMMAND.fullmatch(text)
    if not command:
        return None
    options = dict(_OPTION.findall(command[2]))
    return _generation(
        command[1],
        seed=whole(options.get("S")),
        steps=whole(options.get("s")),
        sampler=options.get("A", ""),
        cfg=number(options.get("C")),
        width=whole(options.get("W")),
        height=whole(options.get("H")),
    )


def _generation(written: str | None, **stated: Any) -> Generation:
    """A generation of 2.x and before, whose prompt holds the negative words in square brackets."""
    if written is None:
        return Generation(prompt=None, host="invokeai", **stated)
    negative = " ".join(part.strip() for part in _UNWANTED.findall(written))
    prompt = re.sub(" +", " ", _UNWANTED.sub(" ", written)).strip() if negative else written.strip()
    loras = [
        Use(name=name.strip(), strength=number(weight) if weight else 1.0)
        for name, weight in _WITH_LORA.findall(prompt)
    ]
    return Generation(
        prompt=prompt,
        negative=negative,
        loras=tuple(use for use in loras if use.name and use.strength != 0),
        host="invokeai",
        **stated,
    )
