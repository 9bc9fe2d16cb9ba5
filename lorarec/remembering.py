"""What suggestions learn from the user's past: laid out beside the library in the background, and forgotten with it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from . import judging
from . import knowledge as knowledge_module
from . import memories as memories_module
from .catalog.store import Catalog
from .database import Database
from .encode.lender import Lender
from .errors import BadFile, MissingPart, NotReady
from .history.reading import counted_elsewhere
from .index.vector_store import VectorStore, text_hash
from .judging import Judged
from .knowledge import UserKnowledge
from .library import Library
from .memories import Memories
from .pipeline import Pipeline
from .prompt.read import clean
from .recording import Recorder
from .replay import Encode
from .settings import Settings
from .types import Cancelled, Event, EventKind, ProgressSink

if TYPE_CHECKING:
    from .history.deleting import Deleted

_log = logging.getLogger(__name__)

Floats = NDArray[np.float32]
LOOK_EVERY = 10.0  # seconds between looks for what other processes recorded
LEARN_EVERY = 20.0  # seconds between two times of learning from what was recorded
MOST_REMOVED = 1000  # LoRAs put in and taken out, the latest: what is older says little, and each look reads them


class Memory(Recorder):
    """The history of one user with what suggestions take from it. Safe from many threads."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        store: VectorStore,
        encoders: Lender,
        settings: Settings,
        roots: Sequence[str],
        folder: Path,
        user: str | None,
        busy: Callable[[], bool],
        learned: Callable[[], object] = lambda: None,
    ) -> None:
        """Open the history, see `Recorder`.

        Args:
            database: where it is kept.
            catalog: names and hashes of the LoRAs.
            store: vectors of the prompts.
            encoders: which encoder reads them.
            settings: as for `Recorder`.
            roots: LoRA folders in order of precedence.
            folder: where what is derived of it may be saved.
            user: whose history; None: nobody's, nothing is recorded.
            busy: whether the host generates right now: encoding waits meanwhile, and so does reading files.
            learned: called in the background after something was learned there.

        Raises:
            StorageError: the history was written by a newer lorarec, or the database fails.
            UsageError: a pattern of `history_exclude` is none.
        """
        super().__init__(database, catalog, settings, roots, user, busy)
        self._store, self._encoders, self._after = store, encoders, learned
        # One folder for each user: nobody may see what was derived of another's history.
        self._folder = folder / "own" / memories_module.digest(user or "")
        memories_module.sweep(self._folder)
        self._now: tuple[str, UserKnowledge | None] = ("", None)  # key of the library, and what is known beside it
        self._memories: Memories | None = None
        self._swapping = threading.Lock()  # held while these two change, so that what is newer stays
        self._learning = threading.Lock()
        self._hurry = threading.Event()  # somebody waits for `_learning`: what can be done later shall wait
        self._closed = threading.Event()
        self._worker: threading.Thread | None = None
        self._seen = ""  # version of the history that was learned last
        self._looked = self._learned = float("-inf")
        self._placed: tuple[tuple[int, str], dict[str, int]] | None = None
        self.renewals = 0  # how often what suggestions take from here was renewed

    def record_event(self, event: Event) -> int | None:
        """Remember what the user did, see `Recorder`. Wishes count at once."""
        number = super().record_event(event)
        self._looked = float("-inf")
        return number

    def own(self, library: Library) -> UserKnowledge | None:
        """What is known beside a library; None if nothing is, or not yet.

        Looks every `LOOK_EVERY` seconds whether more was recorded, by this process or another, and then learns from it
        in the background; the answer never waits for that.
        """
        if self.user is None:
            return None
        key, own = self._now
        if key == library.key and time.monotonic() - self._looked < LOOK_EVERY:
            return own
        self._looked = time.monotonic()
        if key != library.key:
            own = self._attach(library)
        elif self.history.version() == self._seen:
            return own
        else:  # wishes count at once
            with self._swapping:
                own = self._swap(library)
        if time.monotonic() - self._learned > LEARN_EVERY:
            self._learn_soon(library)
        return own

    def learn(self, library: Library, progress: ProgressSink | None = None, stop: Cancelled = lambda: False) -> None:
        """Bring what is known up to date with history and library: by words first, then by meaning.

        Raises:
            StorageError: the database fails.
        """

        def halted() -> bool:
            return stop() or self._hurry.is_set() or self._closed.is_set()

        with self._learning:
            version = self.history.version()
            if not version:  # nothing was ever recorded
                self._show(None, library, version)
                return
            if self._memories is None:
                self._attach(library)
            meant = library.vectors is not None and bool(self._encoders.model_ids())
            encoder = library.models.get("semantic", "") if meant else ""
            state = (version, library.key, encoder, self._settings.project)
            kept = self._memories
            if kept is not None and (kept.version, kept.library, kept.encoder, kept.project) == state:
                self._show(kept, library, version)
                return
            if self._catalog.count():
                self.history.relink(self.links)
                version = self.history.version()
            past = self.history.past() if self._settings.history else []
            counted = counted_elsewhere(self.history.usage()) if self._settings.history else {}
            if not past and not counted:
                self._show(None, library, version)
                return
            told = memories_module.read_prompts(past, kept)
            vectors, missing = self._vectors(told.texts, encoder)
            project, place = self._settings.project, self._place(library)

            def laid(matrix: Floats | None, known: Memories | None) -> Memories:
                return memories_module.build(
                    past, told, library, place, matrix, version=version, project=project, counted=counted, known=known
                )

            memories = laid(vectors, kept)
            self._show(memories, library, version)
            if missing:
                try:
                    with self._encoders.lend_bulk(encoder, missing) as reader:
                        paused = self._encoders.waiting(self._busy)
                        self._store.encode_missing(
                            told.texts, reader, progress=progress, cancelled=halted, paused=paused
                        )
                except NotReady as error:  # by words meanwhile; the next time goes on from here
                    _log.warning("learned by words for the moment: %s", error)
                    self._show(replace(memories, version=""), library, "")
                    return
                except (MissingPart, BadFile) as error:
                    self._encoders.give_up(str(error))
                    return
                if halted():  # some meaning is missing: the next time goes on from here
                    self._show(replace(memories, version=""), library, "")
                    return
                memories = laid(self._vectors(told.texts, encoder)[0], memories)
                self._show(memories, library, version)
            if self.history.version() != version:  # encoding takes long: what was deleted meanwhile is not written down
                return
            try:
                memories_module.save(memories, self._folder)
            except OSError as error:  # a full or read-only disk: go on in memory
                _log.warning("what was learned could not be saved in %s: %s", self._folder, error)

    def vectors(self, texts: Sequence[str]) -> Floats | None:
        """Vectors of clean prompts that were encoded before, zeros where one was not; None without any."""
        return self._vectors(texts, self._encoders.model_ids().get("semantic", ""))[0]

    def judged(self) -> Judged | None:
        """The verdict on the user's own weights; None if there is none yet."""
        return judging.load(self._folder) if self._settings.history else None

    def judge(self, library: Library, pipeline: Pipeline, encode: Encode, stop: Cancelled = lambda: False) -> Judged:
        """Fit and judge the user's own weights anew, see `judging`; the verdict is kept."""
        found = judging.judge_history(self.history, self._beside(library), library, pipeline, encode, stop)
        if not stop():
            try:
                judging.save(found, self._folder)
            except OSError as error:
                _log.warning("the verdict could not be saved in %s: %s", self._folder, error)
        return found

    def judgement_due(self) -> bool:
        """Whether enough is new to judge again."""
        return judging.due(self.judged(), self._memories)

    def delete(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        lora: str | None = None,
        pattern: str | None = None,
        everything: bool = False,
        vectors: bool = True,
    ) -> Deleted:
        """Delete from the history, see `History.delete`, and all that was derived of it.

        ``vectors`` False keeps those of the prompts, for a benchmark that asks again.

        Raises:
            UsageError: nothing was said to be deleted, or the pattern is none.
        """

        def texts() -> set[str]:
            return {clean(one.prompt) for one in self.history.past() if one.prompt}

        self._hurry.set()
        with self._learning:
            self._hurry.clear()
            before = texts() if vectors else set()

            def forget() -> None:
                self._drop()  # Windows deletes no file that is mapped
                # Hosts with other LoRA folders keep theirs beside it in this data folder.
                for folder in {self._folder, *self._folder.parents[2].glob(f"*/own/{self._folder.name}")}:
                    memories_module.forget(folder)
                    judging.forget(folder)
                if vectors:
                    self._store.remove([text_hash(text) for text in before - texts()])

            deleted = self.history.delete(
                since=since,
                until=until,
                lora=lora,
                pattern=pattern,
                everything=everything,
                before_wiping=forget,
            )
            self._drop()  # what a reader mapped back meanwhile
        return deleted

    def close(self) -> None:
        """Stop learning, and wait for a background thread to end."""
        self._closed.set()
        worker = self._worker
        if worker is not None and worker is not threading.current_thread():
            worker.join(timeout=10)

    def _learn_soon(self, library: Library) -> None:
        """Learn in the background unless that is being done."""

        def work() -> None:
            try:
                self.learn(library)
                self._after()
            except Exception:  # a thread boundary: anything else would die unseen
                _log.exception("learning from the history failed")

        with self._swapping:
            if self._closed.is_set() or (self._worker is not None and self._worker.is_alive()):
                return
            self._learned = time.monotonic()
            self._worker = threading.Thread(target=work, name="lorarec-learn", daemon=True)
            self._worker.start()

    def _attach(self, library: Library) -> UserKnowledge | None:
        """Take what an earlier process saved, if it was laid out beside this very library."""
        saved = memories_module.load(self._folder) if self._settings.history else None
        with self._swapping:
            if saved is not None and (saved.library, saved.project) == (library.key, self._settings.project):
                self._memories = saved
            return self._swap(library)

    def _show(self, memories: Memories | None, library: Library, version: str) -> None:
        """Swap memories in; ``version`` is that of the history that they tell."""
        with self._swapping:
            self._memories = memories
            self._swap(library)
            self._seen, self._learned = version, time.monotonic()

    def _swap(self, library: Library) -> UserKnowledge | None:
        """Put the memories and the wishes of now in place."""
        history = self.history
        events: list[Event] = []
        if self._settings.history:
            events += history.events(kinds=(EventKind.DISMISS, EventKind.UNDISMISS))
            events += history.events(kinds=(EventKind.INSERT, EventKind.REMOVE), limit=MOST_REMOVED)
        own = knowledge_module.gather(self._beside(library), library, history.opinions(), history.hidden(), events)
        self._now = (library.key, own)
        self.renewals += 1
        return own

    def _drop(self) -> None:
        """Know nothing."""
        with self._swapping:
            self._memories, self._seen, self._now = None, "", ("", None)

    def _beside(self, library: Library) -> Memories | None:
        """The memories if they were laid out beside this library."""
        return self._memories if self._memories is not None and self._memories.library == library.key else None

    def _vectors(self, texts: Sequence[str], encoder: str) -> tuple[Floats | None, int]:
        """Stored vectors of texts, None if there are none at all, and how many are missing."""
        if not encoder or not texts:
            return None, 0
        vectors, there = self._store.fetch([text_hash(text) for text in texts], encoder)
        return (vectors if vectors.shape[1] else None), int((~there).sum())

    def _place(self, library: Library) -> dict[str, int]:
        """Catalogue id -> library row; also of the same file in a folder that another host uses."""
        state = (self._catalog.version(), library.key)
        if self._placed is None or self._placed[0] != state:
            place = library.loras.place
            if set(self._catalog.roots()) - self._roots.keys():
                place = dict(place)
                content = {content: row for row, content in enumerate(library.loras.fingerprints) if content}
                for lora in self._catalog.loras(include_missing=True):
                    if lora.fingerprint in content:
                        place.setdefault(lora.id, content[lora.fingerprint])
            self._placed = (state, place)
        return self._placed[1]
