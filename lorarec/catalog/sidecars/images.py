"""Showcase images beside a LoRA's page -> example prompts with this LoRA's strength.

``meta`` is what the image's creator typed; tools that saved a response before 2024 have it inside ``images[]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ...paths import folded, without_extension
from ...types import Origin
from ..findings import Fields, Findings, as_number
from ..text import encodable, line

MAX_EXAMPLES = 24
_MAX_PROMPT = 4_000  # characters
_TAG = re.compile(r"<\s*(?:lora|lyco)\s*:\s*([^<>:]{1,200})\s*:\s*([^<>:]{1,20})[^<>]{0,100}>", re.I)
_MAX_STRENGTH = 10.0


class Showcase:
    """Reads images and notes one ``examples`` claim; remembers what it needs to tell this LoRA from others in a
    prompt."""

    def __init__(self, findings: Findings, source: str, version_id: str = "") -> None:
        """``source`` is what the claims are noted under."""
        self._findings = findings
        self._source = source
        self._version_id = version_id
        self._names = {_squeeze(findings.file.path)}
        self._names.update(_squeeze(title) for title in findings.values("title") if isinstance(title, str))
        self._names.discard("")
        self._hashes = tuple({value for hashes in findings.values("hashes") for value in hashes})

    def read(self, images: Iterable[Fields]) -> None:
        """Note the prompts of Civitai's ``images`` entries; those without ``meta`` are skipped."""
        found: list[dict[str, Any]] = []
        for image in images:
            meta = image.object("meta")
            # The API wraps it once more in newer responses.
            if "prompt" not in meta and isinstance(meta.data.get("meta"), dict):
                meta = meta.object("meta")
            if prompt := _prompt(meta, "prompt"):
                strength = self.strength(prompt, meta)
                found.append(
                    example(
                        prompt, _prompt(meta, "negativePrompt"), strength, meta.text("Model") if "Model" in meta else ""
                    )
                )
        self.note(found)

    def note(self, found: list[dict[str, Any]]) -> None:
        """Claim the examples, the same prompt once."""
        unique = list({entry["prompt"]: entry for entry in reversed(found)}.values())[::-1]
        self._findings.add("examples", unique[:MAX_EXAMPLES], f"{self._source}:images", Origin.AUTHOR)

    def strength(self, prompt: str, meta: Fields) -> float | None:
        """This LoRA's strength in one image: named in the prompt, listed as a resource, or the only LoRA there."""
        tags = [
            (_squeeze(name), value)
            for name, text in _TAG.findall(prompt[:20_000])
            if (value := usable(text)) is not None
        ]
        for name, value in tags:
            if name in self._names:
                return value
        listed: list[float] = []
        for resource in _resources(meta):
            weight = usable(resource.data.get("weight", resource.data.get("strength")))
            if (
                str(resource.data.get("type", "lora")).lower() not in ("lora", "lycoris", "locon", "dora")
                or weight is None
            ):
                continue
            if self._is_this(resource):
                return weight
            listed.append(weight)
        # An author shows his own LoRA: the only one in the picture is this one, whatever he called the file.
        if len({name for name, _ in tags}) == 1:
            return tags[0][1]
        return listed[0] if len(listed) == 1 and not tags else None

    def _is_this(self, resource: Fields) -> bool:
        digest = resource.data.get("hash")
        if (
            isinstance(digest, str)
            and len(digest) >= 8
            and any(known.startswith(digest.lower()) for known in self._hashes)
        ):
            return True
        version = resource.data.get("modelVersionId")
        if self._version_id and as_number(version) is not None and str(version) == self._version_id:
            return True
        return any(
            _squeeze(str(resource.data.get(key) or "")) in self._names for key in ("name", "modelName", "file_name")
        )


def _resources(meta: Fields) -> list[Fields]:
    found: list[Fields] = []
    for key in ("resources", "civitaiResources", "loras", "additionalResources"):
        if isinstance(meta.data.get(key), list):
            found.extend(meta.objects(key))
    return found[:100]


def example(prompt: str, negative: str, strength: float | None, base_model: str) -> dict[str, Any]:
    """One example in the shape of `Example`."""
    return {"prompt": prompt, "negative": negative, "strength": strength, "base_model": base_model}


def usable(value: Any) -> float | None:
    """A strength that somebody can have meant, else None."""
    number = as_number(value)
    return round(number, 4) if number is not None and -_MAX_STRENGTH <= number <= _MAX_STRENGTH else None


def _prompt(meta: Fields, key: str) -> str:
    return tidy_prompt(meta.raw_text(key)) if key in meta else ""


def tidy_prompt(text: str) -> str:
    """A prompt with its line breaks, without control characters, cut at a generous length."""
    text = text[: _MAX_PROMPT * 2]
    return encodable("\n".join(line(part, _MAX_PROMPT) for part in text.splitlines()).strip())[:_MAX_PROMPT]


def _squeeze(name: str) -> str:
    """A LoRA's name as prompts and resource lists may write it: letters and digits alone."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    return re.sub(r"[\W_]+", "", folded(without_extension(name)))
