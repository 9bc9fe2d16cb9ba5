"""The one place that wires the parts: scan, index, recommend, look up.

Reads work on an immutable `Ready`; a refresh builds the next one in whatever thread calls it and swaps it in, so
suggestions go on from the old one meanwhile. A ready index of an earlier process is used at once.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import settings as settings_module
from .answering import Answering
from .asking import encode
from .catalog.scan import scan
from .catalog.store import Catalog
from .current_library import CurrentLibrary, Ready
from .database import open_database
from .encode.bulk import may_use
from .encode.lender import Lender
from .encode.loans import Head, Resident
from .errors import NotIndexed, NotReady, UsageError
from .host import Host, PlainHost
from .index.retrieve import QueryVectors
from .index.vector_store import VectorStore
from .indexing import Indexed, Indexer
from .jobs import Job
from .judging import Judge
from .knowledge import UserKnowledge
from .library import Library
from .lookup import Lookup
from .pipeline import Pipeline
from .prompt.read import ReadPrompt
from .rank import blend as blend_module
from .rank import personal as personal_module
from .rank import strength as strength_module
from .rank.personal import Personal
from .records import Records
from .refreshing import Refresher
from .remembering import Memory
from .settings import Settings
from .tidying import Tidying
from .timings import Lap, no_lap
from .types import (
    Cancelled,
    Lora,
    LoraDetails,
    ProgressSink,
    Query,
    ScanReport,
    Scorer,
    SignalTable,
    Strength,
    Suggestions,
)

if TYPE_CHECKING:
    from .history.statements import Profile
    from .judging import Judged

Floats = NDArray[np.float32]
_NONE = Records.of(())


class Recommender:
    """Recommends the LoRAs below some roots. All methods may be called from any thread."""

    def __init__(
        self,
        roots: Sequence[Path],
        data_dir: Path,
        host: Host,
        settings: Settings,
        scorer: Scorer | None,
        user: str | None,
        keep_vectors: bool,
    ) -> None:
        """Open the data folder; use `open` instead."""
        self.roots = tuple(dict.fromkeys(Path(os.path.abspath(root)) for root in roots))  # noqa: PTH100 (links keep their names)
        self.data_dir = data_dir
        self.settings = settings
        self._host = host
        self._scorer = scorer
        self._database = open_database(data_dir)
        self._catalog = Catalog(self._database)
        self._encoders = Lender(settings, data_dir, host.graphics())
        self._blend = blend_module.Blend.of(blend_module.shipped())
        self._personal = Personal(self._blend, personal_module.shipped())
        self._curve = strength_module.shipped()
        self._library = CurrentLibrary()
        self._refreshing = threading.Lock()
        self._closed = threading.Event()
        self._notice = ""  # of the settings file
        self.indexing = Job("index")  # every refresh, for those who watch or stop it
        self._refresher = Refresher(self.refresh, self.indexing, self._library.changed)
        store = VectorStore(self._database)
        tidying = None if keep_vectors else Tidying(self._catalog, store, self._prompts)
        self._indexer = Indexer(self.roots, data_dir, self._catalog, store, self._encoders, host.busy, tidying)
        self.memory = Memory(
            self._database,
            self._catalog,
            store,
            self._encoders,
            settings,
            [str(root) for root in self.roots],
            self._indexer.folder,
            user,
            host.busy,
            self._judge_if_due,
            keep_vectors=keep_vectors,
        )
        self._judge = Judge(self.memory, settings, self._encoders, self._personal)
        self._answering = Answering(settings, self._encoders, self._knowledge, self._state_of, self.start_refresh)
        ready = self._indexer.restore()
        if ready:
            self._show(ready)

    @classmethod
    def open(
        cls,
        roots: Sequence[Path | str] = (),
        data_dir: Path | str | None = None,
        *,
        host: Host | None = None,
        settings: Settings | None = None,
        scorer: Scorer | None = None,
        user: str | None = "local",
        keep_vectors: bool = False,
    ) -> Recommender:
        """Open a recommender.

        Args:
            roots: LoRA folders in order of precedence; none: the settings', else the host's.
            data_dir: where lorarec keeps its index; None: the host's.
            host: the program it lives in; None: a plain process.
            settings: None: those stored in the data folder.
            scorer: ranks instead of the shipped models, for evaluation.
            user: whose history counts; None: nobody's, and nothing is recorded.
            keep_vectors: whether vectors stay that neither a LoRA nor the history needs any more, for evaluation and
                training, which ask the same prompts again.

        Raises:
            StorageError: the data folder cannot be used.
        """
        host = host or PlainHost(roots, data_dir)
        folder = Path(data_dir) if data_dir else host.data_dir()
        notice = ""
        if settings is None:
            found = settings_module.read(folder)
            settings, notice = found.settings, found.problem
        chosen = [Path(root) for root in roots] or list(host.lora_roots()) or [Path(root) for root in settings.loras]
        recommender = cls(chosen, folder, host, settings, scorer, user, keep_vectors)
        recommender._notice = notice
        return recommender

    def close(self) -> None:
        """Stop background work and release files and encoders."""
        self._closed.set()
        self._answering.close()
        self._refresher.close(timeout=30)
        self.memory.close()
        self._encoders.close()
        self._database.close()

    def __enter__(self) -> Recommender:
        """Use it in a ``with`` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

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

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences for the user: what is missing or was set aside, with the remedy."""
        found = [
            *(*self.set_aside, *self._encoders.problems),
            *(self._encoders.stepped_down, self._approximate(), self.failure),
        ]
        return tuple(dict.fromkeys(text for text in found if text))

    @property
    def set_aside(self) -> tuple[str, ...]:
        """Those of the notices that speak of damaged files, which concern whoever looks at the history as well."""
        return tuple(text for text in (self._notice, self._database.warning) if text)

    def _approximate(self) -> str:
        now = self._library.now
        recall = now.pipeline.search_recall if now else 1.0
        return f"so many LoRAs are searched approximately: {recall:.2%} of the nearest are found" if recall < 1 else ""

    @property
    def encoder_ids(self) -> dict[str, str]:
        """Lens -> identity of its encoder; empty when recommending by words alone."""
        return self._encoders.model_ids()

    @property
    def residents(self) -> tuple[Resident, ...]:
        """Every model and what it holds: in main memory, and of bulk work on the graphics device."""
        return self._encoders.residents()

    def register(self, head: Head) -> None:
        """Make a further model known to the lender of encoders: one budget, one table, one way to unload."""
        self._encoders.register(head)

    def unload_encoders(self, name: str = "", timeout: float = 10.0) -> int:
        """Unload a model or all now; one that is in use goes when that ends, for which this waits. Bytes freed."""
        return self._encoders.unload(name, timeout)

    def prepare_encoders(self) -> None:
        """Make what the encoders lack, however long it takes, where an answer by words would be no use."""
        self._encoders.prepare()

    def make_way(self, timeout: float = 2.0) -> None:
        """The host is about to generate: nothing of ours stays in graphics memory. Waits for a batch in flight."""
        self._encoders.make_way(timeout)

    @property
    def state(self) -> Hashable:
        """All that an answer depends on beside the question: as long as it stays equal, so do answers."""
        return self._state_of(self._library.now)

    def _state_of(self, now: Ready | None) -> Hashable:
        """The same of answers from one library, whichever is served by then."""
        if now is not None:
            self.memory.knowledge(now.pipeline.library)  # looks whether something new was recorded
        memory, encoders = self.memory, self._encoders
        return (
            *(now.version if now else "", self.settings, encoders.available, encoders.changes),
            *(memory.user, memory.renewals, self._judge.adoptions),
        )

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

    def shares_stem(self, id_: str) -> bool:
        """Whether another LoRA has the same file name, which is all that tags in prompts name it by."""
        now = self._library.now
        return now is not None and now.lookup.shares_stem(id_)

    def details(self, name: str) -> LoraDetails:
        """A LoRA with every field and what each source says about it. Raises `UnknownLora`."""
        return self._catalog.details(self.find(name).id)

    # -- indexing ---------------------------------------------------------------------------------------------------

    def refresh(self, progress: ProgressSink | None = None, cancelled: Cancelled | None = None) -> ScanReport:
        """Scan the roots, index by words, then by meaning. Blocks; suggestions stay available meanwhile.

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
                paused=self._host.busy,
            )
            run.report = report
            if not report.cancelled:
                now = self._library.now
                served = Indexed(now.pipeline.library, now.stage) if now else None
                for indexed in self._indexer.update(served, run.progress, run.stop):
                    self._show(indexed)
                now = self._library.now
                if now is not None and not run.stop():
                    self.memory.learn(now.pipeline.library, run.progress, run.stop)
            return report

    def learn(self, progress: ProgressSink | None = None, cancelled: Cancelled | None = None) -> None:
        """Take what was recorded into account now; `refresh` and, in the background, `recommend` do it by themselves.

        Raises:
            NotIndexed: there is no index yet.
            StorageError: the data folder fails.
        """
        library = self._ready().pipeline.library
        self.memory.learn(library, progress, self._stop(cancelled))

    def judge(self, cancelled: Cancelled | None = None) -> Judged:
        """Try whether weights of the user's own rank their later images better, and use them if so.

        Replays up to a few hundred moments of the history; in a long-lived process this happens by itself.

        Raises:
            NotIndexed: there is no index yet.
            StorageError: the data folder fails.
        """
        return self._judge.judge(self._ready().pipeline, self._stop(cancelled))

    def _judge_if_due(self) -> None:
        """In the background, after learning: judge anew when there is enough that is new and the host is idle."""
        self._judge.adopt()
        if self._library.now is not None and not self._host.busy() and self._judge.due():
            with contextlib.suppress(NotReady):  # memory is short: another time
                self.judge(self._host.busy)

    def start_refresh(self) -> None:
        """Refresh in the background; while one runs, at most one more is queued."""
        self._refresher.start()

    def wait(self, stage: str = "lexical", timeout: float = 10.0) -> bool:
        """Wait until suggestions of a stage can be made, at most ``timeout`` seconds; False if that did not come.

        Returns early when a background refresh has ended without reaching the stage.
        """
        return self._library.wait(stage, timeout, lambda: self._refresher.working or self._refreshing.locked())

    def fetch(self, lens: str, texts: Sequence[str]) -> tuple[Floats, NDArray[np.bool_]]:
        """Vectors of texts by the encoder of a lens, and which were found; for training."""
        return self._indexer.fetch(lens, texts)

    def embed(self, texts: Sequence[str], progress: ProgressSink | None = None) -> Floats:
        """Vectors of texts by the semantic encoder, shape (n, d), zeros for empty texts; kept for the next time.

        Raises:
            MissingPart: no encoder can be run.
            BadFile: a model is damaged.
        """
        return self._indexer.embed("semantic", texts, progress)

    def _stop(self, cancelled: Cancelled | None) -> Cancelled:
        """Whether work shall end: because somebody said so, or because this is closed."""
        return lambda: self._closed.is_set() or bool(cancelled and cancelled())

    def _knowledge(self, library: Library) -> UserKnowledge | None:
        return self.memory.knowledge(library)

    def _prompts(self) -> list[str]:
        return self.memory.history.prompts_of_all()

    def _show(self, indexed: Indexed) -> None:
        """Swap a library in."""
        pipeline = self.pipeline_of(indexed.library, self._indexer.beside(indexed.library))
        self._library.put(Ready(pipeline, Lookup(indexed.library.loras), indexed.stage))

    # -- recommending -----------------------------------------------------------------------------------------------

    def recommend(self, query: Query, top: int | None = None, lap: Lap = no_lap) -> Suggestions:
        """Suggest LoRAs for a prompt.

        Args:
            query: the prompt and everything else known; an empty prompt yields an abstaining answer by popularity.
            top: how many, 1 to 1000; None: the setting.
            lap: told of each part of the answer as it ends; parts then wait for each other.

        Raises:
            NotIndexed: there is no index yet.
            UsageError: ``top`` or a dial of the query is out of bounds.
        """
        return self._answering.recommend(self._ready(), query, top, lap)

    def similar(self, name: str, top: int | None = None) -> Suggestions:
        """Suggest LoRAs like one of the user's own. Raises `UnknownLora`, `NotIndexed`, `UsageError`."""
        started = time.perf_counter()
        now = self._ready()
        lora = self._catalog.details(now.lookup.find(name).id).lora
        return self._answering.similar(now, lora, top, started)

    def table(self, query: Query) -> SignalTable:
        """All candidates for a query with every signal, for evaluation and training; rows are places in `loras`."""
        now = self._ready()
        return now.pipeline.table(self._answering.ask(now, query))[1]

    def strength(self, name: str, query: Query) -> Strength:
        """The suggested strength of one LoRA beside the query's active ones. Raises `UnknownLora`, `NotIndexed`."""
        now = self._ready()
        return now.pipeline.strength(now.lookup.row(now.lookup.find(name).id), self._answering.ask(now, query))

    def profile(self, project: str = "", since: float | None = None) -> Profile:
        """What the user's history says about them, see `history.profile`.

        Args:
            project: the project that counts fully; "" = all do.
            since: seconds since the epoch; None: from the beginning.
        """
        from .profiling import profile

        now = self._library.now
        return profile(self.memory, now.pipeline.library if now else None, project=project, since=since)

    def pipeline_of(self, library: Library, kept: Path | None = None) -> Pipeline:
        """The road from prompt to suggestions over any library, with this recommender's settings and models."""
        blend, curve = self._blend, self._curve
        return Pipeline(library, self.settings, blend, self._personal, curve, self._scorer, self._room, kept)

    def _room(self, size: int) -> bool:
        """Whether vectors may stay on the graphics card: only in a process of our own, never beside diffusion."""
        graphics = self._host.graphics()
        wanted = graphics is not None and graphics.lasting and may_use(graphics, self.settings.gpu)
        return wanted and graphics is not None and graphics.free() > 2 * size

    def _ready(self) -> Ready:
        now = self._library.now
        if now is None:
            raise NotIndexed(self._not_indexed())
        return now

    def _not_indexed(self) -> str:
        if self.failure:
            return f"there is no index: {self.failure}"
        return "your LoRAs are not indexed yet; run `lorarec index --loras DIR` or wait for the index to be ready"

    def encode(self, prompt: ReadPrompt) -> QueryVectors:
        """Encode a prompt for every lens. Raises `MissingPart` or `BadFile` if no encoder can be run."""
        return encode(prompt, self._encoders, self._encoders.model_ids())
