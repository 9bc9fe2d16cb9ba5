"""What handlers work with: the recommender behind the API, and what the API itself keeps."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UnknownLora
from ..jobs import Job
from ..recent import Recent
from ..timings import Timings
from ..types import Lora
from .cards import Wishes
from .newest import Turns
from .previews import Previews
from .suggestions import Answer

if TYPE_CHECKING:
    from ..recommender import Recommender

ANSWERS = 256  # kept in memory
MOST_STREAMS = 16  # that listen for events at once


class Context:
    """The one state of a mounted API. Safe from many threads."""

    def __init__(
        self,
        recommender: Callable[[], Recommender],
        reopen: Callable[[], object],
        image_folders: Callable[[], Sequence[Path | str]] = tuple,
    ) -> None:
        """Wire the API to its program.

        Args:
            recommender: the one in use now; called for every request.
            reopen: have `recommender` give one that was opened anew, since the stored settings changed.
            image_folders: where the program saves images, beside those of the settings.
        """
        self.recommender = recommender
        self.reopen = reopen
        self.image_folders = image_folders
        self.started = time.time()
        self.turns = Turns(max(1, min(4, (os.cpu_count() or 2) // 2)))
        self.answers: Recent[Answer] = Recent(ANSWERS)
        self.latency = Timings()
        self.previews = Previews()
        self.harvest = Job("harvest")
        self.closed = threading.Event()
        self.changing = threading.Lock()  # of the settings: read, changed and written as one
        self.streams = threading.BoundedSemaphore(MOST_STREAMS)
        self._wishes: tuple[str, Wishes] | None = None

    def lora(self, id_: str) -> Lora:
        """An installed LoRA by catalogue id and nothing else.

        Raises:
            UnknownLora: there is none.
            NotIndexed: there is no index yet.
        """
        found = self.recommender().find(id_)
        if found.id != id_:
            raise UnknownLora(f"no installed LoRA has the id {id_}")
        return found

    def wishes(self, recommender: Recommender) -> Wishes:
        """What the user likes, dislikes and hides."""
        history = recommender.memory.history
        version = history.version()
        kept = self._wishes
        if kept is None or kept[0] != version:
            kept = (version, Wishes(history.opinions(), history.hidden()))
            self._wishes = kept
        return kept[1]

    def close(self) -> None:
        """End streams and work that the API began."""
        self.closed.set()
        self.harvest.cancel()
