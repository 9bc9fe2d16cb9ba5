"""The profile in use and the smaller ones below it, as far as their models are on this machine."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from ..errors import BadFile, MissingPart
from ..settings import Settings
from . import models
from .models import ModelFolder
from .profiles import LENSES, PROFILES, encoder_names

_DOWNWARDS = tuple(PROFILES)[::-1]  # the largest first


class Level(Struct, frozen=True):
    """One way to read texts."""

    profile: str
    folders: dict[str, ModelFolder]  # lens -> model; empty: by words only

    @property
    def model_ids(self) -> dict[str, str]:
        """Lens -> identity of its vectors."""
        return {lens: folder.model_id for lens, folder in self.folders.items()}


def levels(settings: Settings, data_dir: Path) -> tuple[list[Level], list[str]]:
    """The profile that the settings name, then smaller ones whose models are all here; and what the first lacks.

    Encoders of the user's own stay in every level. A lens without its model borrows the semantic one.
    """
    problems: list[str] = []
    seen: dict[str, ModelFolder | None] = {}

    def find(name: str, loud: bool) -> ModelFolder | None:
        if name not in seen:
            try:
                seen[name] = models.find(name, data_dir)
                problem = f"the encoder {name} is not on this machine: {models.remedy(name)}"
            except (MissingPart, BadFile) as error:
                seen[name], problem = None, str(error)
            if loud and seen[name] is None:
                problems.append(problem)
        return seen[name]

    wanted = encoder_names(settings)
    for name in dict.fromkeys(wanted.values()):
        find(name, True)
    semantic = seen[wanted["semantic"]]
    first = Level(settings.profile, {lens: seen[wanted[lens]] or semantic for lens in LENSES} if semantic else {})
    found = [first]
    for profile in _DOWNWARDS[_DOWNWARDS.index(settings.profile) + 1 :] if semantic else ():
        names = encoder_names(replace(settings, profile=profile))
        there = {lens: find(name, False) for lens, name in names.items()}
        folders = {lens: folder for lens, folder in there.items() if folder is not None}
        level = Level(profile, folders)
        if len(folders) == len(LENSES) and all(level.model_ids != other.model_ids for other in found):
            found.append(level)
    return found, problems
