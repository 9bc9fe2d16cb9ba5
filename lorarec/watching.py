"""When to look for what was recorded, and when to learn from it in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from .current_knowledge import CurrentKnowledge
from .history.store import History
from .knowledge import UserKnowledge
from .library import Library
from .types import Cancelled

_log = logging.getLogger(__name__)

LOOK_EVERY = 10.0  # seconds between looks for what other processes recorded
LEARN_EVERY = 20.0  # seconds between two times of learning from what was recorded


class Watch:
    """Keeps what is known of a user up to date as long as suggestions are asked for. Safe from many threads.

    ``_starting`` is held while a thread is started and while the end is declared: at most one learns in the background,
    and none begins after the end.
    """

    def __init__(
        self, history: History, current: CurrentKnowledge, learn: Callable[[Library, Cancelled], object]
    ) -> None:
        """Begin without a thread.

        Args:
            history: what is looked at.
            current: what is known.
            learn: brings that up to date beside a library, called in the background; may raise.
        """
        self._history, self._current, self._learn = history, current, learn
        self._starting = threading.Lock()
        self._closed = threading.Event()
        self._worker: threading.Thread | None = None
        self._looked = self._began = float("-inf")

    def knowledge(self, library: Library) -> UserKnowledge | None:
        """What is known beside a library; None if nothing is, or not yet.

        Looks every `LOOK_EVERY` seconds whether more was recorded, by this process or another, and then learns from it
        in the background; the answer never waits for that.
        """
        current = self._current
        key, known = current.now
        if key == library.key and time.monotonic() - self._looked < LOOK_EVERY:
            return known
        self._looked = time.monotonic()
        if key != library.key:
            known = current.restore(library)
        elif self._history.version() == current.told:
            return known
        else:
            known = current.renew(library)
        if time.monotonic() - max(self._began, current.learned) > LEARN_EVERY:
            self._learn_soon(library)
        return known

    def look_again(self) -> None:
        """Have the next question look, however soon it comes."""
        self._looked = float("-inf")

    def close(self) -> None:
        """Learn no more, and wait for a background thread to end."""
        with self._starting:
            self._closed.set()
        worker = self._worker
        if worker is not None and worker is not threading.current_thread():
            worker.join(timeout=10)

    def _learn_soon(self, library: Library) -> None:
        """Learn in the background unless that is being done."""

        def work() -> None:
            try:
                self._learn(library, self._closed.is_set)
            except Exception:  # a thread boundary: anything else would die unseen
                _log.exception("learning from the history failed")

        with self._starting:
            if self._closed.is_set() or (self._worker is not None and self._worker.is_alive()):
                return
            self._began = time.monotonic()
            self._worker = threading.Thread(target=work, name="lorarec-learn", daemon=True)
            self._worker.start()
