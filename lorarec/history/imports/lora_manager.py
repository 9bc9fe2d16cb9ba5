"""ComfyUI-Lora-Manager: its usage statistics and its recipes.

Statistics, ``lora_manager_stats.json``: ``{"loras": {sha256: {"total": n, "history": {"YYYY-MM-DD": n}}}}``; older
versions wrote ``{sha256: n}``. Recipes, ``<id>.recipe.json``: the LoRAs with strengths, hashes and Civitai versions,
and the parameters of the image they were taken from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...base_models import canonical
from ...errors import BadFile
from ...history_types import Generation, ImageFile, Use
from ..adding import UsageCount
from ..harvest.base_model import with_base_model
from ..harvest.values import digests, moment, number, size, whole
from .imported import Imported, read_json, text

USAGE = "lora-manager usage"
RECIPES = "lora-manager recipes"
_MILLISECONDS = 1e11  # later than the year 5138 in seconds


def read(path: str) -> Imported:
    """Statistics or a recipe, told apart by what is in them.

    Raises:
        BadFile: the file cannot be read, or is neither.
    """
    data = read_json(path)
    loras = data.get("loras")
    if isinstance(loras, list) and ("gen_params" in data or "recipe" in path.lower()):
        made = recipe(data)
        entry: tuple[tuple[Generation, ImageFile | None], ...] = ((made, None),) if made else ()
        return Imported(source=RECIPES, generations=entry)
    if isinstance(loras, dict):
        return Imported(source=USAGE, usage=usage(loras))
    raise BadFile(
        f"{path} is neither a recipe nor the usage statistics of LoRA Manager; "
        "import lora_manager_stats.json or a folder of .recipe.json files"
    )


def usage(loras: Mapping[str, Any]) -> tuple[UsageCount, ...]:
    """Counts by day, and one without a day for uses that the history does not date."""
    rows: list[UsageCount] = []
    for digest, entry in loras.items():
        use = Use(name="", hashes=digests(digest))
        if not use.hashes:
            continue
        days: Mapping[str, Any] = {}
        if isinstance(entry, dict):
            stated = entry.get("history")
            days = stated if isinstance(stated, dict) else {}
            entry = entry.get("total")
        dated = 0
        for day, value in days.items():
            count = whole(value)
            at = moment(day)
            if count and at is not None:
                rows.append(UsageCount(use, count, at))
                dated += count
        rest = (whole(entry) or 0) - dated
        if rest > 0:
            rows.append(UsageCount(use, rest))
    return tuple(rows)


def recipe(data: Mapping[str, Any]) -> Generation | None:
    """The generation that a recipe keeps; None if it tells neither prompt nor LoRAs."""
    stated = data.get("gen_params")
    params: Mapping[str, Any] = stated if isinstance(stated, dict) else {}
    prompt, negative = params.get("prompt"), params.get("negative_prompt")
    listed = data.get("loras")
    entries = listed if isinstance(listed, list) else []
    uses = tuple(use for entry in entries if isinstance(entry, dict) and (use := _use(entry)))
    if not uses and not text(prompt):
        return None
    checkpoint = _checkpoint(data.get("checkpoint")) or _checkpoint(params.get("checkpoint"))
    width, height = size(text(params.get("size")))
    made = number(data.get("created_date")) or number(data.get("modified"))
    made_with = Generation(
        prompt=text(prompt) if isinstance(prompt, str) else None,
        negative=text(negative) if isinstance(negative, str) else None,
        loras=uses,
        checkpoint=checkpoint,
        base_model=canonical(text(data.get("base_model"))) or "",
        seed=whole(params.get("seed")),
        steps=whole(params.get("steps")),
        sampler=text(params.get("sampler")),
        cfg=number(params.get("cfg_scale")),
        width=width,
        height=height,
        made=made / 1000 if made and made > _MILLISECONDS else made,
        host="lora-manager",
        reader="lora-manager:recipe",
    )
    return with_base_model(made_with)


def _use(entry: Mapping[str, Any]) -> Use | None:
    """One LoRA of a recipe; None if it was left out of it or nothing names it."""
    name = text(entry.get("file_name")) or text(entry.get("modelName"))
    sha256 = digests(entry.get("hash"))
    version = whole(entry.get("modelVersionId"))
    if entry.get("exclude") is True or not (name or sha256 or version):
        return None
    return Use(
        name=name,
        strength=number(entry.get("strength")),
        clip=number(entry.get("clip_strength")),
        hashes=(*sha256, *(digest[:10] for digest in sha256)),  # and so its AutoV2
        version_id=str(version) if version else "",
    )


def _checkpoint(value: Any) -> str:
    if isinstance(value, dict):
        return text(value.get("file_name")) or text(value.get("modelName")) or text(value.get("name"))
    return text(value)
