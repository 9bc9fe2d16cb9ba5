"""Long work that many may watch: whether it runs, how far it is, how it ended, and a way to stop it.

A `Job` outlives its runs and has at most one at a time. Watchers ask for its `state`, whose ``change`` tells whether
anything is new; so a slow one misses steps instead of holding up the work or filling a queue.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from .errors import LorarecError
from .types import Cancelled, Progress, ProgressSink

_log = logging.getLogger(__name__)

PROBLEMS = 50  # of a report kept with the state; lists of any length end in a state that is sent often


class JobState(Struct, frozen=True, kw_only=True):
    """A job as watchers see it."""

    job: str  # its name, e.g. "index"
    state: Literal["idle", "waiting", "running", "done", "cancelled", "failed"] = "idle"
    change: int = 0  # grows with every change of anything here
    started: float | None = None  # seconds since the epoch, of the latest run
    ended: float | None = None
    progress: Progress | None = None  # the latest step of the latest run
    report: dict[str, Any] | None = None  # what the latest finished run found
    error: str = ""  # why it failed, one sentence

    @property
    def active(self) -> bool:
        """Whether it runs or is about to."""
        return self.state in ("waiting", "running")


class Run:
    """One run of a job: to be told of progress, and asked whether to stop."""

    def __init__(self, job: Job, progress: ProgressSink | None, cancelled: Cancelled | None) -> None:
        self._job = job
        self._sink = progress
        self._cancelled = cancelled
        self.stopped = False
        self.report: Any = None  # a struct or mapping that the work found; set by whoever does it

    def progress(self, step: Progress) -> None:
        """Tell watchers, and whoever started the work."""
        self._job._change(progress=step)
        if self._sink:
            self._sink(step)

    def stop(self) -> bool:
        """Whether the work should end; once True, always True."""
        if not self.stopped:
            self.stopped = self._job._cancelled.is_set() or bool(self._cancelled and self._cancelled())
        return self.stopped


class Job:
    """Work that is done again and again, one run at a time. Safe from many threads."""

    def __init__(self, name: str) -> None:
        self._state = JobState(job=name)
        self._lock = threading.Condition()
        self._cancelled = threading.Event()

    @property
    def state(self) -> JobState:
        """What watchers may know; cheap and immutable."""
        return self._state

    def expect(self) -> bool:
        """Say that a run is about to begin; False if one runs or is expected already."""
        with self._lock:
            if self._state.active:
                return False
            self._cancelled.clear()
            self._set(state="waiting", started=None, ended=None, progress=None, error="")
            return True

    @contextmanager
    def run(self, progress: ProgressSink | None = None, cancelled: Cancelled | None = None) -> Iterator[Run]:
        """Watch over one run, which happens in the block and in this thread.

        Args:
            progress: also told of every step.
            cancelled: also asked whether to stop.
        """
        with self._lock:
            if self._state.state != "waiting":
                self._cancelled.clear()
            self._set(state="running", started=time.time(), ended=None, progress=None, error="")
        run = Run(self, progress, cancelled)
        try:
            yield run
        except BaseException as error:
            said = str(error) if isinstance(error, LorarecError) else f"{type(error).__name__}: {error}"
            self._change(state="cancelled" if run.stopped else "failed", ended=time.time(), error=said)
            raise
        state = "cancelled" if run.stopped else "done"
        self._change(state=state, ended=time.time(), report=_report(run.report))

    def start(self, work: Callable[[Run], object]) -> JobState:
        """Do work in a thread of its own, unless a run is going on already; how it stands now.

        Args:
            work: given the run; what it returns is the run's report.
        """
        if self.expect():

            def body() -> None:
                try:
                    with self.run() as run:
                        run.report = work(run)
                except LorarecError:
                    pass  # the state tells
                except Exception:  # a thread boundary: anything else would die unseen
                    _log.exception("%s failed", self._state.job)

            threading.Thread(target=body, name=f"lorarec-{self._state.job}", daemon=True).start()
        return self._state

    def cancel(self) -> JobState:
        """Ask the run to stop at the next step, if there is one; how it stands now."""
        if self._state.active:
            self._cancelled.set()
        return self._state

    def wait(self, timeout: float) -> bool:
        """Wait for the run to end, if there is one; False if it has not after so many seconds."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._state.active, timeout)

    def _change(self, **fields: Any) -> None:
        with self._lock:
            self._set(**fields)

    def _set(self, **fields: Any) -> None:
        self._state = replace(self._state, change=self._state.change + 1, **fields)
        self._lock.notify_all()


def _report(found: Any) -> dict[str, Any] | None:
    """A report as JSON-ready data, its list of problems cut to what a person reads."""
    if found is None:
        return None
    report: dict[str, Any] = msgspec.to_builtins(found)
    problems = report.get("problems")
    if isinstance(problems, (list, tuple)):
        report["problems"] = list(problems[:PROBLEMS])
        report["more_problems"] = max(0, len(problems) - PROBLEMS)
    return report
