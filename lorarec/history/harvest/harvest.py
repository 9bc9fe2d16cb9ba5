"""Image folders -> the history: incremental, resumable, safe to kill at any moment; no pixel is decoded.

Newest images come first, so that a harvest stopped early has what says most about the user. What was seen before and
did not change costs a directory listing and a stat.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from ...errors import BadFile, UsageError
from ...history_types import Generation, ImageFile, Linker
from ...meter import Gate, Meter, Stopped
from ...types import Cancelled, ProgressSink, ScanProblem
from ..store import History
from ..tally import Names, Tally
from .base_model import with_base_model
from .metadata import read_metadata
from .readers import Known, read_generation
from .walk import Walk, vanished

BATCH = 256  # images per transaction
BATCH_SECONDS = 1.0  # and no later than this

_log = logging.getLogger(__name__)
State = tuple[int, int]  # size in bytes, modified_ns


class HarvestReport(Struct, frozen=True, kw_only=True):
    """What one harvest found."""

    found: int = 0  # image files present
    new: int = 0  # of these, never seen before
    changed: int = 0  # of these, written since they were seen
    bare: int = 0  # read now, without a generator's metadata
    unreadable: int = 0  # could not be read now
    gone: int = 0  # seen before, not there any more
    generations: int = 0  # that the history did not have
    excluded: int = 0  # images whose prompt the settings keep out of the history
    readers: dict[str, int] = {}  # images read now by what understood them, e.g. {"a1111:parameters": 3}
    linked: dict[str, int] = {}  # LoRAs in these by the evidence that linked them to an installed one
    ambiguous: Names = Names()  # LoRAs in these that several installed ones could be
    unknown: Names = Names()  # LoRAs in these that are not installed
    problems: tuple[ScanProblem, ...] = ()
    cancelled: bool = False
    seconds: float = 0.0


def harvest(
    history: History,
    folders: Sequence[str | os.PathLike[str]],
    link: Linker,
    *,
    known: Known = lambda name: False,
    progress: ProgressSink | None = None,
    cancelled: Cancelled | None = None,
    paused: Callable[[], bool] | None = None,
    now: Callable[[], float] = time.time,
) -> HarvestReport:
    """Bring the history up to date with the images below some folders.

    Args:
        history: written in batches; what was stored stays when the harvest is cancelled or killed.
        folders: image folders. What is gone from them is noted, unless a folder cannot be reached or looks empty.
        link: from a LoRA in an image to the installed one.
        known: whether a string names an installed LoRA, for nodes that no table knows.
        progress: told of stage "harvest"; ``total`` is None while folders are listed.
        cancelled: asked before each image and folder.
        paused: while it says True the harvest waits.
        now: seconds since the epoch.

    Raises:
        UsageError: nothing may be recorded.
        StorageError: the database fails.
    """
    if not history.recording:
        raise UsageError("the history is off, so that nothing can be harvested; turn it on with the setting history")
    begun = time.monotonic()
    gate = Gate(cancelled, paused)
    meter = Meter(progress, "harvest")
    walk = Walk(folders, on_folder=lambda: gate.check(meter))
    run = _Run(history, Tally(link), known)
    images: list[ImageFile] = []
    gone: list[str] = []
    try:
        for folder in walk:
            images += folder
            meter.step(len(folder), note=folder[0].path)
        seen: dict[str, State] = {}
        for top in walk.folders:
            seen.update(history.known_images(top))
        run.read(images, seen, gate, progress)
        present = {image.path for image in images}
        gone = vanished([path for path in seen if path not in present], walk)
        history.mark_gone(gone, now())
        history.mark_sources()
    except Stopped:
        _log.info("harvest cancelled after %d images", run.new + run.changed)
    return HarvestReport(
        found=len(images),
        new=run.new,
        changed=run.changed,
        bare=run.bare,
        unreadable=run.unreadable,
        gone=len(gone),
        generations=run.generations,
        excluded=run.excluded,
        readers=dict(run.readers.most_common()),
        linked=run.tally.linked,
        ambiguous=run.tally.ambiguous,
        unknown=run.tally.unknown,
        problems=(*walk.problems, *run.problems),
        cancelled=gate.stopped,
        seconds=time.monotonic() - begun,
    )


class _Run:
    """One harvest's reading and what it has counted so far."""

    def __init__(self, history: History, tally: Tally, known: Known) -> None:
        self.tally = tally
        self.new = self.changed = self.bare = self.unreadable = self.generations = self.excluded = 0
        self.readers: Counter[str] = Counter()
        self.problems: list[ScanProblem] = []
        self._history = history
        self._known = known
        self._batch: list[tuple[Generation, ImageFile | None]] = []
        self._nothing: list[ImageFile] = []

    def read(
        self, images: Sequence[ImageFile], seen: Mapping[str, State], gate: Gate, progress: ProgressSink | None
    ) -> None:
        """Read and store what is new or changed, newest first. What was read when `Stopped` comes is stored too."""
        fresh = [image for image in images if seen.get(image.path) != (image.size, image.modified_ns)]
        fresh.sort(key=lambda image: image.modified_ns, reverse=True)
        meter = Meter(progress, "harvest", len(fresh))
        stored = time.monotonic()
        try:
            for image in fresh:
                gate.check(meter)
                self._read_one(image)
                self.changed += image.path in seen
                self.new += image.path not in seen
                meter.step(note=image.path)
                if len(self._batch) + len(self._nothing) >= BATCH or time.monotonic() - stored > BATCH_SECONDS:
                    self._store()
                    stored = time.monotonic()
        except Stopped:
            self._store()
            raise
        self._store()
        meter.finish()

    def _read_one(self, image: ImageFile) -> None:
        try:
            found = read_generation(read_metadata(image.path), self._known)
        except BadFile as error:
            self.unreadable += 1
            self.problems.append(ScanProblem(image.path, str(error)))
            if not isinstance(error.__cause__, OSError):  # else it may be readable next time
                self._nothing.append(image)
            return
        except Exception as error:  # the boundary to files that anybody may have made: one must never end the harvest
            _log.debug("cannot understand %s", image.path, exc_info=True)
            self.unreadable += 1
            self.problems.append(ScanProblem(image.path, f"could not be understood ({error!r}); it was left out"))
            return
        if found is None:
            self.bare += 1
            self._nothing.append(image)
            return
        found = with_base_model(found)
        self.readers[found.reader] += 1
        self.tally.count(found.loras)
        self._batch.append((found, image))

    def _store(self) -> None:
        if self._batch:
            added = self._history.add_generations(self._batch, self.tally)
            self.generations += added.generations
            self.excluded += added.excluded
        self._history.add_images(self._nothing)
        self._batch, self._nothing = [], []
