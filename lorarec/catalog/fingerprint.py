"""A cheap identity of a LoRA file's content, and who is who after files moved.

The fingerprint is made of the size, the header's digest and a few sampled blocks: 12 KiB read beyond the header,
whatever the size. Files up to 64 KiB count whole. Different training runs differ in every block of tensors, so that
samples tell them apart; a copied, moved or renamed file keeps its fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from ..errors import BadFile
from ..paths import SAFETENSORS
from .header import read_header

WHOLE = 64 * 1024
BLOCK = 4096
PLACES = (0.3, 0.6, 0.9)  # of the file: behind the header in all but the smallest


def fingerprint(path: Path | str, size: int, digest: str | None = None) -> str:
    """Content identity, 32 hex digits of blake2b.

    Args:
        path: a LoRA file of any kind; pickles are only sampled.
        size: its size in bytes.
        digest: `Header.digest` if the header has been read already, "" if it cannot be; None: read it.

    Raises:
        BadFile: the file cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            state = hashlib.blake2b(str(size).encode(), digest_size=16)
            if size <= WHOLE:
                state.update(file.read(WHOLE))
                return state.hexdigest()
            for place in PLACES:
                file.seek(min(int(size * place), size - BLOCK))
                state.update(file.read(BLOCK))
    except OSError as error:
        raise BadFile(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    state.update((_digest(Path(path)) if digest is None else digest).encode())
    return state.hexdigest()


def _digest(path: Path) -> str:
    if path.suffix.lower() not in SAFETENSORS:
        return ""
    try:
        return read_header(path).digest
    except BadFile:
        return ""  # damaged, yet it can be moved like any other


class Gone(Struct, frozen=True):
    """A catalogued LoRA whose file is no longer where it was."""

    id: str
    root: str
    path: str
    fingerprint: str


Place = tuple[str, str]  # root, root-relative path
_Key = TypeVar("_Key", bound=Hashable)


def rebind(gone: Sequence[Gone], new: Mapping[Place, str]) -> dict[Place, str]:
    """Which new file is which vanished LoRA: ``{place: id}``.

    Args:
        gone: vanished or missing LoRAs.
        new: fingerprints of the files that have no record yet.

    Within one fingerprint, files and records pair up first by equal root-relative path (a drive mounted elsewhere);
    then, where as many files as records are left, by equal file name (a tree with copies in it moved into another
    folder); then, if exactly one of each is left, by content alone. What stays ambiguous is not rebound.
    """
    records: dict[str, list[Gone]] = {}
    for record in gone:
        if record.fingerprint:
            records.setdefault(record.fingerprint, []).append(record)
    files: dict[str, list[Place]] = {}
    for place, print_ in new.items():
        if print_ in records:
            files.setdefault(print_, []).append(place)
    found: dict[Place, str] = {}
    for print_, places in files.items():
        candidates = records[print_]
        for step in (_path, _name, _anything):
            if step is _name and len(places) != len(candidates):
                continue  # one file became several, or the reverse: a name is no proof of which is which
            pairs = _unique_pairs(
                [(step(place[1]), place) for place in places], [(step(r.path), r) for r in candidates]
            )
            for place, record in pairs:
                found[place] = record.id
            places = [place for place in places if place not in found]
            taken = {record.id for _, record in pairs}
            candidates = [record for record in candidates if record.id not in taken]
    return found


def _path(path: str) -> str:
    return path


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _anything(_path: str) -> str:
    return ""


def _unique_pairs(places: Iterable[tuple[str, Place]], records: Iterable[tuple[str, Gone]]) -> list[tuple[Place, Gone]]:
    """Pairs with the same key where the key occurs once on both sides."""
    left = _singles(places)
    right = _singles(records)
    return [(place, right[key]) for key, place in left.items() if key in right]


def _singles(items: Iterable[tuple[str, _Key]]) -> dict[str, _Key]:
    groups: dict[str, list[_Key]] = {}
    for key, item in items:
        groups.setdefault(key, []).append(item)
    return {key: group[0] for key, group in groups.items() if len(group) == 1}
