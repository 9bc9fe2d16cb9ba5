"""Which reader understands which sidecar. The order is the order of reading: of two authors' values the first one read
wins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...errors import BadFile
from ..findings import Fields, Findings
from . import a1111, civitai, lora_manager, notes, rgthree, stability_matrix, swarm
from .reading import read_json

Reader = Callable[[Fields, Findings], None]

# By ending; a longer one wins over ".json". The A1111 card comes after Civitai's words, with which it is compared.
READERS: dict[str, Reader] = {
    ".civitai.info": civitai.read_info,
    ".metadata.json": lora_manager.read,
    ".api_info.json": civitai.read_api_info,
    ".rgthree-info.json": rgthree.read,
    ".cm-info.json": stability_matrix.read,
    ".swarm.json": swarm.read,
    ".json": a1111.read,
}
_TEXTS = (".description.txt", ".txt")


def read_sidecars(findings: Findings) -> None:
    """Read every sidecar of the findings' file. A bad one is one line among the problems, the others are read."""
    file = findings.file
    folder = file.path.rpartition("/")[0]
    found = [(name if "/" in name or not folder else f"{folder}/{name}") for name in file.sidecars]
    order = {ending: place for place, ending in enumerate((*READERS, *_TEXTS))}
    for _, name, ending in sorted((order[ending], name, ending) for name in found if (ending := _ending(name))):
        path = Path(file.root, name)
        if ending in _TEXTS:
            notes.read(path, name, findings)
            continue
        try:
            data = read_json(path)
        except BadFile as error:
            findings.problem(name, str(error))
            continue
        READERS[ending](Fields(data, name, findings), findings)


def _ending(name: str) -> str:
    lower = name.lower()
    return max((ending for ending in (*READERS, *_TEXTS) if lower.endswith(ending)), key=len, default="")
