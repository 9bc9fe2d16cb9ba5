"""Names for files that are set aside instead of deleted: what a user wrote or did is never thrown away."""

from __future__ import annotations

import itertools
import time
from pathlib import Path


def aside(path: Path, why: str) -> Path:
    """A free name beside a file, such as ``settings.json.broken-20260131-235959``."""
    stem = f"{path.name}.{why}-{time.strftime('%Y%m%d-%H%M%S')}"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(place for name in names if not (place := path.with_name(name)).exists())
