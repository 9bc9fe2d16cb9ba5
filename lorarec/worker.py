"""One thread that does small jobs for a host's own threads, which must not wait: they put a job on a list and go on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from .errors import LorarecError

WAITING = 200  # jobs; what makes one takes seconds, the job milliseconds

Job = Callable[[], object]


class Worker:
    """Does jobs one after another in a daemon thread, which is started with the first job.

    While `WAITING` of them wait, each new one takes the place of the oldest: what is lost live can be harvested later.
    """

    def __init__(self, warn: Callable[[str], object]) -> None:
        """Start without a thread; ``warn`` writes a line into the host's log."""
        self._warn = warn
        self._jobs: deque[Job] = deque(maxlen=WAITING)
        self._changed = threading.Condition()
        self._started = False
        self._closed = False
        self._full = False
        self._said = ""

    def put(self, job: Job) -> None:
        """Add a job; returns at once, from any thread. Nothing happens after `close`."""
        with self._changed:
            if self._closed:
                return
            if len(self._jobs) == WAITING and not self._full:
                self._full = True
                self._warn("remembering falls behind; what is left out now can be had with `lorarec harvest`")
            self._jobs.append(job)
            self._changed.notify()
            if not self._started:
                self._started = True
                threading.Thread(target=self._work, name="lorarec-capture", daemon=True).start()

    def close(self) -> None:
        """End the thread after the jobs that wait."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def complain(self, error: Exception) -> None:
        """Log why something was not remembered: one line, not one per image."""
        text = str(error) if isinstance(error, LorarecError) else f"{type(error).__name__}: {error}"
        if text != self._said:
            self._said = text
            self._warn(f"not remembered: {text}")

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs:
                    if self._closed:
                        return
                    self._full = False
                    self._changed.wait()
                job = self._jobs.popleft()
            try:
                job()
            except Exception as error:  # a thread boundary: anything else would end it unseen
                self.complain(error)
