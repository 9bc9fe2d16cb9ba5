"""The one place that wires the parts, and answers: what to suggest for a prompt, and what is like a LoRA.

`Collection` keeps the LoRAs, `memory` the user's history, `encoders` the models that read, `ranking` those that rank.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import settings as settings_module
from .answering import Answering
from .catalog.store import Catalog
from .collection import Collection
from .current_library import Ready
from .database import open_database
from .encode.lender import Lender
from .encoding import TextVectors
from .errors import NotReady
from .host import Host, PlainHost
from .index.vector_store import VectorStore
from .indexing import Indexer, library_folder
from .judging import Judge
from .ranking import Ranking
from .remembering import Memory
from .settings import Settings
from .tidying import Tidying
from .timings import Lap, no_lap
from .types import Cancelled, ProgressSink, Query, Scorer, Strength, Suggestions

if TYPE_CHECKING:
    from .history.statements import Profile
    from .judging import Judged


class Recommender(Collection):
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
        notice: str = "",
    ) -> None:
        """Open the data folder; use `open` instead."""
        roots = list(dict.fromkeys(Path(os.path.abspath(root)) for root in roots))  # noqa: PTH100 (links keep their names)
        self.data_dir = data_dir
        self._notice = notice  # of the settings file
        self._database = database = open_database(data_dir)
        catalog, store = Catalog(database), VectorStore(database)
        self.encoders = Lender(settings, data_dir, host.graphics())
        self.vectors = TextVectors(store, self.encoders, host.busy)
        self.ranking = Ranking(settings, host, scorer)
        self.memory = Memory(
            database,
            catalog,
            self.vectors,
            settings,
            list(map(str, roots)),
            library_folder(data_dir, roots),
            user,
            host.busy,
            self._judge_if_due,
            keep_vectors=keep_vectors,
        )
        self._judge = Judge(self.memory, settings, self.encoders, self.ranking.personal)
        self._answering = Answering(settings, self.encoders, self.memory.knowledge, self._state_of, self.start_refresh)
        tidying = None if keep_vectors else Tidying(catalog, store, self.memory.history.prompts_of_all)
        indexer = Indexer(roots, data_dir, catalog, self.vectors, host.busy, tidying)
        super().__init__(roots, settings, catalog, indexer, self.ranking, host.busy, self.memory.learn)

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
        return cls(chosen, folder, host, settings, scorer, user, keep_vectors, notice)

    def close(self) -> None:
        """Stop background work and release files and encoders."""
        self._answering.close()
        super().close()
        self.memory.close()
        self.encoders.close()
        self._database.close()

    def __enter__(self) -> Recommender:
        """Use it in a ``with`` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # -- state ------------------------------------------------------------------------------------------------------

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences for the user: what is missing or was set aside, with the remedy."""
        found = [
            *(*self.set_aside, *self.encoders.problems),
            *(self.encoders.stepped_down, self._approximate(), self.failure),
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
    def state(self) -> Hashable:
        """All that an answer depends on beside the question: as long as it stays equal, so do answers."""
        return self._state_of(self._library.now)

    def _state_of(self, now: Ready | None) -> Hashable:
        """The same of answers from one library, whichever is served by then."""
        if now is not None:
            self.memory.knowledge(now.pipeline.library)  # looks whether something new was recorded
        memory, encoders = self.memory, self.encoders
        return (
            *(now.version if now else "", self.settings, encoders.available, encoders.changes),
            *(memory.user, memory.renewals, self._judge.adoptions),
        )

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
        if self._library.now is not None and not self._busy() and self._judge.due():
            with contextlib.suppress(NotReady):  # memory is short: another time
                self.judge(self._busy)

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
