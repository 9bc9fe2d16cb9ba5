"""Which encoders the settings want that are not on this machine, and what getting them means."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from ..errors import LorarecError
from ..settings import Settings
from . import models
from .profiles import DOWNLOADS, encoder_names
from .pull import is_id


class Missing(Struct, frozen=True, kw_only=True):
    """A model that is wanted and not there."""

    name: str  # as the settings or the profile have it
    lenses: tuple[str, ...]  # what it is for
    problem: str  # why it cannot be used, or what to do, for the user
    size: int | None  # bytes to download, about; None: only the endpoint knows
    fetchable: bool  # False: it is a folder, and no download can help


def missing(settings: Settings, data_dir: Path) -> tuple[Missing, ...]:
    """The models that are lacking, each once; no network is asked.

    Raises:
        UsageError: the profile is unknown.
    """
    wanted = encoder_names(settings)
    found = []
    for name in dict.fromkeys(wanted.values()):
        try:
            if models.find(name, data_dir) is not None:
                continue
            problem = models.remedy(name)
        except LorarecError as error:
            problem = str(error)
        lenses = tuple(lens for lens, which in wanted.items() if which == name)
        found.append(
            Missing(name=name, lenses=lenses, problem=problem, size=DOWNLOADS.get(name), fetchable=is_id(name))
        )
    return tuple(found)
