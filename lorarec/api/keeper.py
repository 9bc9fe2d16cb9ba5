"""The one recommender of a program: opened when first needed, anew when told to, closed when nobody uses it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..recommender import Recommender

GRACE_SECONDS = 10.0  # that long work may take to end when the program does


class Keeper:
    """Keeps one recommender open. Safe from many threads; importing this module costs nothing."""

    def __init__(
        self,
        opener: Callable[[], Recommender],
        *,
        scan: bool = False,
        reopened: Callable[[], object] = lambda: None,
    ) -> None:
        """Open nothing yet.

        Args:
            opener: opens one with the settings that are stored.
            scan: begin a scan in the background with each one that is opened.
            reopened: told after each `reopen`, outside all locks.
        """
        self._opener = opener
        self._scan = scan
        self._reopened = reopened
        self._lock = threading.RLock()
        self._kept: Recommender | None = None
        self._lent: list[Recommender] = []  # once for each long work that uses it
        self._returned = threading.Condition()

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
                if self._scan:
                    self._kept.start_refresh()
            return self._kept

    @contextmanager
    def lent(self) -> Iterator[Recommender]:
        """The recommender for long work: it stays open until the block ends, unless the program does.

        Raises:
            StorageError: it cannot be opened.
        """
        with self._lock:  # none may take its place before it counts as lent
            kept = self.get()
            with self._returned:
                self._lent.append(kept)
        try:
            yield kept
        finally:
            with self._returned:
                self._lent.remove(kept)
                self._returned.notify_all()

    def reopen(self) -> None:
        """Open another one if one is open; that is closed as soon as its work has ended. Raises `StorageError`."""
        with self._lock:
            before = self._kept
            if before is None:
                return
            after = self._kept = self._opener()
        interrupted = before.indexing.cancel().active  # two must not index at once
        if interrupted or self._scan:
            after.start_refresh()
        threading.Thread(target=self._retire, args=(before, None), name="lorarec-close", daemon=True).start()
        self._reopened()

    def close(self) -> None:
        """Close the recommender; long work has a moment to end, which somebody must have told it to."""
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is not None:
            self._retire(kept, GRACE_SECONDS)

    def _retire(self, one: Recommender, seconds: float | None) -> None:
        """Close a recommender when it is lent to nobody any more, or after so many seconds."""
        with self._returned:
            self._returned.wait_for(lambda: one not in self._lent, seconds)
        one.close()
