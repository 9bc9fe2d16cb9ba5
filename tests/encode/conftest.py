"""Tiny models, and machines on which packages are absent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lorarec.encode import onnx_export
from lorarec.encode.models import ModelFolder, read

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
