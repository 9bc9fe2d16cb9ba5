"""Models with real architectures and random weights, and a host's memory manager in miniature on a real device."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lorarec.encode import onnx_export
from lorarec.graphics import Device, ManagedMemory

_spec = importlib.util.spec_from_file_location("gpu_check", Path(__file__).with_name("check.py"))
assert _spec is not None and _spec.loader is not None
check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check)

RESERVE = 800 << 20


class Manager:
    """A table of loaded models that evicts the oldest until a load and its reserve fit, as ComfyUI's does."""

    def __init__(self, device: str) -> None:
        self.name = device
        self.current_loaded_models: list[Any] = []
        self.evicted = 0

    def text_encoder_device(self) -> Any:
        import torch

        return torch.device(self.name)

    def minimum_inference_memory(self) -> int:
        return RESERVE

    def get_free_memory(self, device: Any = None) -> int:
        from lorarec.graphics import free_bytes

        return free_bytes(self.name) if self.name != "cpu" else 8 << 30

    def free_memory(self, wanted: float) -> None:
        import torch

        while self.current_loaded_models and self.get_free_memory() < wanted:
            self.current_loaded_models.pop().model_unload()
            self.evicted += 1
            if self.name != "cpu":
                torch.cuda.empty_cache()

    def load_models_gpu(self, patchers: list[Any], force_full_load: bool = False) -> None:
        for patcher in patchers:
            if all(entry.model is not patcher for entry in self.current_loaded_models):
                self.free_memory(1.1 * patcher.size + RESERVE)
                patcher.module.to(self.name)
                entry = SimpleNamespace(model=patcher, model_unload=lambda patcher=patcher: patcher.module.to("cpu"))
                self.current_loaded_models.insert(0, entry)


class Patcher:
    def __init__(self, module: Any, load_device: Any, offload_device: Any) -> None:
        self.module = module
        self.size = sum(weight.numel() * weight.element_size() for weight in module.parameters())


class Host:
    """A host that works when a test says so."""

    patcher = Patcher

    def __init__(self, device: str) -> None:
        self.manager = Manager(device)
        self.lock = threading.Lock()
        self.working = False
        self.memory = ManagedMemory(lambda: self.manager, lambda: Patcher, lambda: not self.working, self.quiet)
        if device == "cpu":
            self.memory._device = Device("cpu", "cuda")

    @contextmanager
    def quiet(self) -> Iterator[bool]:
        with self.lock:
            yield not self.working


@pytest.fixture(params=[pytest.param("cuda:0", marks=pytest.mark.gpu), "cpu"])
def device(request: pytest.FixtureRequest) -> str:
    """The graphics card, and the CPU in its place: there the same checks run small, so that they are known to work."""
    pytest.importorskip("transformers")
    pytest.importorskip("onnxruntime")
    return str(request.param)


@pytest.fixture
def host(device: str) -> Host:
    return Host(device)


@pytest.fixture
def folder(device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """MiniLM's architecture on a card, a tiny one on the CPU."""
    monkeypatch.setattr(onnx_export, "can_use_torch", lambda: False)  # exports have their own tests
    return check.make_model("MiniLM-L6" if device != "cpu" else "tiny", tmp_path)


@pytest.fixture
def make_texts() -> Any:
    return check.texts
