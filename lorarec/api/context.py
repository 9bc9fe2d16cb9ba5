"""What handlers work with: the recommender behind the API, and what the API itself keeps."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ..errors import UnknownLora
from ..jobs import Job, JobState
from ..paths import expanded
from ..recent import Recent
from ..timings import Timings
from ..types import Lora
from .cards import Wishes
from .newest import Turns
from .previews import Previews
from .suggestions import Answer
from .wire import Request

if TYPE_CHECKING:
    from ..recommender import Recommender
    from .keeper import Keeper

ANSWERS = 256  # kept in memory
MOST_STREAMS = 16  # that listen for events at once


class Context:
    """The one state of a mounted API. Safe from many threads."""

    def __init__(self, keeper: Keeper, image_folders: Callable[[], Sequence[Path | str]] = tuple) -> None:
        """Wire the API to its program.

        Args:
            keeper: of the program's recommender.
            image_folders: where the program saves images, beside those of the settings.
        """
        self.keeper = keeper
        self.image_folders = image_folders
        self.started = time.time()
        self.turns = Turns(max(1, min(4, (os.cpu_count() or 2) // 2)))
        self.answers: Recent[Answer] = Recent(ANSWERS)
        self.latency = Timings()
        self.previews = Previews()
        self.harvest = Job("harvest")
        self.encoder = Job("encoder")  # downloads it
        self.trusts: Callable[[Request], bool] = lambda request: False  # whether addresses to call may be seen and set
        self.closed = threading.Event()
        # Settings are read, changed and written as one, and no harvest begins meanwhile.
        self.changing = threading.Lock()
        self.streams = threading.BoundedSemaphore(MOST_STREAMS)
        self._wishes: tuple[str, Wishes] | None = None

    def recommender(self) -> Recommender:
        """The recommender in use now. Raises `StorageError`."""
        return self.keeper.get()

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

    def public(self, text: str) -> str:
        """A sentence as clients may read it: of paths below folders that are in use, what tells files apart is left."""
        for place in self._places():
            text = text.replace(place, Path(place).name)
        return text

    def public_state(self, state: JobState) -> JobState:
        """How a job stands, without the folders of this machine."""
        return replace(state, error=self.public(state.error), report=_each(state.report, self.public))

    def _places(self) -> list[str]:
        """Folders of this machine that sentences may name, inner ones first."""
        places: list[Path | str] = [expanded("~"), *self.image_folders()]
        opened = self.keeper.opened
        if opened is not None:
            places += [opened.data_dir, *opened.roots, *opened.settings.images]
        return sorted({str(place) for place in places if len(str(place)) > 1}, key=len, reverse=True)

    def close(self) -> None:
        """End streams and work that the API began."""
        self.closed.set()
        self.harvest.cancel()
        self.encoder.cancel()


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """JSON-like data with every text changed; names of fields stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _each(part, change) for name, part in value.items()}
    return [_each(part, change) for part in value] if isinstance(value, (list, tuple)) else value
