"""What all hosts share: moving modules, knowing devices, and telling that memory ran out."""

from __future__ import annotations

import contextlib
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from lorarec import graphics
from lorarec.graphics import NO_DEVICE, PlainMemory, device_of, out_of_memory, to_device
from lorarec.machine import available_bytes, resident_bytes


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"), True),
        (RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer"), True),
        (RuntimeError("Expected all tensors to be on the same device"), False),
        (ValueError("memory"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(error: Exception, expected: bool) -> None:
    assert out_of_memory(error) is expected


def test_a_machine_without_a_driver_imports_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(graphics, "_driver", lambda: False)
    assert PlainMemory().device() == NO_DEVICE and "torch" not in sys.modules


def test_a_module_that_does_not_fit_ends_up_on_the_cpu() -> None:
    weights = [SimpleNamespace(device="cpu"), SimpleNamespace(device="cpu")]

    class Module:
        def parameters(self) -> Any:
            return iter(weights)

        def to(self, device: str) -> None:
            weights[0].device = device
            if device != "cpu":
                raise RuntimeError("CUDA out of memory")
            weights[1].device = device

    module = Module()
    assert not to_device(module, "cuda:0") and device_of(module) == "cpu"
    weights[0].device = "cuda:0"
    assert device_of(module) == "mixed"


def test_which_make_a_device_is(monkeypatch: pytest.MonkeyPatch) -> None:
    torch: Any = pytest.importorskip("torch")
    assert [graphics.kind_of(name) for name in ("cpu", "mps", "xpu:0", "privateuseone:0")] == [
        *("cpu", "mps", "xpu", "directml")
    ]
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA GeForce RTX 4090")
    assert graphics.kind_of("cuda:0") == "cuda"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "AMD Radeon RX 7900 [ZLUDA]")
    assert graphics.kind_of("cuda:0") == "zluda"
    monkeypatch.setattr(torch.version, "hip", "6.2")
    assert graphics.kind_of("cuda:0") == "rocm"


def test_memory_of_the_machine() -> None:
    resident, available = resident_bytes(), available_bytes()
    assert resident is not None and resident > 10 << 20
    assert available is None or available > 0


def test_what_a_host_loads_only_in_part_is_taken_back_and_leaves_its_tables() -> None:
    torch: Any = pytest.importorskip("torch")
    loaded: list[Any] = []
    management = SimpleNamespace(
        text_encoder_device=lambda: torch.device("meta"),
        load_models_gpu=lambda patchers: loaded.extend(patchers) or patchers[0].module.to("cpu"),
        unload_model_and_clones=loaded.remove,
    )
    quiet = [True, False, False]  # for loading; twice at the next loan

    class Module(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(2))

        def to(self, device: Any) -> Any:  # "meta" keeps no values to bring back
            self.weight = torch.nn.Parameter(torch.zeros(2, device=device))
            return self

    memory = graphics.ManagedMemory(
        lambda: management,
        lambda: lambda module, load, offload: SimpleNamespace(module=module),
        lambda: True,
        lambda: contextlib.nullcontext(quiet.pop(0)),
    )
    module = Module()
    assert not memory.borrow(module) and device_of(module) == "cpu" and len(loaded) == 1
    assert not memory.borrow(Module()) and len(loaded) == 1, "not while the host may be using them"
    quiet += [True, False]
    assert not memory.borrow(Module()) and loaded == []
