"""Graphics memory, which belongs to the diffusion model: how the core asks for some, and a plain process's answer.

The host decides. The core asks `GraphicsMemory` whether it may, how much is free without evicting anything, and hands
modules over and back; torch is imported only where one of these is called.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import threading
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

RESERVE = 512 << 20  # bytes that a plain process leaves to others, such as the desktop


class Device(Struct, frozen=True):
    """Where bulk work could run."""

    name: str  # torch's name, e.g. "cuda:0"; "" = nowhere but on the CPU
    kind: str  # "cuda", "rocm", "zluda", "directml", "mps", "xpu", "cpu"


NO_DEVICE = Device("", "cpu")


class GraphicsMemory(Protocol):
    """The host's side of sharing its graphics memory. Safe from any thread; nothing here waits for the host."""

    lasting: bool  # whether something of ours may stay there after a job: never where a diffusion model works

    def device(self) -> Device:
        """The device that the host would give to small models."""
        ...

    def free(self) -> int:
        """Bytes that can be had now without evicting anything of the host's, its own reserve left out."""
        ...

    def idle(self) -> bool:
        """Whether the host does nothing and has nothing waiting that needs the device. Asked between batches."""
        ...

    def borrow(self, module: Any) -> bool:
        """Move a ``torch.nn.Module`` to the device so that the host knows of it and can evict it.

        False, and the module on the CPU, if there is no room or the host began to work meanwhile.
        """
        ...

    def give_back(self, module: Any) -> None:
        """Move a module to the CPU and return its memory; whatever the host does meanwhile."""
        ...


class TorchMemory:
    """What all hosts on torch share: moving modules, and freeing what torch keeps of them."""

    lasting = False

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def device(self) -> Device:
        """None, unless a host says otherwise."""
        return NO_DEVICE

    def free(self) -> int:
        """Free memory of the device with what torch has reserved and does not use."""
        return free_bytes(self.device().name)

    def idle(self) -> bool:
        """A host says."""
        return True

    def borrow(self, module: Any) -> bool:
        """Move a module there; see `GraphicsMemory`."""
        with self._lock:
            return self.idle() and to_device(module, self.device().name)

    def give_back(self, module: Any) -> None:
        """Move a module back; see `GraphicsMemory`."""
        with self._lock:
            to_cpu(module)


class PlainMemory(TorchMemory):
    """A plain process's own device, if it has one: always idle."""

    lasting = True

    def __init__(self) -> None:
        super().__init__()
        self._device: Device | None = None

    def device(self) -> Device:
        """torch's current device; torch is imported only if it was already, or a driver is there."""
        if self._device is None:
            self._device = _find_device()
        return self._device

    def free(self) -> int:
        """Free memory, less `RESERVE`."""
        return max(0, super().free() - RESERVE)


def kind_of(device: str) -> str:
    """Which make a torch device is, see `Device.kind`; CUDA's name also stands for AMD's in torch."""
    import torch

    if device.startswith("cuda"):
        if getattr(torch.version, "hip", None):
            return "rocm"
        with contextlib.suppress(RuntimeError, AssertionError):
            if "ZLUDA" in torch.cuda.get_device_name(device):
                return "zluda"
        return "cuda"
    if device.startswith(("privateuse", "dml")):
        return "directml"
    return device.partition(":")[0] or "cpu"


def free_bytes(device: str) -> int:
    """Bytes of a device that torch could still allocate; 0 where it does not tell."""
    import torch

    if not device.startswith(("cuda", "xpu")):
        return 0
    module: Any = getattr(torch, device.partition(":")[0])
    with contextlib.suppress(RuntimeError, AttributeError, AssertionError, NotImplementedError):
        free = module.mem_get_info(device)[0]
        return int(free + module.memory_reserved(device) - module.memory_allocated(device))
    return 0


def to_device(module: Any, device: str) -> bool:
    """Move a module to a device; False, and the module on the CPU, if it does not fit."""
    try:
        module.to(device)
        return True
    except Exception as error:
        if not out_of_memory(error):
            raise
    to_cpu(module)
    return False


def to_cpu(module: Any) -> None:
    """Move a module to the CPU and hand the memory that torch kept of it to the driver."""
    devices = {str(weight.device) for weight in module.parameters()}  # several, if a host evicted it in part
    module.to("cpu")
    for device in devices:
        empty_cache(device)


def empty_cache(device: str) -> None:
    """Hand what torch keeps of a device for later to the driver, so that others can have it."""
    torch: Any = sys.modules.get("torch")
    cache = getattr(getattr(torch, device.partition(":")[0], None), "empty_cache", None)
    if cache is not None and not device.startswith("cpu"):
        cache()


def device_of(module: Any) -> str:
    """The device of a module's first weight, as torch names it; "mixed" if the others lie elsewhere."""
    found = {str(weight.device) for weight in module.parameters()}
    return found.pop() if len(found) == 1 else ("mixed" if found else "cpu")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch, ONNX Runtime or Python says that memory ran out."""
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__:
        return True
    text = str(error).lower()
    return any(sign in text for sign in ("out of memory", "bad allocation", "bad_alloc", "failed to allocate memory"))


def _find_device() -> Device:
    if "torch" not in sys.modules and not (_driver() and importlib.util.find_spec("torch") is not None):
        return NO_DEVICE
    import torch

    if torch.cuda.is_available():
        name = f"cuda:{torch.cuda.current_device()}"
    elif getattr(torch, "xpu", None) is not None and torch.xpu.is_available():
        name = "xpu:0"
    elif torch.backends.mps.is_available():
        name = "mps"
    else:
        return NO_DEVICE
    return Device(name, kind_of(name))


def _driver() -> bool:
    """Whether a driver of a graphics card seems to be there: importing torch to find none costs seconds."""
    if sys.platform == "win32":
        import os

        return (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvcuda.dll").is_file()
    return any(Path(place).exists() for place in ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd"))
