"""What the core may ask of the program it lives in, and the answer of a plain process.

ComfyUI's and the WebUI's adapters implement `Host`; the command line and tests use `PlainHost`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from .graphics import GraphicsMemory, PlainMemory
from .paths import expanded


class Host(Protocol):
    """The host's side of the bargain. Every call must be cheap and safe from any thread."""

    name: str  # "comfyui", "webui", "plain"

    def lora_roots(self) -> Sequence[Path]:
        """LoRA folders in the host's own order of precedence."""
        ...

    def data_dir(self) -> Path:
        """Folder that lorarec may write to; it need not exist yet."""
        ...

    def busy(self) -> bool:
        """Whether the host generates right now: scans and bulk encoding wait meanwhile."""
        ...

    def graphics(self) -> GraphicsMemory | None:
        """How to ask for graphics memory, the same one each time; None: there is none for us."""
        ...


class PlainHost:
    """A plain Python process: folders from the caller or the environment, never busy.

    ``LORAREC_LORAS`` holds LoRA folders separated by ``os.pathsep``; ``LORAREC_DATA`` the data folder.
    """

    name = "plain"

    def __init__(self, loras: Sequence[Path | str] = (), data: Path | str | None = None) -> None:
        """Remember the folders; empty or None means: from the environment, else the platform's default."""
        self._loras = [Path(expanded(p)) for p in loras]
        self._data = Path(expanded(data)) if data else None
        self._graphics = PlainMemory()

    def lora_roots(self) -> Sequence[Path]:
        """The caller's folders, else those of ``LORAREC_LORAS``, else none."""
        if self._loras:
            return self._loras
        named = os.environ.get("LORAREC_LORAS", "")
        return [Path(expanded(p)) for p in named.split(os.pathsep) if p]

    def data_dir(self) -> Path:
        """The caller's folder, else ``LORAREC_DATA``, else the platform's place for application data."""
        if self._data:
            return self._data
        named = os.environ.get("LORAREC_DATA", "")
        return Path(expanded(named)) if named else default_data_dir()

    def busy(self) -> bool:
        """Nothing else runs here."""
        return False

    def graphics(self) -> GraphicsMemory | None:
        """This machine's own."""
        return self._graphics


def default_data_dir() -> Path:
    """The platform's folder for application data (XDG, Windows Known Folders, macOS conventions)."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "lorarec"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "lorarec"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "lorarec"
