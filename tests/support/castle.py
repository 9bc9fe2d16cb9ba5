"""One generation that says everything, and what a catalogue with one LoRA makes of it."""

from __future__ import annotations

from lorarec.history.store import History
from lorarec.history_types import Generation, ImageFile, Linked, Use

CASTLE = Generation(
    prompt="a castle <lora:rain:0.6>",
    negative="people",
    loras=(Use(name="rain", strength=0.6, hashes=("0123456789ab",)), Use(name="dunes", strength=0.8, clip=0.5)),
    checkpoint="dream_v8.safetensors",
    base_model="SD 1.5",
    seed=42,
    steps=20,
    sampler="Euler",
    cfg=7.0,
    width=512,
    height=768,
    made=1000.0,
    host="a1111",
    reader="a1111:PNG parameters",
    project="book",
)


def link(use: Use) -> Linked:
    """An installed "rain"; nothing else is known."""
    return Linked("id-rain", "name") if use.name == "rain" else Linked("", "")


def picture(name: str, modified: float = 5000.0) -> ImageFile:
    return ImageFile(f"/out/{name}.png", 1000, int(modified * 1e9))


def exported(history: History, kind: str) -> list[dict]:
    """The rows of a kind."""
    return [row for row in history.export() if row["kind"] == kind]
