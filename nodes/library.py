"""The one Recommender of a ComfyUI process: opened when first needed, refreshed in the background."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..lorarec.api.keeper import Keeper
from ..lorarec.errors import missing_package
from . import host
from .resolve import with_slashes

if TYPE_CHECKING:
    from ..lorarec.recommender import Recommender

RESCAN_AFTER = 15.0  # seconds; ComfyUI asks for the node definitions several times in a row
SLICE = 0.2  # seconds between looks at the cancel button while a node waits

_rescanned = 0.0


@contextmanager
def packages_named() -> Iterator[None]:
    """Turn a failed import into a sentence that says what to install. Raises `MissingPart`."""
    try:
        yield
    except ImportError as error:
        raise missing_package(error) or error from error


def recommender() -> Recommender:
    """The shared Recommender. Opening reads a database: call it from a running node, never from the event loop.

    Raises:
        MissingPart: this Python lacks a package; the text says which and what to do.
        StorageError: the data folder cannot be used.
    """
    return keeper.get()


def _open() -> Recommender:
    global _rescanned
    with packages_named():
        from ..lorarec.recommender import Recommender

        # Of several users nobody knows whose prompt runs: no history, rather than one for all.
        opened = Recommender.open(host=host.ComfyHost(), user=None if host.multi_user() else "local")
    for notice in opened.notices:
        host.warn(notice)
    _rescanned = time.monotonic()
    return opened


keeper = Keeper(_open, scan=True)


def is_ready() -> bool:
    """Whether a suggestion could be made right now."""
    opened = keeper.opened
    return opened is not None and opened.stage != "empty" and bool(opened.loras())


def rescan_soon() -> None:
    """Look for new files in the background, as ComfyUI asks for node definitions (page load, refresh key).

    Costs nothing before the first use, and at most one background scan per `RESCAN_AFTER` seconds.
    """
    global _rescanned
    shared = keeper.opened
    now = time.monotonic()
    if shared is None or now - _rescanned < RESCAN_AFTER:
        return
    _rescanned = now
    shared.start_refresh()


def wait_until_ready(node_id: str | None) -> bool:
    """Wait for the first index as long as the settings say; False if it is still not there.

    The user's cancel button ends the wait with ComfyUI's own exception.
    """
    shared = recommender()
    if shared.stage != "empty":
        return True
    host.show("Reading the LoRA folders for the first time ...", node_id)
    deadline = time.monotonic() + shared.settings.wait_seconds
    with host.waiting_for_index():
        while True:
            started = time.monotonic()
            asked = max(0.0, min(SLICE, deadline - started))
            if shared.wait("lexical", timeout=asked):
                return True
            host.stop_if_interrupted()
            gave_up = time.monotonic() - started < asked / 2  # the refresh ended without an index
            if gave_up or time.monotonic() >= deadline:
                return False


class ContentIndex:
    """Finds installed LoRAs by content, for the selection of one run. Nothing is read before the first question."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take the host's list of LoRAs."""
        self._names = names
        self._by_fingerprint: dict[str, str] | None = None

    def __call__(self, fingerprint: str) -> str | None:
        """The host's name of a file with this content; None if there is none or the catalogue is not ready.

        Copies of one file have one fingerprint; the first in the host's order is taken.
        """
        if self._by_fingerprint is None:
            self._by_fingerprint = self._read() if wait_until_ready(None) else {}
        return self._by_fingerprint.get(fingerprint)

    def _read(self) -> dict[str, str]:
        from pathlib import Path

        from ..lorarec.catalog.fingerprint import fingerprint
        from ..lorarec.errors import BadFile

        loras = recommender().loras()
        known = dict(zip(loras.paths, loras.fingerprints, strict=True))
        found: dict[str, str] = {}
        for name in self._names:
            content = known.get(with_slashes(name))
            if content is None:  # a file that was moved or added since the last scan
                try:
                    path = Path(host.lora_path(name))
                    content = fingerprint(path, path.stat().st_size)
                except (BadFile, OSError):
                    continue
            found.setdefault(content, name)
        return found
