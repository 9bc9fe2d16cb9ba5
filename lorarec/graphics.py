"""Graphics memory, which belongs to the diffusion model: how the core asks for some, and a plain process's answer.

The host decides. The core asks `GraphicsMemory` whether it may, how much is free without evicting anything, and hands
modules over and back; torch is imported only where one of these is called.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
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


class ManagedMemory(TorchMemory):
    """A host whose memory manager is ComfyUI's or descends from it: what we borrow stands in its tables.

    Those tables have no lock: the thread that generates uses them as it likes. So they are touched only while the host
    is kept from starting (``quiet``), and only if it does nothing. The weights are moved outside of that, so that it is
    held up for moments.
    """

    asked = 2.4  # times its size that a load may want free, with the weights that lie there already

    def __init__(
        self,
        management: Callable[[], Any],
        patcher: Callable[[], Any],
        idle: Callable[[], bool],
        quiet: Callable[[], AbstractContextManager[bool]],
    ) -> None:
        """Nothing of the host is touched yet.

        Args:
            management: gives the host's module of loaded models.
            patcher: gives its class that wraps a module to be loaded.
            idle: whether nothing is generated and nothing waits to be.
            quiet: keeps the host from beginning while it is entered; False if that cannot be had at once.
        """
        super().__init__()
        self._management, self._patcher, self._idle, self._quiet = management, patcher, idle, quiet
        self._device: Device | None = None
        self._patchers: dict[int, tuple[Any, Any]] = {}  # (module, patcher) by id: the host's references are weak
        self._back: set[int] = set()  # of these, what was given back while the host could not be told

    def device(self) -> Device:
        """Where the host would run text encoders of its own: the CPU if graphics memory is little."""
        if self._device is None:
            management = self._management()
            device = management.text_encoder_device()
            name = "cuda:0" if str(device) == "cuda" else str(device)
            kind = "directml" if getattr(management, "directml_enabled", False) else kind_of(name)
            self._device = NO_DEVICE if kind == "cpu" else Device(name, kind)
        return self._device

    def free(self) -> int:
        """What is left of the free memory when the host's reserve for sampling is taken off."""
        management = self._management()
        free = management.get_free_memory(_torch_device(self.device().name)) - management.minimum_inference_memory()
        return max(0, int(free / self.asked))

    def idle(self) -> bool:
        """The host says."""
        return self._idle()

    def borrow(self, module: Any) -> bool:
        """Load a module as the host loads models of its own; see `GraphicsMemory`."""
        with self._lock:
            self._tidy()
            device = self.device().name
            if not self.idle() or not to_device(module, device):
                return False
            with self._quiet() as quiet:
                if quiet:
                    self._load(module, device)
            if quiet and device_of(module) == device:
                return True
            to_cpu(module)
            self._back.add(id(module))
            return False

    def give_back(self, module: Any) -> None:
        """Free the memory at once, whatever the host does; it is told when it is idle."""
        with self._lock:
            to_cpu(module)
            self._back.add(id(module))
            self._tidy()

    def _load(self, module: Any, device: str) -> None:
        key = id(module)
        if key not in self._patchers:
            patcher = self._patcher()(module, _torch_device(device), _torch_device("cpu"))
            self._patchers[key] = module, patcher
        self._back.discard(key)
        # In part, as little memory makes hosts load, layers would lie on two devices: a plain module cannot run so.
        load = self._management().load_models_gpu
        whole = {"force_full_load": True} if "force_full_load" in inspect.signature(load).parameters else {}
        load([self._patchers[key][1]], **whole)

    def _tidy(self) -> None:
        """Take what was given back out of the host's tables, if it does nothing now; else another time."""
        self._back &= self._patchers.keys()
        if not self._back:
            return
        with self._quiet() as quiet:
            while quiet and self._back:
                self._forget(self._patchers.pop(self._back.pop())[1])

    def _forget(self, patcher: Any) -> None:
        """Unload our own entry and no other: by the host's own call where it has one."""
        management = self._management()
        unload = getattr(management, "unload_model_and_clones", None)
        if unload is not None:
            unload(patcher)
            return
        loaded = management.current_loaded_models
        for place in reversed([at for at, entry in enumerate(loaded) if entry.model is patcher]):
            loaded.pop(place).model_unload()


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


def _torch_device(name: str) -> Any:
    import torch

    return torch.device(name)


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
