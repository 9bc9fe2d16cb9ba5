"""Which library is served now: replaced as a whole by a refresh, and waited for by those who cannot do without."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from msgspec import Struct

from .lookup import Lookup
from .pipeline import Pipeline

_STAGES = ("empty", "lexical", "full")


class Ready(Struct, frozen=True):
    """One library with all that reads need of it, so that rows and names always agree."""

    pipeline: Pipeline
    lookup: Lookup
    stage: str  # "lexical" | "full"

    @property
    def version(self) -> str:
        """Identifies its content. Same files, settings and encoders give the same version."""
        return f"{self.pipeline.library.key}-{self.stage}"


class CurrentLibrary:
    """The library that readers take. Safe from many threads; reading never waits.

    ``changed`` is held while another one is put in place, or refreshes begin and end, and notified of it.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.now: Ready | None = None
        self.changed = threading.Condition()

    @property
    def stage(self) -> str:
        """How far it is: "empty" (there is none), "lexical" (by words), "full" (by words and meaning)."""
        now = self.now
        return now.stage if now else "empty"

    @property
    def version(self) -> str:
        """Identifies its content, see `Ready`; "" when empty."""
        now = self.now
        return now.version if now else ""

    def put(self, ready: Ready) -> None:
        """Serve another one from now on."""
        with self.changed:
            self.now = ready
            self.changed.notify_all()

    def wait(self, stage: str, timeout: float, coming: Callable[[], bool]) -> bool:
        """Wait until a stage is reached, at most ``timeout`` seconds and as long as ``coming``; whether it is."""
        wanted = _STAGES.index(stage)
        deadline = time.monotonic() + timeout
        with self.changed:
            while _STAGES.index(self.stage) < wanted:
                left = deadline - time.monotonic()
                if left <= 0 or not coming():
                    break
                self.changed.wait(min(left, 0.2))
            return _STAGES.index(self.stage) >= wanted
