"""Whether a user's own weights may rank: fitted and judged on their own history, kept with the verdict."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from .asking import encode
from .encode.lender import Lender
from .history.store import History
from .history_types import EventKind
from .index.retrieve import QueryVectors
from .learn.wishes import without_undone
from .library import Library
from .memories import Memories
from .pipeline import Pipeline
from .prompt.read import ReadPrompt
from .rank import personal
from .rank.personal import Personal
from .rank.rerank import LEAST, Verdict, judge
from .replay import Encode, moments, replay
from .settings import Settings
from .types import Cancelled

if TYPE_CHECKING:
    from .remembering import Memory

_log = logging.getLogger(__name__)

FILE = "own-weights.json"
AGAIN = 1.25  # a history grown by that much is judged anew


class Judged(Struct, frozen=True, kw_only=True):
    """The verdict on file."""

    verdict: Verdict
    at: float  # seconds since the epoch
    occasions: int  # of the history then
    shipped: dict[str, float]  # the shared weights it was judged against


class Judge:
    """Lets a user's own weights rank as long as the verdict on file says so, else the shared ones."""

    def __init__(self, memory: Memory, settings: Settings, encoders: Lender, ranking: Personal) -> None:
        """Begin with the verdict on file.

        Args:
            memory: of the user.
            settings: `history` counts here.
            encoders: read the prompts of the past.
            ranking: what is given the weights.
        """
        self._memory, self._settings, self._encoders, self._ranking = memory, settings, encoders, ranking
        self.adoptions = 0  # how often weights were given
        self.adopt()

    def judged(self) -> Judged | None:
        """The verdict on file; None if there is none."""
        return load(self._memory.folder) if self._settings.history else None

    def due(self) -> bool:
        """Whether enough is new to judge again."""
        return due(self.judged(), self._memory.memories)

    def adopt(self) -> None:
        """Rank by the verdict on file: another process may have judged, or the user deleted the history."""
        self._use(self.judged())

    def judge(self, pipeline: Pipeline, stop: Cancelled) -> Judged:
        """Learn what is new, then fit and judge the user's own weights anew; the verdict is kept and ranks from now on.

        Raises:
            NotReady: no encoder can be had now.
            StorageError: the database fails.
        """
        memory, library, encoders = self._memory, pipeline.library, self._encoders
        stopped = threading.Event()  # for good: half a replay is no verdict

        def halted() -> bool:
            if stop():
                stopped.set()
            return stopped.is_set()

        def encoded(prompt: ReadPrompt) -> QueryVectors | None:
            wanted = library.vectors is not None and prompt.text and encoders.available
            return encode(prompt, encoders, library.models) if wanted else None

        encoders.prepare()
        memory.learn(library, None, halted)
        found = judge_history(memory.history, memory.memories_beside(library), library, pipeline, encoded, halted)
        if not halted():
            try:
                save(found, memory.folder)
            except OSError as error:
                _log.warning("the verdict could not be saved in %s: %s", memory.folder, error)
            self._use(found)
        return found

    def _use(self, judged: Judged | None) -> None:
        passed = judged is not None and judged.verdict.used
        self._ranking.adopt(judged.verdict.weights if judged and passed else personal.shipped().weights)
        self.adoptions += 1


def judge_history(
    history: History,
    memories: Memories | None,
    library: Library,
    pipeline: Pipeline,
    encode: Encode,
    stop: Callable[[], bool] = lambda: False,
) -> Judged:
    """Replay the history, fit, judge. Costs up to `replay.MOST` suggestions.

    Args:
        history: of the user.
        memories: the same beside the library; None: there is none.
        library: what is installed.
        pipeline: the road over it.
        encode: of a prompt.
        stop: asked before each moment; the verdict then rests on those that were asked.
    """
    shared = personal.shipped().weights
    occasions = 0 if memories is None else memories.past.count
    if memories is None:
        verdict = Verdict(why="there is no history to judge by; `lorarec harvest` reads the images you have")
    else:
        inserted = without_undone(history.events(kinds=(EventKind.INSERT, EventKind.REMOVE)))
        shown = history.impressions_of({event.impression for event in inserted if event.impression is not None})
        told = moments(history.past(), inserted, shown)
        found = replay(told, memories, library, pipeline, encode, stop)
        verdict = judge([choice for _, choice in found], shared, [moment.at for moment, _ in found])
    return Judged(verdict=verdict, at=time.time(), occasions=occasions, shipped=dict(shared))


def due(kept: Judged | None, memories: Memories | None) -> bool:
    """Whether there is enough that is new to judge anew."""
    if memories is None or memories.past.count < LEAST:
        return False
    if kept is None or kept.shipped != personal.shipped().weights:
        return True
    return memories.past.count >= AGAIN * max(kept.occasions, LEAST)


def load(folder: Path) -> Judged | None:
    """The verdict on file; None if there is none, it cannot be read, or the shared weights are others now."""
    try:
        kept = msgspec.json.decode((folder / FILE).read_bytes(), type=Judged)
    except (OSError, msgspec.DecodeError):
        return None
    return kept if kept.shipped == personal.shipped().weights else None


def save(kept: Judged, folder: Path) -> None:
    """Write the verdict, atomically. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{FILE}.{os.getpid()}"
    draft.write_bytes(msgspec.json.encode(kept))
    os.replace(draft, folder / FILE)


def forget(folder: Path) -> None:
    """Delete the verdict."""
    (folder / FILE).unlink(missing_ok=True)
