"""The models that rank, put over any library as the road from prompt to suggestions."""

from __future__ import annotations

from pathlib import Path

from .encode.bulk import may_use
from .host import Host
from .library import Library
from .pipeline import Pipeline
from .rank import blend, personal, strength
from .rank.blend import Blend
from .rank.personal import Personal
from .settings import Settings
from .types import Scorer


class Ranking:
    """Blend, personal weights and strength curve of one recommender, the same for every library it serves."""

    def __init__(self, settings: Settings, host: Host, scorer: Scorer | None = None) -> None:
        """Begin with the shipped numbers.

        Args:
            settings: dials.
            host: whose graphics memory may hold vectors.
            scorer: ranks instead of the shipped models, for evaluation.
        """
        self._settings, self._host, self._scorer = settings, host, scorer
        self._blend = Blend.of(blend.shipped())
        self._curve = strength.shipped()
        self.personal = Personal(self._blend, personal.shipped())

    def over(self, library: Library, kept: Path | None = None) -> Pipeline:
        """The road over a library; what is learned of its vectors is kept in ``kept``, if that is given."""
        scorer, room = self._scorer, self._room
        return Pipeline(library, self._settings, self._blend, self.personal, self._curve, scorer, room, kept)

    def _room(self, size: int) -> bool:
        """Whether so many bytes may stay on the graphics card: only in a process of our own, never beside diffusion."""
        graphics = self._host.graphics()
        if graphics is None or not graphics.lasting or not may_use(graphics, self._settings.gpu):
            return False
        return graphics.free() > 2 * size
