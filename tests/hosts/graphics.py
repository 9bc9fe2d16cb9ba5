"""A host's graphics memory in miniature: its size is stated, and it works, evicts and runs out when a test says so.

The "device" is the CPU, so that everything but the device itself is real: half precision, moving, comparing, batches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lorarec.graphics import Device

MB = 1 << 20


class FakeGraphics:
    lasting = False

    def __init__(self, free: int = 1000 * MB, kind: str = "cuda") -> None:
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
