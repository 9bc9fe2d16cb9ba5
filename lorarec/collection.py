"""The LoRAs below some roots: scanned, indexed, served and looked up, whoever asks.

Reads work on an immutable `Ready`; a refresh builds the next one in whatever thread calls it and swaps it in, so
readers go on with the old one meanwhile. A ready index of an earlier process is used at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .catalog.scan import scan
from .catalog.store import Catalog
from .current_library import CurrentLibrary, Ready
from .errors import NotIndexed, UsageError
from .indexing import Indexed, Indexer
from .jobs import Job
from .library import Library
from .lookup import Lookup
from .ranking import Ranking
from .records import Records
from .refreshing import Refresher
from .settings import Settings
from .types import Cancelled, Lora, LoraDetails, ProgressSink, ScanReport

if TYPE_CHECKING:
    Learn = Callable[[Library, ProgressSink | None, Cancelled], object]

_NONE = Records.of(())


class Collection:
    """Keeps what it knows of some LoRAs up to date, and finds them. All methods may be called from any thread."""

    def __init__(
        self,
        roots: Sequence[Path],
        settings: Settings,
        catalog: Catalog,
        indexer: Indexer,
        ranking: Ranking,
        busy: Callable[[], bool],
        learn: Learn,
    ) -> None:
        """Serve the index that an earlier process left, if there is one.

        Args:
            roots: LoRA folders in order of precedence.
            settings: `include` and `exclude` count here.
            catalog: what scans found.
            indexer: makes libraries of it.
            ranking: is put over each of them.
            busy: whether the host generates right now: reading files waits meanwhile.
            learn: called at the end of each refresh, to learn beside the library it made.
        """
        self.roots, self.settings = tuple(roots), settings
        self.indexing = Job("index")  # every refresh, for those who watch or stop it
        self._catalog, self._indexer, self._ranking = catalog, indexer, ranking
        self._busy, self._learn = busy, learn
        self._library = CurrentLibrary()
        self._refreshing = threading.Lock()
        self._closed = threading.Event()
        self._refresher = Refresher(self.refresh, self.indexing, self._library.changed)
        ready = indexer.restore()
        if ready:
            self._show(ready)

    def close(self) -> None:
        """Begin no refresh any more, and end the one that runs."""
        self._closed.set()
        self._refresher.close(timeout=30)

    # -- state ------------------------------------------------------------------------------------------------------

    @property
    def stage(self) -> str:
        """Whether suggestions can be made: "empty" (no), "lexical" (by words), "full" (by words and meaning)."""
        return self._library.stage

    @property
    def version(self) -> str:
        """Identifies the index content; "" when empty. Same files, settings and encoders give the same version."""
        return self._library.version

    @property
    def failure(self) -> str:
        """Why the last background refresh failed; "" if it did not."""
        return self._refresher.failure

    # -- looking up -------------------------------------------------------------------------------------------------

    def loras(self) -> Records:
        """All LoRAs that can be suggested, without their long texts (see `details`)."""
        now = self._library.now
        return now.pipeline.library.loras if now else _NONE

    def find(self, name: str, fingerprint: str = "") -> Lora:
        """A LoRA by id, root-relative path (either separator, extension optional), fingerprint, unique name or title.

        Raises:
            UnknownLora: nothing, or more than one LoRA, goes by that name; the text says which.
            NotIndexed: there is no index yet.
        """
        return self._ready().lookup.find(name, fingerprint)

    def ids(self, name: str) -> tuple[str, ...]:
        """Ids of the LoRAs that a name may mean, as `find` takes it; of several none is. Raises `NotIndexed`."""
        now = self._ready()
        return tuple(now.pipeline.library.loras.ids[row] for row in now.lookup.rows(name))

    def shares_stem(self, id_: str) -> bool:
        """Whether another LoRA has the same file name, which is all that tags in prompts name it by."""
        now = self._library.now
        return now is not None and now.lookup.shares_stem(id_)

    def details(self, name: str) -> LoraDetails:
        """A LoRA with every field and what each source says about it. Raises `UnknownLora`, `NotIndexed`."""
        return self._catalog.details(self.find(name).id)

    # -- keeping up to date -----------------------------------------------------------------------------------------

    def refresh(self, progress: ProgressSink | None = None, cancelled: Cancelled | None = None) -> ScanReport:
        """Scan the roots, index by words, then by meaning, and learn. Blocks; suggestions stay available meanwhile.

        Args:
            progress: told of stages "scan", "lexical" and "encode".
            cancelled: asked often; what was done before it said True stays.

        Raises:
            UsageError: no LoRA folder is known.
            StorageError: the data folder fails.
        """
        with self._refreshing, self.indexing.run(progress, self._stop(cancelled)) as run:
            if not self.roots:
                raise UsageError(
                    "no LoRA folder is known; name one with --loras DIR or the environment variable LORAREC_LORAS"
                )
            report = scan(
                self._catalog,
                self.roots,
                include=self.settings.include,
                exclude=self.settings.exclude,
                progress=run.progress,
                cancelled=run.stop,
                paused=self._busy,
            )
            run.report = report
            if not report.cancelled:
                now = self._library.now
                served = Indexed(now.pipeline.library, now.stage) if now else None
                for indexed in self._indexer.update(served, run.progress, run.stop):
                    self._show(indexed)
                now = self._library.now
                if now is not None and not run.stop():
                    self._learn(now.pipeline.library, run.progress, run.stop)
            return report

    def start_refresh(self) -> None:
        """Refresh in the background; while one runs, at most one more is queued."""
        self._refresher.start()

    def wait(self, stage: str = "lexical", timeout: float = 10.0) -> bool:
        """Wait until suggestions of a stage can be made, at most ``timeout`` seconds; False if that did not come.

        Returns early when a background refresh has ended without reaching the stage.
        """
        return self._library.wait(stage, timeout, lambda: self._refresher.working or self._refreshing.locked())

    def _show(self, indexed: Indexed) -> None:
        """Swap a library in."""
        pipeline = self._ranking.over(indexed.library, self._indexer.beside(indexed.library))
        self._library.put(Ready(pipeline, Lookup(indexed.library.loras), indexed.stage))

    def _stop(self, cancelled: Cancelled | None) -> Cancelled:
        """Whether work shall end: because somebody said so, or because this is closed."""
        return lambda: self._closed.is_set() or bool(cancelled and cancelled())

    def _ready(self) -> Ready:
        """What is served. Raises `NotIndexed`."""
        now = self._library.now
        if now is None:
            if self.failure:
                raise NotIndexed(f"there is no index: {self.failure}")
            raise NotIndexed(
                "your LoRAs are not indexed yet; run `lorarec index --loras DIR` or wait for the index to be ready"
            )
        return now
