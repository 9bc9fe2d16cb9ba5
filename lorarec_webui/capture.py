"""Saved images feed the history.

The WebUI's threads only put what was written into the file, and its name, on a list; a thread of our own reads it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import host

if TYPE_CHECKING:
    from .door import Door

# Names that the hosts give to what is no image of its own: steps on the way to one, masks, and sheets of several.
_STEP = re.compile(r"-(?:before-[a-z-]+|mask(?:-composite)?|init-image)$")
_SHEETS = ("grid-", "xyz_grid-", "prompt_matrix-")
WAIT = 3.0  # seconds for a file that the host writes after it told us


class Capture:
    """Takes what the WebUI saves."""

    def __init__(self, door: Door) -> None:
        """Remember into the door's history."""
        self._door = door

    def saved(self, params: Any) -> None:
        """Remember an image that was just saved. Returns at once.

        Saved unfinished, since its user stopped it, it is no image that anybody wanted.
        """
        if host.interrupted():
            return
        texts, file, at = params.pnginfo, params.filename, time.time()
        self._door.worker.put(lambda: self._remember(texts, file, at))

    def _remember(self, texts: Mapping[str, Any], file: str, at: float) -> None:
        path = os.path.abspath(file)  # noqa: PTH100 (links keep their names)
        if is_by_product(path) or not self._recording():
            return
        from msgspec.structs import replace

        from lorarec.history.harvest.readers import read_generation

        memory = self._door.keeper.get().memory
        given = {str(key): value for key, value in texts.items() if isinstance(value, str)}
        made = read_generation(given, memory.links.known)
        if made is not None:
            _wait_for(path)
            memory.record_generation(replace(made, made=at), [path])

    def _recording(self) -> bool:
        """Whether things may be remembered; read anew each time, for it may be switched off from a shell.

        Raises:
            BadFile: what the settings say about the history cannot be read.
        """
        from lorarec import settings

        return not self._door.several and settings.remembers(host.WebuiHost().data_dir())


def is_by_product(path: str) -> bool:
    """Whether a saved file shows no image of its own: a grid, a mask, a step, or what img2img began with."""
    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0]
    if _STEP.search(stem) or name.startswith(_SHEETS):
        return True
    return _below(folder, host.side_folders()) and not _below(folder, host.output_folders())


def _below(folder: str, folders: list[str]) -> bool:
    return any(folder == one or folder.startswith(one.rstrip(os.sep) + os.sep) for one in folders)


def _wait_for(path: str) -> None:
    """Wait for a file that another thread of the host is still writing."""
    until = time.monotonic() + WAIT
    while not Path(path).exists() and time.monotonic() < until:
        time.sleep(0.05)
