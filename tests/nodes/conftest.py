"""A fake ComfyUI with the pack loaded into it, and a recommender whose answers a person can foresee."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from comfyui import harness


def write_loras(root: Path, *names: str) -> Path:
    """Make files whose content is their own base name, so that copies of one LoRA are equal and others differ."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    return root


class FakeMemory:
    """Keeps what it is told, in lists."""

    def __init__(self) -> None:
        self.links = SimpleNamespace(known=lambda name: False)
        self.generations: list[tuple[Any, tuple[str, ...]]] = []
        self.impressions: list[tuple[Any, Any, float]] = []

    def record_generation(self, generation: Any, images: tuple[str, ...]) -> bool:
        self.generations.append((generation, images))
        return True

    def record_shown(self, query: Any, answer: Any, *, at: float) -> int:
        self.impressions.append((query, answer, at))
        return len(self.impressions)


class FakeRecommender:
    """Suggests every file whose stem occurs in the prompt, strength 0.7, in alphabetical order; words as triggers.

    The fingerprint of a file is "fp-" and its content. ``stage`` is set by tests; each wait counts down ``waits``.
    """

    def __init__(self, comfy: SimpleNamespace, *roots: Path) -> None:
        self.comfy, self.roots = comfy, roots
        self.types = comfy.part("lorarec.types")
        self.settings = SimpleNamespace(wait_seconds=0.05, project="")
        self.stage, self.version, self.failure = "full", "v1", ""
        self.queries: list[Any] = []
        self.refreshes = 0
        self.partners: dict[str, str] = {}
        self.strength = 0.7
        self.memory = FakeMemory()
        self.on_wait: Callable[[], None] = lambda: None

    def start_refresh(self) -> None:
        self.refreshes += 1

    def wait(self, stage: str = "lexical", timeout: float = 10.0) -> bool:
        self.on_wait()
        if self.stage == "empty" and not self.failure:
            time.sleep(timeout)
        return self.stage != "empty"

    def close(self) -> None:
        pass

    def loras(self) -> Any:
        found = []
        for root in self.roots:
            for path in sorted(root.rglob("*.safetensors")):
                name = path.relative_to(root).as_posix()
                found.append(
                    self.types.Lora(
                        id=name, root=str(root), path=name, size=1, modified=0.0, fingerprint=f"fp-{path.read_text()}"
                    )
                )
        return importlib.import_module(f"{self.types.__package__}.records").Records.of(found)

    def recommend(self, query: Any, top: int | None = None) -> Any:
        self.queries.append(query)
        active = {one.name for one in query.active}
        lows = set(self.partners.values())
        suggestions = tuple(
            self.types.Suggestion(
                lora=lora.path,
                name=Path(lora.path).stem,
                score=0.9,
                strength=self.types.Strength(self.strength, self.strength, 0.5, 0.9, "author"),
                trigger_words=(f"{Path(lora.path).stem} style",),
                base_model=None,
                reasons=(self.types.Reason("words", f'matches "{Path(lora.path).stem}"', 1.0),),
                signals={},
                fingerprint=lora.fingerprint,
                partner=self.partners.get(lora.path, ""),
            )
            for lora in self.loras()
            if Path(lora.path).stem in query.prompt and lora.path not in active and lora.path not in lows
        )
        return self.types.Suggestions(
            suggestions=suggestions[:top], abstained=not suggestions, took_ms=1.0, stage="full"
        )

    def similar(self, name: str, top: int | None = None) -> Any:
        words = self.types.Query(prompt=Path(name).stem)
        return self.recommend(words, top)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SimpleNamespace]]:
    """Start a fake ComfyUI on LoRA roots.

    ``core`` injects the foreseeable recommender: ``comfy.core``. Without it the nodes open the real one, which matches
    by words only here: encoders have their own tests.
    """
    for name in ("LORAREC_DATA", "LORAREC_LORAS"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as stack:
        count = 0

        def start(*roots: Path, core: bool = True) -> SimpleNamespace:
            nonlocal count
            count += 1
            data = tmp_path / f"comfyui{count}" / "user" / "__lorarec"
            data.mkdir(parents=True)
            (data / "settings.json").write_text('{"encoder_semantic": "no/such-model"}')
            comfy = stack.enter_context(harness.comfyui(tmp_path / f"comfyui{count}", *roots))
            comfy.library = comfy.part("nodes.library")
            comfy.recommend = comfy.pack.NODE_CLASS_MAPPINGS["LorarecRecommend"]
            if core:
                comfy.core = FakeRecommender(comfy, *roots)
                comfy.library.keeper._kept = comfy.core
            return comfy

        yield start


@pytest.fixture
def loras(tmp_path: Path) -> Path:
    """A folder with five LoRAs, two of them a high/low noise pair."""
    return write_loras(
        tmp_path / "loras",
        "styles/ink.safetensors",
        "styles/pixel.safetensors",
        "characters/miku.safetensors",
        "wan/dance_high.safetensors",
        "wan/dance_low.safetensors",
    )


@pytest.fixture
def write() -> Callable[..., Path]:
    return write_loras
