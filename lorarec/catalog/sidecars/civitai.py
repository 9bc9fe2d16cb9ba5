"""Civitai's own objects, as download tools save them: ``N.civitai.info`` (a model version) and ``N.api_info.json`` (a
whole model).

LoRA Manager and others embed the same version object, so that its reading is shared. Format:
https://developer.civitai.com
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from ...base_models import canonical
from ...types import Origin, Safety
from .. import safety
from ..findings import Fields, Findings, as_number
from ..text import line, stated
from ..triggers import from_entries
from .images import Showcase

_DATE = re.compile(r"^\s*(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?")
_HASH = re.compile(r"^(?:0x)?([0-9a-f]{8,64})$")
_EMPTY_HASHES = ("e3b0c442",)  # SHA-256 of nothing: files too small for the kind of hash, or written wrongly
_HASH_KINDS = ("SHA256", "AutoV1", "AutoV2", "AutoV3", "BLAKE3")


def read_info(data: Fields, findings: Findings) -> None:
    """``N.civitai.info``: a model version with its model inside."""
    read_version(data, findings, "civitai.info")


def read_api_info(data: Fields, findings: Findings) -> None:
    """``N.api_info.json``: a model with all its versions (the one of this file is looked for), or a version."""
    source = "api_info.json"
    if "modelVersions" not in data:
        read_version(data, findings, source)
        return
    read_model(data, findings, source)
    findings.add("model_id", identifier(data.data.get("id")), f"{source}:id", Origin.AUTHOR)
    versions = data.objects("modelVersions")
    chosen = next((version for version in versions if _is_of_file(version, findings)), None)
    if chosen is None and len(versions) == 1:
        chosen = versions[0]
    if chosen is not None:
        read_version(chosen, findings, source)


def _is_of_file(version: Fields, findings: Findings) -> bool:
    stem = _stem(findings.file.path)
    return any(_stem(entry.raw_text("name")) == stem for entry in version.objects("files"))


def _stem(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0].casefold()


def read_version(data: Fields, findings: Findings, source: str) -> None:
    """Claims of a version object; ``source`` is what they are noted under, e.g. "civitai.info"."""
    add = findings.add
    author = Origin.AUTHOR
    model = data.object("model")
    read_model(model, findings, f"{source}:model" if model.data else source)
    add("version", data.text("name"), f"{source}:name", author)
    if base := data.text("baseModel"):
        add("base_models", base_claim(base, f"{source}:baseModel"), f"{source}:baseModel", author)
    add("trigger_sets", from_entries(entries(data, "trainedWords")), f"{source}:trainedWords", author)
    add("description", data.prose("description"), f"{source}:description", author)
    add("stats", stats(data.object("stats")), f"{source}:stats", author)
    for key in ("publishedAt", "createdAt"):
        if (when := date(data.data.get(key))) is not None:
            add("created", when, f"{source}:{key}", author)
            break
    add("model_id", identifier(data.data.get("modelId")), f"{source}:modelId", author)
    add("version_id", identifier(data.data.get("id")), f"{source}:id", author)
    read_hashes(data, findings, source)
    showcase = Showcase(findings, source, identifier(data.data.get("id")))
    images = data.objects("images")
    showcase.read(images)
    showcase.read(data.objects("customImages"))
    levels = [safety.level(image.data.get("nsfwLevel", image.data.get("nsfw"))) for image in images]
    typical = safety.typical(levels)
    if typical is None:
        typical = safety.level(data.data.get("nsfwLevel"))
    if typical is not None:
        add("safety", int(typical), f"{source}:nsfwLevel", author)


def read_model(model: Fields, findings: Findings, source: str) -> None:
    """Claims of a model object: name, description, tags, creator, safety."""
    author = Origin.AUTHOR
    findings.add("title", stated(model.text("name")), f"{source}.name", author)
    findings.add("description", model.prose("description"), f"{source}.description", author)
    findings.add("tags", model.texts("tags"), f"{source}.tags", author)
    creator = model.data.get("creator")
    if isinstance(creator, dict):
        findings.add("author", stated(model.object("creator").text("username")), f"{source}.creator", author)
    if (nsfw := model.flag("nsfw")) is not None:
        # True is the author's word; False is only the default of a form.
        value = Safety.MATURE if nsfw else Safety.SAFE
        findings.add("safety", int(value), f"{source}.nsfw", author if nsfw else Origin.GUESS)


def read_hashes(data: Fields, findings: Findings, source: str) -> None:
    """Hashes of the version's file with this name, else of its primary file."""
    if "files" not in data:
        return
    files = [entry for entry in data.objects("files") if entry.text("type") in ("", "Model", "Pruned Model")]
    stem = _stem(findings.file.path)
    chosen = (
        [entry for entry in files if _stem(entry.raw_text("name")) == stem]
        or [entry for entry in files if entry.flag("primary")]
        or files
    )
    for entry in chosen[:1]:
        found = entry.object("hashes")
        findings.add(
            "hashes",
            clean_hashes([found.raw_text(kind) for kind in _HASH_KINDS]),
            f"{source}:files.hashes",
            Origin.AUTHOR,
        )


def clean_hashes(values: list[str]) -> list[str]:
    """Lower-case hex without the hash of nothing; anything else is dropped."""
    found = (match[1] for value in values if (match := _HASH.match(value.strip().lower())))
    return list(dict.fromkeys(value for value in found if not value.startswith(_EMPTY_HASHES)))


def entries(data: Fields, key: str) -> list[str]:
    """A list of strings with their commas kept; a string counts as one entry."""
    value = data.data.get(key)
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [line(item, 4_000) for item in value[:1_000]]
    return data.texts(key)


def base_claim(text: str, source: str) -> list[dict[str, Any]] | None:
    """The claim that a LoRA is for a base model, None if the text names none ("Other")."""
    name = canonical(text)
    return [{"name": name, "probability": 0.97, "evidence": source}] if name else None


def identifier(value: Any) -> str:
    """A positive Civitai id as text, "" for anything else."""
    number = as_number(value)
    return str(int(number)) if number is not None and 0 < number < 1e12 and number == int(number) else ""


def date(value: Any) -> float | None:
    """Seconds since the epoch from an ISO date (UTC assumed), or None."""
    match = _DATE.match(value) if isinstance(value, str) else None
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        when = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return when if 2000 <= year < 2100 else None


def stats(data: Fields) -> dict[str, Any]:
    """Civitai's figures in the shape of `Stats`; absent ones are left out."""
    likes = data.whole("thumbsUpCount")
    if likes is None:
        likes = data.whole("favoriteCount")
    rating = data.number("rating")
    count = data.whole("ratingCount")
    found = {
        "downloads": data.whole("downloadCount"),
        "likes": likes,
        # A rating of 0 by nobody is no rating.
        "rating": rating if rating is not None and 0 < rating <= 5 else None,
        "rating_count": count,
    }
    return {key: value for key, value in found.items() if value is not None}
