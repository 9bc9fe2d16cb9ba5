"""Measured sizes of models, kept so that a process that loads none can tell them."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from .loans import Resident

FILE = "measured.json"


def note(data_dir: Path, name: str, one: Resident) -> None:
    """Keep what a model took when it was loaded; a data folder that cannot be written keeps nothing."""
    known = load(data_dir)
    entry = {"bytes": one.bytes, "device": one.device, "precision": one.precision}
    if known.get(name) == entry:
        return
    path = data_dir / "models" / FILE
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"measured.{os.getpid()}.json")
        draft.write_text(json.dumps({**known, name: entry}, indent=1), encoding="utf-8")
        draft.replace(path)


def load(data_dir: Path) -> dict[str, Any]:
    """By model: ``bytes``, ``device`` and ``precision``; empty where nothing was measured."""
    try:
        found = json.loads((data_dir / "models" / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
