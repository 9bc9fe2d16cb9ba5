"""Folders of images by A1111 and others, harvested into a history."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lorarec.history.harvest.harvest import HarvestReport, harvest
from lorarec.history.link import Links
from lorarec.history.store import History
from lorarec.history_types import PastGeneration
from lorarec.measure.images import NEWEST, png
from lorarec.types import Lora

DAY = 86_400.0
HASH = "0123456789ab"


def lora(id_: str, path: str, **fields: Any) -> Lora:
    return Lora(**{"root": "/loras", "size": 1, "modified": 0.0, "fingerprint": id_, **fields}, id=id_, path=path)


LINKS = Links([lora("ink", "styles/ink.safetensors", hashes=(HASH,)), lora("o1", "a/owl.pt"), lora("o2", "b/owl.pt")])


class Place:
    """Image folders and a history."""

    def __init__(self, folder: Path, history: History) -> None:
        self.images = folder / "images"
        self.images.mkdir()
        self.history = history

    def put(
        self,
        name: str,
        prompt: str,
        seed: int = 1,
        age: float = 0.0,
        noise: bytes = b"",
        tail: str = "",
        **texts: str,
    ) -> Path:
        """An image by A1111, made ``age`` days before the newest possible; ``texts`` stand beside the usual one."""
        path = self.images / name
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = f"Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: {seed}, Size: 512x768{tail}"
        usual = {"parameters": f"{prompt}\nNegative prompt: blurry\n{settings}"}
        return self.write(path, usual | texts, age, noise)

    def write(self, path: Path, texts: dict[str, str], age: float = 0.0, noise: bytes = b"") -> Path:
        path.write_bytes(png(texts, noise))
        os.utime(path, (NEWEST - age * DAY, NEWEST - age * DAY))
        return path

    def harvest(self, *folders: Path, now: float = NEWEST, **options: Any) -> HarvestReport:
        options.setdefault("known", LINKS.known)
        return harvest(self.history, folders or [self.images], LINKS, now=lambda: now, **options)

    def outcomes(self) -> list[tuple[int, int, int]]:
        """(images, deleted, liked) of each generation, oldest first."""
        return [(one.images, one.deleted, one.liked) for one in self.past()]

    def past(self) -> list[PastGeneration]:
        return self.history.past()
