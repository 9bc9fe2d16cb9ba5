"""Graphics memory in the WebUI family, on modules shaped like those of each."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lorarec import graphics
from lorarec_webui.memory import MANAGERS, RESERVE, webui_memory

pytest.importorskip("torch")

FAKES = Path(__file__).resolve().parents[1] / "hosts" / "comfyui" / "fakes" / "comfy"  # the managers descend from it
MB = 1 << 20


class FirstInFirstOut:
    """The lock of A1111 and Forge: it takes no timeout."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def acquire(self, blocking: bool = True) -> bool:
        return self._lock.acquire(blocking)

    def release(self) -> None:
        self._lock.release()


def fake(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"fake_{name}", FAKES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Webui:
    def __init__(self, manager: tuple[str, str] | None = None, lock: Any = None, **devices: Any) -> None:
        self.lock = lock or FirstInFirstOut()
        self.patchers = fake("model_patcher")
        self.management = fake("model_management")
        self.collected = 0
        modules = {
            "modules.call_queue": SimpleNamespace(queue_lock=self.lock),
            "modules.devices": SimpleNamespace(torch_gc=self.collect, **devices),
        }
        if manager is not None:
            modules |= dict(zip(manager, (self.management, self.patchers), strict=True))
            whole = self.management.load_models_gpu

            def load_models_gpu(models: Any, memory_required: int = 0) -> None:  # theirs knows no other way
                whole(models, memory_required, force_full_load=True)

            self.management.load_models_gpu = load_models_gpu
        self.memory = webui_memory(modules.get)

    def collect(self) -> None:
        self.collected += 1

    def module(self, name: str, size: int) -> Any:
        return self.patchers.Module(name, size * MB)


def devices(module: Any) -> set[str]:
    return {weight.device for weight in module.parameters()}


@pytest.mark.parametrize("manager", MANAGERS)
def test_hosts_with_a_manager_know_of_what_we_borrow(manager: tuple[str, str]) -> None:
    webui = Webui(manager)
    ours = webui.module("encoder", 100)
    assert webui.memory.device().name == "cuda:0" and not webui.memory.lasting
    assert webui.memory.borrow(ours) and devices(ours) == {"cuda:0"}
    [entry] = webui.management.current_loaded_models
    assert entry.model.model is ours
    with webui.lock._lock:
        assert not webui.memory.idle() and not webui.memory.borrow(webui.module("another", 100))
        webui.memory.give_back(ours)
        assert devices(ours) == {"cpu"}, "at once, though a generation runs"
    webui.memory.borrow(ours)
    webui.memory.give_back(ours)
    assert webui.management.current_loaded_models == []


@pytest.mark.parametrize("lock", [FirstInFirstOut, threading.Lock])
def test_hosts_without_a_manager(lock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphics, "free_bytes", lambda device: RESERVE + 300 * MB)
    webui = Webui(lock=lock(), device="cuda", backend="cuda")
    assert webui.memory.device() == graphics.Device("cuda:0", "cuda") and webui.memory.free() == 300 * MB
    ours = webui.module("encoder", 100)
    assert webui.memory.borrow(ours) and devices(ours) == {"cuda:0"}
    webui.lock.acquire()
    webui.memory.give_back(ours)
    assert devices(ours) == {"cpu"} and webui.collected == 0, "collecting would hold up the generation"
    assert not webui.memory.borrow(ours)
    webui.lock.release()
    assert webui.memory.borrow(ours)
    webui.memory.give_back(ours)
    assert webui.collected == 1 and webui.memory.idle()


def test_little_free_memory_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphics, "free_bytes", lambda device: RESERVE - MB)
    assert Webui(device="cuda").memory.free() == 0


def test_what_sdnext_says_of_its_device_counts() -> None:
    assert Webui(device="cuda", backend="zluda").memory.device().kind == "zluda"
    assert Webui(device="privateuseone:0", backend="directml").memory.device().kind == "directml"
    assert Webui(device="cpu", backend="cpu").memory.device() == graphics.NO_DEVICE
    assert Webui().memory.device() == graphics.NO_DEVICE
