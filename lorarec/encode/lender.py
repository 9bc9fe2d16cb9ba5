"""Who wants to encode borrows: ``with lender.lend("semantic") as encoder``. One lender for all models of a process.

Live queries get an encoder on the CPU, whatever the host does. Bulk work gets one that also uses the graphics device
while the host leaves it alone. Vectors of two models cannot be compared, so where memory is short a query is never
encoded by a smaller model than its index: it is matched by words, until a refresh finds a smaller profile whose vectors
are all there (`settle`), and the index itself is of that profile.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import BadFile, LorarecError, MissingPart, NotReady, StorageError
from ..graphics import GraphicsMemory
from ..settings import Settings
from ..types import Encoder
from . import bulk as bulk_module
from . import measured, onnx_export
from .bulk import BulkEncoder
from .encoders import can_use_onnx, open_encoder
from .levels import Level, levels
from .loans import Head, Loans, Resident
from .models import ModelFolder
from .onnx_export import INT8
from .pooling import PooledEncoder
from .profiles import LENSES

_log = logging.getLogger(__name__)

_CLIMB = 1.25  # times its size that must be free before a larger profile is taken up again


class Lender:
    """Finds, opens, lends and unloads models. Safe from many threads; nothing is loaded before it is lent."""

    def __init__(
        self, settings: Settings, data_dir: Path, graphics: GraphicsMemory | None = None, loans: Loans | None = None
    ) -> None:
        """Look which models are on this machine.

        Args:
            settings: profile, encoders, `memory_mb`, `idle_minutes`, `gpu`, `precision`, `threads`.
            data_dir: where ONNX files and measured sizes are kept.
            graphics: the host's graphics memory; None: it has none for us.
            loans: None: with the settings' budget and patience.
        """
        self._data_dir, self._settings, self._graphics = data_dir, settings, graphics
        self._levels, self.problems = levels(settings, data_dir)  # problems: sentences for the user
        self._level: Level = self._levels[0]
        self._loans = loans or Loans(settings.memory_mb * 1_000_000, settings.idle_minutes * 60)
        self._folders: dict[str, ModelFolder] = {}
        self._without_onnx: dict[str, str] = {}  # models for which no ONNX file can be made, and why
        self._preparing: set[str] = set()
        self._lock = threading.Lock()
        self._on_device = threading.Semaphore()  # one model at a time
        self._bulk: BulkEncoder | None = None
        self.changes = 0  # grows when what had to be prepared is there
        for level in self._levels:
            for folder in level.folders.values():
                if folder.model_id not in self._folders:
                    self._folders[folder.model_id] = folder
                    self.register(self._head(folder))
                    if settings.query_int8 and not folder.exotic:
                        self.register(self._head(folder, int8=True))

    # -- which ------------------------------------------------------------------------------------------------------

    @property
    def available(self) -> bool:
        """Whether texts can be encoded at all: the semantic lens has a model that may be opened."""
        return bool(self._level.folders)

    def model_ids(self) -> dict[str, str]:
        """Lens -> identity of its vectors; empty without a model."""
        return self._level.model_ids

    def give_up(self, reason: str) -> None:
        """No encoder can be run after all: go on without."""
        if reason not in self.problems:
            self.problems.append(reason)
        self._level = Level(self._level.profile, {})
        self._levels = [self._level]

    def adopt(self, models: Mapping[str, str]) -> bool:
        """Read with the models of an index made earlier, if they are those of the user's profile or a smaller one."""
        for level in self._levels:
            if level.folders and level.model_ids == models:
                self._level = level
                return True
        return False

    def settle(self, complete: Callable[[dict[str, str]], bool]) -> None:
        """Choose the profile for the index that is about to be built: the user's, if memory suffices for it.

        Args:
            complete: whether all texts have vectors by these models (lens -> identity); a smaller profile is taken only
                then, since encoding everything anew would cost more memory and time than it saves.
        """
        for level in self._levels if self.available else ():
            if self._fits(level) and (level is self._levels[0] or level is self._level or complete(level.model_ids)):
                self._level = level
                return
        # None fits: stay, and answer by words as long as memory is short.

    def _fits(self, level: Level) -> bool:
        """Whether memory suffices for a profile, with room to spare for one that is larger than that in use."""
        # The one in use is none of them at the moment that another thread gives up.
        larger = itertools.takewhile(lambda one: one is not self._level, self._levels)
        slack = _CLIMB if level in larger else 1.0
        return self._loans.fits(set(level.model_ids.values()), slack)

    @property
    def may_step_up(self) -> bool:
        """Whether a smaller profile is in use although there is room for the user's again."""
        return self._level is not self._levels[0] and self._fits(self._levels[0])

    @property
    def may_step_down(self) -> bool:
        """Whether there is a smaller profile than the one in use."""
        return self._level is not self._levels[-1]

    @property
    def stepped_down(self) -> str:
        """A sentence about a smaller profile than the user's being in use; "" if it is not."""
        if self._level is self._levels[0]:
            return ""
        return f"memory is short: the profile {self._level.profile} is used instead of {self._levels[0].profile}"

    # -- lending ----------------------------------------------------------------------------------------------------

    def register(self, head: Head) -> None:
        """Make a further model known, whatever it does: it is lent by its name and counts against the same memory."""
        self._loans.register(head)

    @contextmanager
    def lend(self, name: str) -> Iterator[Any]:
        """Lend a model for a live query: the encoder of a lens or model identity, or what was registered by that name.

        Raises:
            MissingPart: there is no model, or nothing installed can run it.
            BadFile: the model is damaged.
            NotReady: memory is short, or its ONNX file is being made in the background: ask again later.
        """
        key = self._key(name)
        if key + INT8 in self._loans and key + INT8 not in self._without_onnx:
            key += INT8
        with contextlib.ExitStack() as stack:
            try:
                model = stack.enter_context(self._loans.lend(key))
            except NotReady:
                self._prepare_soon(key)
                raise
            yield model

    @contextmanager
    def lend_bulk(self, name: str, texts: int) -> Iterator[Encoder]:
        """Lend the encoder of a lens for many texts; what it needs is prepared now, however long that takes.

        Args:
            name: a lens or model identity.
            texts: how many there are.

        Raises:
            MissingPart, BadFile, NotReady: as `lend`.
        """
        key = self._key(name)
        with self._loans.lend(key, patient=True) as encoder:
            self._remember(key)
            wanted = texts >= bulk_module.WORTH and isinstance(encoder, PooledEncoder)
            if not (wanted and bulk_module.may_use(self._graphics, self._settings.gpu)):
                yield encoder
                return
            if not self._on_device.acquire(blocking=False):  # somebody else is there: two would crowd the host
                yield encoder
                return
            assert self._graphics is not None  # `may_use` saw it
            self._bulk = BulkEncoder(self._folders[key], encoder, self._graphics, self._settings.precision)
            try:
                yield self._bulk
            finally:
                self._bulk.close()
                self._bulk = None
                self._on_device.release()

    def prepare(self) -> None:
        """Make now whatever a live query would have to wait for; a damaged model is given up."""
        try:
            for model_id in dict.fromkeys(self.model_ids().values()):
                self._make_onnx(self._folders[model_id], self._settings.query_int8)
        except BadFile as error:
            self.give_up(str(error))
        except NotReady as error:
            _log.warning("%s", error)

    def make_way(self, timeout: float = 2.0) -> None:
        """The host is about to generate: nothing of ours stays in graphics memory."""
        bulk = self._bulk
        if bulk is not None:
            bulk.make_way(timeout)

    def waiting(self, busy: Callable[[], bool]) -> Callable[[], bool]:
        """Asks whether the host works, as bulk work does between batches, and leaves its device if so.

        Whoever waits for the host encodes nothing, so that no batch would notice.
        """

        def paused() -> bool:
            if not busy():
                return False
            self.make_way()
            return True

        return paused

    def unload(self, name: str = "", timeout: float = 10.0) -> int:
        """Unload a model or, by default, all; those that are lent when they come back, for which this waits.

        Returns:
            Bytes of main memory freed.
        """
        self.make_way(timeout)
        return self._loans.unload(name and self._key(name), timeout=timeout)

    def close(self) -> None:
        """Unload everything; what is lent goes when it comes back."""
        self.make_way()
        self._loans.close()

    # -- telling ----------------------------------------------------------------------------------------------------

    @property
    def loaded(self) -> frozenset[str]:
        """Names of the models that are in memory now."""
        return frozenset(one.name for one in self.residents() if one.loaded)

    def residents(self) -> tuple[Resident, ...]:
        """Every model known, and what bulk work holds on the graphics device."""
        found = list(self._loans.residents())
        bulk = self._bulk
        if bulk is not None and bulk.resident and self._graphics is not None:
            found.append(
                Resident(
                    name=bulk.model_id,
                    device=self._graphics.device().name,
                    precision=bulk.precision,
                    loaded=True,
                    bytes=bulk.bytes,
                    lent=1,
                    since=None,
                    idle=None,
                    unloaded="",
                )
            )
        return tuple(found)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _key(self, name: str) -> str:
        if name not in LENSES:
            if name not in self._loans:
                raise MissingPart(f"there is no model {name} to lend")
            return name
        folder = self._level.folders.get(name)
        if folder is None:
            raise MissingPart("; ".join(self.problems) or f"no encoder for the {name} lens")
        return folder.model_id

    def _head(self, folder: ModelFolder, int8: bool = False) -> Head:
        name = folder.model_id + (INT8 if int8 else "")

        def opened() -> Encoder:
            encoder = open_encoder(
                folder,
                self._data_dir,
                threads=self._settings.threads,
                allow_export=False,
                no_onnx=self._without_onnx.get(name, ""),
                int8=int8,
            )
            encoder.encode(["a"])  # touches the weights, which are mapped: only then can their memory be measured
            return encoder

        return Head(
            name=name,
            open=opened,
            size=folder.size // 4 if int8 else folder.size,
            prepare=lambda: self._make_onnx(folder, int8),
            standing=lambda: folder.model_id in self.model_ids().values(),
            precision="int8" if int8 else "float32",
        )

    def _make_onnx(self, folder: ModelFolder, int8: bool = False) -> None:
        """Make the ONNX file of a model if it lacks one; where it cannot be made, torch will run the model."""
        if self._lacks_onnx(folder, int8):
            try:
                onnx_export.export(folder, self._data_dir, int8)
            except (MissingPart, StorageError) as error:
                _log.info("%s is run without ONNX%s: %s", folder.name, " in 8 bits" if int8 else "", error)
                self._without_onnx[folder.model_id + (INT8 if int8 else "")] = str(error)

    def _lacks_onnx(self, folder: ModelFolder, int8: bool) -> bool:
        name = folder.model_id + (INT8 if int8 else "")
        usable = not folder.exotic and can_use_onnx() and name not in self._without_onnx
        return usable and onnx_export.find(folder, self._data_dir, int8) is None

    def _prepare_soon(self, name: str) -> None:
        """Prepare a model in the background, where that is what it lacks."""
        int8 = name.endswith(INT8)
        folder = self._folders.get(name.removesuffix(INT8))
        with self._lock:
            if folder is None or name in self._preparing or not self._lacks_onnx(folder, int8):
                return
            self._preparing.add(name)

        def work() -> None:
            try:
                self._make_onnx(folder, int8)
            except BadFile as error:
                self.give_up(str(error))
            except LorarecError as error:
                _log.warning("%s", error)
            finally:
                with self._lock:
                    self._preparing.discard(name)
                    self.changes += 1

        threading.Thread(target=work, name="lorarec-prepare", daemon=True).start()

    def _remember(self, name: str) -> None:
        """Keep the measured size for `lorarec doctor`, a process of its own."""
        for one in self._loans.residents():
            if one.name == name and one.loaded:
                measured.note(self._data_dir, name, one)
