"""What tests make and what it must leave behind, or not."""

from __future__ import annotations

from pathlib import Path

from lorarec.types import Generation, Use


def generation(prompt: str, *names: str, seed: int = 0, **fields: object) -> Generation:
    """A generation with LoRAs of these names ("alpha" if none is given), ``seed`` seconds after a certain moment."""
    uses = tuple(Use(name=name, strength=0.8) for name in names or ("alpha",))
    return Generation(prompt=prompt, loras=uses, made=1.7e9 + seed, seed=seed, **fields)  # type: ignore[arg-type]


def left_of(folder: Path, text: str) -> list[Path]:
    """The files below a folder that hold a text."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
