"""The encoder of each lens, opened when first needed and shared where lenses share a model."""

from __future__ import annotations

import threading
from pathlib import Path

from ..errors import BadFile, MissingPart
from ..settings import Settings
from ..types import Encoder
from . import models
from .encoders import open_encoder
from .profiles import LENSES, encoder_names


class LensEncoders:
    """Finds and opens encoders. Safe from many threads; nothing is loaded before `get`."""

    def __init__(self, settings: Settings, data_dir: Path) -> None:
        """Look which models are on this machine; none is opened yet."""
        self._data_dir = data_dir
        self._threads = settings.threads
        self._lock = threading.Lock()
        self._open: dict[str, Encoder] = {}
        self._folders: dict[str, models.ModelFolder] = {}
        self.problems: list[str] = []  # sentences for the user
        wanted = encoder_names(settings)
        found: dict[str, models.ModelFolder | None] = {}
        for name in dict.fromkeys(wanted.values()):
            try:
                found[name] = models.find(name, data_dir)
                if found[name] is None:
                    self.problems.append(f"the encoder {name} is not on this machine: {models.remedy(name)}")
            except (MissingPart, BadFile) as error:
                found[name] = None
                self.problems.append(str(error))
        for lens in LENSES:
            folder = found[wanted[lens]] or found[wanted["semantic"]]
            if folder is not None and found[wanted["semantic"]] is not None:
                self._folders[lens] = folder

    @property
    def available(self) -> bool:
        """Whether texts can be encoded at all: the semantic lens has a model that may be opened."""
        return bool(self._folders)

    def model_ids(self) -> dict[str, str]:
        """Lens -> identity of its vectors; empty without a model."""
        return {lens: folder.model_id for lens, folder in self._folders.items()}

    @property
    def loaded(self) -> frozenset[str]:
        """Identities of the models that are in memory now."""
        with self._lock:
            return frozenset(self._open)

    def get(self, lens: str) -> Encoder:
        """The encoder of a lens, opened now if it is not yet.

        Raises:
            MissingPart: there is no model, or nothing installed can run it.
            BadFile: the model is damaged.
        """
        folder = self._folders.get(lens)
        if folder is None:
            raise MissingPart("; ".join(self.problems) or f"no encoder for the {lens} lens")
        with self._lock:
            if folder.model_id not in self._open:
                self._open[folder.model_id] = open_encoder(folder, self._data_dir, threads=self._threads)
            return self._open[folder.model_id]

    def give_up(self, reason: str) -> None:
        """No encoder can be run after all: go on without."""
        if reason not in self.problems:
            self.problems.append(reason)
        self._folders = {}

    def close(self) -> None:
        """Forget the opened encoders; their memory goes with the last user."""
        with self._lock:
            self._open = {}
