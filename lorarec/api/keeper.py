"""The one recommender of a program that has no other place for it: opened when first needed, anew when told to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..recommender import Recommender


class Keeper:
    """Keeps one recommender open. Safe from many threads."""

    def __init__(self, opener: Callable[[], Recommender]) -> None:
        """``opener`` opens one with the settings that are stored."""
        self._opener = opener
        self._lock = threading.Lock()
        self._kept: Recommender | None = None

    @property
    def opened(self) -> Recommender | None:
        """The recommender if it is open."""
        return self._kept

    def get(self) -> Recommender:
        """The recommender, opened now if it is not yet. Raises `StorageError`."""
        kept = self._kept
        if kept is not None:
            return kept
        with self._lock:
            if self._kept is None:
                self._kept = self._opener()
            return self._kept

    def reopen(self) -> None:
        """Open another one; the one before is closed as soon as its work has ended. Raises `StorageError`."""
        with self._lock:
            before, self._kept = self._kept, self._opener()
        if before is not None:
            if before.indexing.state.active:  # closing ends that
                self._kept.start_refresh()
            threading.Thread(target=before.close, name="lorarec-close", daemon=True).start()

    def close(self) -> None:
        """Close the recommender."""
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()
