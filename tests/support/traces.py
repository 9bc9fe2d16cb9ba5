"""What is made, how it is remembered, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lorarec.history_types import Generation, PastGeneration, PastUse, Use

NOW = 1.7e9  # seconds since the epoch


def generation(prompt: str, *names: str, seed: int = 0, **fields: object) -> Generation:
    """A generation with LoRAs of these names ("alpha" if none is given), ``seed`` seconds after `NOW`."""
    uses = tuple(Use(name=name, strength=0.8) for name in names or ("alpha",))
    return Generation(prompt=prompt, loras=uses, made=NOW + seed, seed=seed, **fields)  # type: ignore[arg-type]


def remembered(
    number: int, prompt: str | None, uses: Mapping[str, float | None] | str = "a", **fields: object
) -> PastGeneration:
    """A generation as the history tells it, ``number`` seconds after `NOW`.

    ``uses`` are LoRAs with their strengths, or letters that are all used at 0.8; " " is not linked.
    """
    told = dict.fromkeys(uses, 0.8) if isinstance(uses, str) else uses
    values: dict[str, object] = {
        "id": number + 1,
        "made": NOW + number,
        "prompt": prompt,
        "negative": None,
        "base_model": "",
        "checkpoint": "",
        "project": "",
        "host": "",
        "loras": tuple(PastUse(name.strip(), name, strength, "name") for name, strength in told.items()),
        "images": 0,
        "deleted": 0,
        "liked": 0,
    }
    return PastGeneration(**{**values, **fields})  # type: ignore[arg-type]


def left_of(folder: Path, text: str) -> list[Path]:
    """The files below a folder that hold a text."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
