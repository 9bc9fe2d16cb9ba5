"""Threads for doors that live on an event loop: the API blocks, and the loop belongs to the host."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .wire import Response

THREADS = {"live": 8, "bulk": 2}  # by the values of `wire.Lane`

T = TypeVar("T")


class Lanes:
    """Threads of our own for each lane, started when first needed: the loop's default ones load the host's files.

    Importing this module is cheap enough for an event loop.
    """

    def __init__(self) -> None:
        """Start without threads."""
        self._lock = threading.Lock()
        self._threads: dict[str, ThreadPoolExecutor] = {}

    async def run(self, lane: str, work: Callable[[], T]) -> T:
        """Do some work in a thread of a lane and wait for it without holding up the loop."""
        with self._lock:
            if lane not in self._threads:
                self._threads[lane] = ThreadPoolExecutor(THREADS[lane], f"lorarec-{lane}")
            threads = self._threads[lane]
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    async def pieces(self, response: Response) -> AsyncIterator[bytes]:
        """The chunks or events of a response; b"" while there is no news, for a look whether anybody still listens."""
        from .wire import EVERY

        source: Any = response.chunks if response.events is None else response.events
        lane = "bulk" if response.events is None else "live"
        while (piece := await self.run(lane, lambda: next(source, None))) is not None:
            if not piece:
                await asyncio.sleep(EVERY)
            yield piece

    def close(self) -> None:
        """Let the threads end after their work."""
        with self._lock:
            for threads in self._threads.values():
                threads.shutdown(wait=False)
