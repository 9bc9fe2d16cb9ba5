"""Refreshes in the background: one at a time, and while it runs at most one more waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from .errors import LorarecError, missing_package
from .jobs import Job

_log = logging.getLogger(__name__)


class Refresher:
    """Runs a refresh in a daemon thread that exists as long as there is one to run. Safe from many threads."""

    def __init__(self, refresh: Callable[[], object], job: Job, changed: threading.Condition) -> None:
        """Start without a thread.

        Args:
            refresh: scans and indexes; may raise.
            job: what those who watch see of it; when it was cancelled, no further one begins.
            changed: held while this changes, and notified after each refresh.
        """
        self._refresh, self._job, self._changed = refresh, job, changed
        self._thread: threading.Thread | None = None
        self._again = self._closed = False
        self.working = False  # unlike Thread.is_alive, changed under the lock
        self.failure = ""  # why the last refresh failed, "" if it did not

    def start(self) -> None:
        """Refresh soon; nothing happens after `close`."""
        with self._changed:
            if self._closed:
                return
            if self.working:
                self._again = True
                return
            self.working = True
            self._job.expect()
            self._thread = threading.Thread(target=self._work, name="lorarec-refresh", daemon=True)
            self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait until no refresh runs, from any thread but its own."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def close(self, timeout: float) -> None:
        """Begin no further refresh, and wait for the one that runs."""
        with self._changed:
            self._closed = True
        self.join(timeout)

    def _work(self) -> None:
        """A failure becomes a notice, never a traceback in the host."""
        while True:
            with self._changed:
                self._again = False
            try:
                self._refresh()
                self.failure = ""
            except LorarecError as error:
                self.failure = str(error)
            except ImportError as error:
                self.failure = str(missing_package(error) or error)
            except Exception as error:  # a thread boundary: anything else would die unseen
                _log.exception("background refresh failed")
                self.failure = f"indexing failed ({type(error).__name__}: {error}); run `lorarec index` to see why"
            with self._changed:
                self._changed.notify_all()
                if not self._again or self._closed or self._job.state.state == "cancelled":
                    self.working = False
                    return
