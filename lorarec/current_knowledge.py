"""What is known of the user now: held beside the library in use, and replaced as a whole."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from . import knowledge, memories
from .history.store import History
from .history_types import Event, EventKind
from .knowledge import UserKnowledge
from .library import Library
from .memories import Memories
from .settings import Settings

MOST_REMOVED = 1000  # LoRAs put in and taken out, the latest: what is older says little, and each look reads them


class CurrentKnowledge:
    """The latest memories, and these with the wishes of now. Safe from many threads; reading never waits.

    ``_swapping`` is held from reading the history, or what was saved of it, until what was read is in place, so that
    what is newer stays, and what was deleted does not come back.
    """

    def __init__(self, history: History, settings: Settings, folder: Path) -> None:
        """Begin with nothing.

        Args:
            history: whose wishes are read.
            settings: `history` and `project` count here.
            folder: where memories of this user are saved.
        """
        self._history, self._settings, self._folder = history, settings, folder
        self._swapping = threading.Lock()
        self.now: tuple[str, UserKnowledge | None] = ("", None)  # key of a library, and what is known beside it
        self.memories: Memories | None = None  # the latest, beside whichever library
        self.told = ""  # version of the history that they tell, "" if they must be made anew
        self.learned = float("-inf")  # when they were put in place, by `time.monotonic`
        self.renewals = 0  # how often ``now`` was replaced

    def memories_beside(self, library: Library) -> Memories | None:
        """The memories if they were laid out beside this library."""
        kept = self.memories
        return kept if kept is not None and kept.library == library.key else None

    def restore(self, library: Library) -> UserKnowledge | None:
        """Take what an earlier process saved beside this very library, unless more is known, with the wishes of now."""
        with self._swapping:
            if self._settings.history and self.memories_beside(library) is None:
                saved = memories.load(self._folder)
                if saved is not None and (saved.library, saved.project) == (library.key, self._settings.project):
                    self.memories = saved
            return self._renew(library)

    def put(self, made: Memories | None, library: Library, told: str) -> None:
        """Put memories in place, which tell this version of the history, with the wishes of now."""
        with self._swapping:
            self.memories = made
            self._renew(library)
            self.told, self.learned = told, time.monotonic()

    def renew(self, library: Library) -> UserKnowledge | None:
        """Read the wishes anew: they count at once, before anything is learned."""
        with self._swapping:
            return self._renew(library)

    def forget(self) -> None:
        """Know nothing."""
        with self._swapping:
            self.memories, self.told, self.now = None, "", ("", None)

    def _renew(self, library: Library) -> UserKnowledge | None:
        """Put the memories and the wishes of now together; for who holds the lock."""
        history = self._history
        events: list[Event] = []
        if self._settings.history:
            events += history.events(kinds=(EventKind.DISMISS, EventKind.UNDISMISS))
            events += history.events(kinds=(EventKind.INSERT, EventKind.REMOVE), limit=MOST_REMOVED)
        beside = self.memories_beside(library)
        known = knowledge.gather(beside, library, history.opinions(), history.hidden(), events)
        self.now = (library.key, known)
        self.renewals += 1
        return known
