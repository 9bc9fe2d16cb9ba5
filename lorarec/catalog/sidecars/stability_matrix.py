"""``N.cm-info.json`` of Stability Matrix (names in PascalCase)."""

from __future__ import annotations

from ...types import Origin, Safety
from ..findings import Fields, Findings
from ..text import stated
from ..triggers import from_entries
from .civitai import base_claim, clean_hashes, entries, identifier

_SOURCE = "cm-info.json"


def read(data: Fields, findings: Findings) -> None:
    """Claims of Stability Matrix, all of them Civitai's."""
    add = findings.add
    author = Origin.AUTHOR
    add("title", stated(data.text("ModelName")), f"{_SOURCE}:ModelName", author)
    add("version", data.text("VersionName"), f"{_SOURCE}:VersionName", author)
    add("author", stated(data.text("AuthorUsername")), f"{_SOURCE}:AuthorUsername", author)
    add("description", data.prose("ModelDescription"), f"{_SOURCE}:ModelDescription", author)
    add("description", data.prose("VersionDescription"), f"{_SOURCE}:VersionDescription", author)
    if base := data.text("BaseModel"):
        add("base_models", base_claim(base, f"{_SOURCE}:BaseModel"), f"{_SOURCE}:BaseModel", author)
    add("tags", data.texts("Tags"), f"{_SOURCE}:Tags", author)
    add("trigger_sets", from_entries(entries(data, "TrainedWords")), f"{_SOURCE}:TrainedWords", author)
    if (nsfw := data.flag("Nsfw")) is not None:
        add("safety", int(Safety.MATURE if nsfw else Safety.SAFE), f"{_SOURCE}:Nsfw", author if nsfw else Origin.GUESS)
    hashes = data.object("Hashes")
    add(
        "hashes",
        clean_hashes([hashes.raw_text(key) for key in hashes.data if key.upper() != "CRC32"]),
        f"{_SOURCE}:Hashes",
        author,
    )
    figures = data.object("Stats")
    add("stats", _stats(figures), f"{_SOURCE}:Stats", author)
    add("model_id", identifier(data.data.get("ModelId")), f"{_SOURCE}:ModelId", author)
    add("version_id", identifier(data.data.get("VersionId")), f"{_SOURCE}:VersionId", author)


def _stats(figures: Fields) -> dict[str, float]:
    rating = figures.number("Rating")
    likes = figures.whole("ThumbsUpCount")
    found = {
        "downloads": figures.whole("DownloadCount"),
        "likes": figures.whole("FavoriteCount") if likes is None else likes,
        "rating": rating if rating is not None and 0 < rating <= 5 else None,
        "rating_count": figures.whole("RatingCount"),
    }
    return {key: value for key, value in found.items() if value is not None}
