"""Tiny models, and machines on which packages are absent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lorarec.encode import onnx_export
from lorarec.encode.models import ModelFolder, read
from lorarec.graphics import Device

Tiny = Callable[..., ModelFolder]


@pytest.fixture
def tiny(tmp_path: Path, save: Callable[..., Path]) -> Tiny:
    """Make a tiny model: ``tiny("mpnet", pooling="cls")``."""

    def make(family: str = "bert", **options: Any) -> ModelFolder:
        path = save(tmp_path / f"tiny-{family}", family, **options)
        return read(path, str(path), "folder")

    return make


@pytest.fixture
def no_torch_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports are not compared with torch in another process: tests that use this compare by themselves."""
    monkeypatch.setattr(onnx_export, "can_use_torch", lambda: False)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make packages look uninstalled."""
    import importlib.util

    real = importlib.util.find_spec

    def hide(*names: str) -> None:
        for name in names:
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, package=None: None if name in names else real(name, package)
        )

    return hide


class FakeGraphics:
    """A host's graphics memory in miniature: its size is stated, and it works, evicts and runs out when a test says so.

    The "device" is the CPU, so that all but the device itself is real: half precision, moving, comparing, batches.
    """

    lasting = False

    def __init__(self, free: int = 1000 << 20, kind: str = "cuda") -> None:
        self.room = free
        self.working = False
        self.kind = kind
        self.there: list[Any] = []  # modules on the device
        self.log: list[str] = []
        self.asked = 0
        self.on_ask: Callable[[int], None] = lambda asked: None  # called each time that we ask whether it is idle

    def device(self) -> Device:
        return Device("cpu", self.kind)

    def free(self) -> int:
        return self.room

    def idle(self) -> bool:
        self.asked += 1
        self.on_ask(self.asked)
        return not self.working

    def borrow(self, module: Any) -> bool:
        if self.working:
            return False
        self.there.append(module)
        self.log.append("borrow")
        return True

    def give_back(self, module: Any) -> None:
        if module in self.there:
            self.there.remove(module)
        self.log.append("give back")


@pytest.fixture
def fake_graphics() -> type[FakeGraphics]:
    """The class: ``fake_graphics(free=…, kind=…)``."""
    return FakeGraphics
