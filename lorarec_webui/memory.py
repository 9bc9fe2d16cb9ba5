"""Graphics memory in the WebUI family: through the memory manager of those that have one, else by free memory alone.

The WebUI's modules come as an argument, so that one file of this package imports them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from lorarec.graphics import NO_DEVICE, Device, ManagedMemory, TorchMemory, kind_of

MANAGERS = (
    ("backend.memory_management", "backend.patcher.base"),  # Forge, Forge Neo
    ("ldm_patched.modules.model_management", "ldm_patched.modules.model_patcher"),  # reForge, Forge Classic
)
RESERVE = 1 << 30  # bytes left free where there is no manager: a generation that begins must not find it all taken

Find = Callable[[str], Any]


def webui_memory(find: Find) -> TorchMemory:
    """The `GraphicsMemory` of this WebUI.

    Args:
        find: gives a module of the WebUI by its name, None if there is none.
    """
    lock = find("modules.call_queue").queue_lock
    for manager, patcher in MANAGERS:
        if find(manager) is not None and find(patcher) is not None:
            return ManagedMemory(
                lambda name=manager: find(name),
                lambda name=patcher: find(name).ModelPatcher,
                lambda: _is_free(lock),
                lambda: _held(lock),
            )
    return _UnmanagedMemory(find("modules.devices"), lock)


class _UnmanagedMemory(TorchMemory):
    """A1111 and SD.Next, which keep no table of small models: the device is used while enough of it is free."""

    def __init__(self, devices: Any, lock: Any) -> None:
        super().__init__()
        self._devices, self._queue_lock = devices, lock

    def device(self) -> Device:
        """The WebUI's own; SD.Next says what make it is."""
        name = str(getattr(self._devices, "device", None) or "cpu")
        name = "cuda:0" if name == "cuda" else name
        kind = str(getattr(self._devices, "backend", "") or kind_of(name))
        return NO_DEVICE if "cpu" in (kind, name) else Device(name, kind)

    def free(self) -> int:
        """Free memory, less `RESERVE`."""
        return max(0, super().free() - RESERVE)

    def idle(self) -> bool:
        """Whether nothing is generated and no model is loaded: the lock says it, while the job's name may be empty."""
        return _is_free(self._queue_lock)

    def give_back(self, module: Any) -> None:
        """Move a module back, and have the WebUI collect what is left."""
        super().give_back(module)
        collect = getattr(self._devices, "torch_gc", None)
        if collect is not None and self.idle():
            collect()


def _is_free(lock: Any) -> bool:
    with _held(lock) as held:
        return held


@contextlib.contextmanager
def _held(lock: Any) -> Iterator[bool]:
    """Keep a generation from starting, if none runs; A1111's lock takes no timeout."""
    if not lock.acquire(blocking=False):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
