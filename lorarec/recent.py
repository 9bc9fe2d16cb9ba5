"""A small memory of answers: a repeated question costs nothing as long as what it depends on stays the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The answers given last, by what they depend on. Safe from many threads."""

    def __init__(self, size: int) -> None:
        self.hits = self.misses = 0
        self._size = size
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable) -> T | None:
        """The answer kept under a key; counts whether there was one."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                self.misses += 1
            else:
                self.hits += 1
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, answer: T) -> None:
        """Keep an answer; the one not asked for longest makes room."""
        with self._lock:
            self._kept[key] = answer
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept)
