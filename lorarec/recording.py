"""What the user makes and does, written into their history: live, from images, and from what other tools counted."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from . import base_models
from .catalog.store import Catalog
from .database import Database
from .history.link import Links
from .history.store import History, Policy
from .history_types import Event, Generation, ImageFile, Impression, ShownLora, Use
from .linking import Linking
from .settings import Settings
from .types import Cancelled, ProgressSink, Query, Suggestions

if TYPE_CHECKING:
    from .history.harvest.harvest import HarvestReport
    from .history.imports.importing import ImportReport

Report = TypeVar("Report")


class Recorder:
    """Records for one user, with every LoRA linked to the installed file that is meant. Safe from many threads."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        settings: Settings,
        roots: Sequence[str],
        user: str | None,
        busy: Callable[[], bool],
    ) -> None:
        """Open the history.

        Args:
            database: where it is kept.
            catalog: names and hashes of the LoRAs.
            settings: `history`, `history_exclude` and `project` count here.
            roots: LoRA folders in order of precedence; a name that several could mean is looked for in these first.
            user: whose history; None: nobody's, nothing is recorded.
            busy: whether the host generates right now: reading files waits meanwhile.

        Raises:
            StorageError: the history was written by a newer lorarec, or the database fails.
            UsageError: a pattern of `history_exclude` is none.
        """
        self.user = user
        self.history = History(database, user, Policy(settings.history, settings.history_exclude))
        self._settings, self._busy = settings, busy
        self._linking = Linking(catalog, roots)

    @property
    def links(self) -> Links:
        """From names and hashes in images to installed LoRAs; built once per state of the catalogue."""
        return self._linking.links

    def record_generation(self, generation: Generation, images: Sequence[str] = ()) -> bool:
        """Remember what was just made, with the image files it gave; False if it may not be remembered.

        Files that are not there (any more) are left out.
        """
        if not self.history.recording:
            return False
        generation = replace(
            generation,
            base_model=generation.base_model or base_models.named(generation.checkpoint),
            project=generation.project or self._settings.project,
        )
        found: list[ImageFile | None] = list(_files(images))
        added = self.history.add_generations([(generation, image) for image in found or [None]], self.links)
        return not added.excluded

    def record_shown(self, query: Query, answer: Suggestions, *, at: float | None = None) -> int | None:
        """Remember an answer that the user saw; its number, or None if it may not be remembered."""
        if not answer.suggestions or not self.history.recording:
            return None
        links = self.links
        shown = tuple(ShownLora(one.id, one.score, one.propensity) for one in answer.suggestions)
        impression = Impression(
            at=time.time() if at is None else at,
            prompt=query.prompt,
            shown=shown,
            base_model=base_models.named(query.base_model),
            active=tuple(filter(None, (links(Use(name=active.name)).lora for active in query.active))),
            project=self._settings.project,
        )
        return self.history.add_impression(impression)

    def record_event(self, event: Event) -> int | None:
        """Remember what the user did; its number, or None if it may not be remembered."""
        return self.history.add_event(event)

    def harvest(
        self,
        folders: Sequence[str | os.PathLike[str]],
        progress: ProgressSink | None = None,
        cancelled: Cancelled | None = None,
    ) -> HarvestReport:
        """Learn from the images below some folders, see `history.harvest`.

        Raises:
            UsageError: nothing may be recorded.
            StorageError: the database fails.
        """
        from .history.harvest.harvest import harvest

        return self._read(harvest, folders, progress, cancelled)

    def import_usage(
        self,
        paths: Sequence[str | Path],
        progress: ProgressSink | None = None,
        cancelled: Cancelled | None = None,
    ) -> ImportReport:
        """Take over what other tools counted or kept, see `history.imports`.

        Raises:
            UsageError: nothing may be recorded.
            BadFile: a path is nothing that can be imported.
        """
        from .history.imports.importing import import_usage

        return self._read(import_usage, paths, progress, cancelled)

    def _read(
        self,
        read: Callable[..., Report],
        places: Sequence[object],
        progress: ProgressSink | None,
        cancelled: Cancelled | None,
    ) -> Report:
        """Have files read into the history, not while the host generates."""
        links = self.links
        return read(
            self.history,
            places,
            links,
            known=links.known,
            progress=progress,
            cancelled=cancelled,
            paused=self._busy,
        )


def _files(images: Sequence[str]) -> Iterator[ImageFile]:
    """Those of the paths that are files."""
    for path in images:
        try:
            state = Path(path).stat()
        except (OSError, ValueError):  # a name with a null character is no file either
            continue
        if stat.S_ISREG(state.st_mode):
            # Without "..", so that it is the same file as for a harvest.
            yield ImageFile(os.path.abspath(path), state.st_size, state.st_mtime_ns)  # noqa: PTH100 (links keep their names)
