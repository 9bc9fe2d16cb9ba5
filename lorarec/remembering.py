"""The history of one user, and what suggestions learn from it: recorded, learned, asked, and forgotten together.

    recording ──► history ──learning──► memories ─┐
                     └────── wishes ──────────────┴──► current knowledge ──watching──► suggestions

`Recorder` writes the history, `Learner` makes memories of it, `CurrentKnowledge` holds what is known now, and `Watch`
says when to look and when to learn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import judging, memories
from .catalog.store import Catalog
from .current_knowledge import CurrentKnowledge
from .database import Database
from .encoding import TextVectors
from .history_types import Event
from .index.vector_store import text_hash
from .knowledge import UserKnowledge
from .learning import Learner
from .library import Library
from .memories import Memories
from .prompt.read import clean
from .recording import Recorder
from .settings import Settings
from .types import Cancelled, ProgressSink
from .watching import Watch

if TYPE_CHECKING:
    from .history.deleting import Deleted

Floats = NDArray[np.float32]


class Memory(Recorder):
    """The history of one user with what suggestions take from it. Safe from many threads."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        vectors: TextVectors,
        settings: Settings,
        roots: Sequence[str],
        folder: Path,
        user: str | None,
        busy: Callable[[], bool],
        learned: Callable[[], object] = lambda: None,
        *,
        keep_vectors: bool = False,
    ) -> None:
        """Open the history, see `Recorder`.

        Args:
            database: where it is kept.
            catalog: names and hashes of the LoRAs.
            vectors: of the prompts.
            settings: as for `Recorder`.
            roots: LoRA folders in order of precedence.
            folder: of the library, below which what is derived of the history may be saved.
            user: whose history; None: nobody's, nothing is recorded.
            busy: whether the host generates right now: reading files waits meanwhile.
            learned: called in the background after something was learned there.
            keep_vectors: whether vectors of prompts stay when these are deleted, for evaluation, which asks them again.

        Raises:
            StorageError: the history was written by a newer lorarec, or the database fails.
            UsageError: a pattern of `history_exclude` is none.
        """
        super().__init__(database, catalog, settings, roots, user, busy)
        self._vectors, self._keep_vectors = vectors, keep_vectors
        self.folder = memories.folder_of(folder, user)  # of what is derived of this history
        memories.sweep(self.folder)
        self._current = current = CurrentKnowledge(self.history, settings, self.folder)
        self._learner = Learner(self.history, self._linking, vectors, settings, current, self.folder)

        def learn(library: Library, stop: Cancelled) -> None:
            self._learner.learn(library, stop=stop)
            learned()

        self._watch = Watch(self.history, current, learn)

    def record_event(self, event: Event) -> int | None:
        """Remember what the user did, see `Recorder`. Wishes count at once."""
        number = super().record_event(event)
        self._watch.look_again()
        return number

    def knowledge(self, library: Library) -> UserKnowledge | None:
        """What is known of the user beside a library, see `Watch`; None if nothing is, or not yet."""
        return None if self.user is None else self._watch.knowledge(library)

    @property
    def memories(self) -> Memories | None:
        """What was learned last, beside whichever library; None if nothing was."""
        return self._current.memories

    def memories_beside(self, library: Library) -> Memories | None:
        """What was learned, if it was beside this library."""
        return self._current.memories_beside(library)

    @property
    def renewals(self) -> int:
        """How often what suggestions take from here was renewed."""
        return self._current.renewals

    def learn(self, library: Library, progress: ProgressSink | None = None, stop: Cancelled = lambda: False) -> None:
        """Bring what is known up to date with history and library, see `Learner`. Raises `StorageError`."""
        self._learner.learn(library, progress, stop)

    def vectors(self, texts: Sequence[str]) -> Floats | None:
        """Vectors of clean prompts that were encoded before, zeros where one was not; None without any."""
        return self._vectors.kept(self._vectors.encoders.model_ids().get("semantic", ""), texts)[0]

    def delete(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        lora: str | None = None,
        pattern: str | None = None,
        everything: bool = False,
    ) -> Deleted:
        """Delete from the history, see `History.delete`, and all that was derived of it.

        Raises:
            UsageError: nothing was said to be deleted, or the pattern is none.
        """

        def texts() -> set[str]:
            return {clean(one.prompt) for one in self.history.past() if one.prompt}

        with self._learner.at_rest():
            before = set() if self._keep_vectors else texts()

            def forget() -> None:
                self._current.forget()  # Windows deletes no file that is mapped
                for folder in memories.folders_like(self.folder):
                    memories.forget(folder)
                    judging.forget(folder)
                if not self._keep_vectors:
                    self._vectors.store.remove([text_hash(text) for text in before - texts()])

            deleted = self.history.delete(
                since=since,
                until=until,
                lora=lora,
                pattern=pattern,
                everything=everything,
                before_wiping=forget,
            )
            self._current.forget()  # what a reader mapped back meanwhile
        return deleted

    def close(self) -> None:
        """Learn no more in the background, and wait for what is being learned there."""
        self._watch.close()
