"""``F.rgthree-info.json`` of rgthree-comfy: Civitai's facts in its own shape, with the user's note, tags and
strengths."""

from __future__ import annotations

from ...types import Origin
from .. import safety
from ..findings import Fields, Findings
from ..text import stated
from ..triggers import from_entries
from .civitai import base_claim, clean_hashes
from .images import Showcase, example, tidy_prompt
from .lora_manager import add_strength

_SOURCE = "rgthree-info.json"


def read(data: Fields, findings: Findings) -> None:
    """Claims of rgthree's file. Its trained words are objects that say whether Civitai, the user or the training
    metadata named them."""
    add = findings.add
    add("notes", data.prose("userNote"), f"{_SOURCE}:userNote", Origin.USER)
    add("user_tags", data.texts("userTags"), f"{_SOURCE}:userTags", Origin.USER)
    add_strength(
        findings,
        f"{_SOURCE}:strengthMin/Max",
        Origin.USER,
        low=data.number("strengthMin"),
        high=data.number("strengthMax"),
    )
    add("title", stated(data.text("name")), f"{_SOURCE}:name", Origin.AUTHOR)
    if base := data.text("baseModel"):
        add("base_models", base_claim(base, f"{_SOURCE}:baseModel"), f"{_SOURCE}:baseModel", Origin.AUTHOR)
    add("hashes", clean_hashes([data.raw_text("sha256")]), f"{_SOURCE}:sha256", Origin.AUTHOR)
    _words(data, findings)
    showcase = Showcase(findings, _SOURCE)
    found, levels = [], []
    for image in data.objects("images"):
        levels.append(safety.level(image.data.get("nsfwLevel")))
        prompt = tidy_prompt(image.raw_text("positive"))
        if prompt:
            strength = showcase.strength(prompt, image)
            found.append(example(prompt, tidy_prompt(image.raw_text("negative")), strength, image.text("model")))
    showcase.note(found)
    typical = safety.typical(levels)
    if typical is not None:
        add("safety", int(typical), f"{_SOURCE}:images.nsfwLevel", Origin.AUTHOR)


def _words(data: Fields, findings: Findings) -> None:
    if isinstance(data.data.get("trainedWords"), list) and all(
        isinstance(word, str) for word in data.data["trainedWords"]
    ):
        words: dict[Origin, list[str]] = {Origin.AUTHOR: data.texts("trainedWords")}
    else:
        words = {}
        for entry in data.objects("trainedWords"):
            word = entry.text("word")
            if entry.flag("user"):
                words.setdefault(Origin.USER, []).append(word)
            elif entry.flag("civitai"):
                words.setdefault(Origin.AUTHOR, []).append(word)
            # Words found only in the training metadata are its most frequent tags, which the header tells better.
    for origin, entries in words.items():
        findings.add("trigger_sets", from_entries(entries), f"{_SOURCE}:trainedWords", origin)
