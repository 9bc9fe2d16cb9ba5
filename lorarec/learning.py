"""The job that brings what is known of a user up to date: history -> memories, by words first, then by meaning.

It runs in whatever thread asks for it: of a refresh, of the command line, or of `watching` in the background.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from . import memories as memories_module
from .current_knowledge import CurrentKnowledge
from .encoding import TextVectors
from .errors import BadFile, MissingPart, NotReady
from .history.reading import counted_elsewhere
from .history.store import History
from .history_types import PastGeneration
from .library import Library
from .linking import Linking
from .memories import Memories
from .settings import Settings
from .types import Cancelled, ProgressSink

_log = logging.getLogger(__name__)


class _Told(Struct, frozen=True):
    """What the history tells."""

    version: str  # of the history
    past: list[PastGeneration]  # oldest first
    counted: dict[str, int]  # catalogue id -> uses that other tools counted


class Learner:
    """Makes memories of one user's history and puts them in place. Safe from many threads; one learns at a time.

    ``_learning`` is held while memories are made, put in place and saved, and by `at_rest`, so that nothing is made of
    a history that is being deleted; ``_hurry`` is set while somebody waits for it: what can be done later is left.
    """

    def __init__(
        self,
        history: History,
        linking: Linking,
        vectors: TextVectors,
        settings: Settings,
        current: CurrentKnowledge,
        folder: Path,
    ) -> None:
        """Wire it.

        Args:
            history: what is learned from.
            linking: which LoRAs it means.
            vectors: of the prompts.
            settings: `history` and `project` count here.
            current: where the memories are put.
            folder: where they are saved.
        """
        self._history, self._linking, self._settings = history, linking, settings
        self._vectors, self._encoders = vectors, vectors.encoders
        self._current, self._folder = current, folder
        self._learning = threading.Lock()
        self._hurry = threading.Event()

    def learn(self, library: Library, progress: ProgressSink | None = None, stop: Cancelled = lambda: False) -> None:
        """Make memories of the history beside a library, unless those in place tell all of it already.

        Raises:
            StorageError: the database fails.
        """
        current = self._current
        with self._learning:
            version = self._history.version()
            if not version:  # nothing was ever recorded
                current.put(None, library, version)
                return
            if current.memories is None:
                current.restore(library)
            kept, encoder = current.memories, self._encoder_of(library)
            state = (version, library.key, encoder, self._settings.project)
            if kept is not None and (kept.version, kept.library, kept.encoder, kept.project) == state:
                current.put(kept, library, version)
                return
            told = self._read()
            if not told.past and not told.counted:
                current.put(None, library, told.version)
                return
            prompts = memories_module.read_prompts(told.past, kept)

            def lay_out(known: Memories | None) -> tuple[Memories, int]:
                """Memories with the vectors that are there, put in place; and how many are missing."""
                vectors, missing = self._vectors.kept(encoder, prompts.texts)
                made = memories_module.build(
                    told.past,
                    prompts,
                    library,
                    self._linking.rows(library),
                    vectors,
                    version=told.version,
                    project=self._settings.project,
                    counted=told.counted,
                    known=known,
                )
                current.put(made, library, told.version)
                return made, missing

            made, missing = lay_out(kept)
            if missing:
                try:
                    complete = self._encode(prompts.texts, encoder, progress, stop)
                except (MissingPart, BadFile) as error:  # the words stay
                    self._encoders.give_up(str(error))
                    return
                if not complete:  # some meaning is missing: the next time goes on from here
                    current.put(replace(made, version=""), library, "")
                    return
                made, _ = lay_out(made)
            if self._history.version() == told.version:  # what was deleted while it was encoded is not written down
                self._save(made)

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        """Let nothing be learned meanwhile. Waits for what is being learned, which is cut short."""
        self._hurry.set()
        with self._learning:
            self._hurry.clear()
            yield

    def _encoder_of(self, library: Library) -> str:
        """The encoder that prompts are compared by: the library's, "" if that is by words only."""
        meant = library.vectors is not None and bool(self._encoders.model_ids())
        return library.models.get("semantic", "") if meant else ""

    def _read(self) -> _Told:
        """Read the history, linked to what is installed now."""
        history = self._history
        if self._linking.possible:
            history.relink(self._linking.links)
        version = history.version()
        past = history.past() if self._settings.history else []
        counted = counted_elsewhere(history.usage()) if self._settings.history else {}
        return _Told(version, past, counted)

    def _encode(self, texts: Sequence[str], encoder: str, progress: ProgressSink | None, stop: Cancelled) -> bool:
        """Encode the texts that have no vector yet; False if that was stopped, or cannot be done at the moment."""

        def halted() -> bool:
            return stop() or self._hurry.is_set()

        try:
            self._vectors.encode(encoder, texts, progress, halted)
        except NotReady as error:
            _log.warning("learned by words for the moment: %s", error)
            return False
        return not halted()

    def _save(self, made: Memories) -> None:
        """Save memories for the next process."""
        try:
            memories_module.save(made, self._folder)
        except OSError as error:  # a full or read-only disk: go on in memory
            _log.warning("what was learned could not be saved in %s: %s", self._folder, error)
