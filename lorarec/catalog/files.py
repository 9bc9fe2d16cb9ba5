"""Which files in a folder are LoRAs, and which sidecars and previews belong to each.

With N the name without extension and F the full name, a LoRA's sidecars are ``N.metadata.json``, ``N.civitai.info``,
``N.json``, ``N.api_info.json``, ``N.cm-info.json``, ``N.swarm.json``, ``N.txt``, ``N.description.txt`` and
``F.rgthree-info.json``; its previews ``N.<image>``, ``N.preview.<image>``, ``N.thumb.<image>`` and
``N.example.<i>.<image>``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from ..paths import EXTENSIONS

READERS = 3  # part of every stamp: raise it when files are read differently, and the next scan reads them all anew
STEM_SIDECARS = (
    ".metadata.json",
    ".civitai.info",
    ".json",
    ".api_info.json",
    ".cm-info.json",
    ".swarm.json",
    ".txt",
    ".description.txt",
)
RGTHREE = ".rgthree-info.json"
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".mp4", ".webm")  # stills before moving pictures
VIDEOS = (".mp4", ".webm")

_LORA, _SIDECAR, _IMAGE = 1, 2, 3
_KIND = {ending[1:]: _LORA for ending in EXTENSIONS}
_KIND |= {ending.rpartition(".")[2]: _SIDECAR for ending in STEM_SIDECARS}
_KIND |= {ending[1:]: _IMAGE for ending in IMAGES}
STATED = frozenset("." + end for end, kind in _KIND.items() if kind != _IMAGE)  # endings whose size and time count
_SIDECARS = frozenset(STEM_SIDECARS)
_NOBODY = "/"  # no file name has it
_EXAMPLE = re.compile(r"(.+)\.example\.(\d+)", re.DOTALL)
# Case decides on Linux; Windows and macOS tell no "A.json" from "a.json".
_FOLD = sys.platform in ("win32", "darwin")


class LoraFile(Struct, frozen=True, gc=False):
    """A LoRA file as a directory listing shows it, with the files that belong to it. Nothing was opened."""

    root: str  # absolute path of the LoRA root, as the host names it
    path: str  # root-relative, always with "/"
    size: int  # bytes
    modified_ns: int  # nanoseconds since the epoch
    sidecars: tuple[str, ...] = ()  # file names in the same folder, sorted
    previews: tuple[str, ...] = ()  # file names in the same folder, the best one to show first
    stamp: str = ""  # changes when the file or a sidecar is written, or any of them comes or goes

    @property
    def absolute(self) -> Path:
        """Where the file is."""
        return Path(self.root, self.path)

    @property
    def folder(self) -> Path:
        """The folder with the file, its sidecars and previews."""
        return self.absolute.parent

    def beside(self, name: str) -> str:
        """Root-relative path of a file in the same folder, with "/"."""
        head, slash, _ = self.path.rpartition("/")
        return head + slash + name


Family = tuple[tuple[str, ...], tuple[str, ...]]  # names of sidecars, of previews


def group(names: Iterable[str]) -> dict[str, Family]:
    """Assign the names of one folder to its LoRAs: ``{LoRA file name: (sidecars, previews)}``, in sorted order.

    A file that could belong to two stems (``a.metadata.json`` beside ``a.safetensors`` and ``a.metadata.safetensors``)
    belongs to the longer one. LoRAs that differ only in extension share what belongs to their stem. macOS's ``._name``
    companions on foreign drives are no LoRAs.
    """
    loras: dict[str, str] = {}  # name -> stem, folded
    others: list[tuple[str, str, str, int]] = []
    for name in names:
        folded = name.lower() if _FOLD else name
        stem, _, end = folded.rpartition(".")
        end = end.lower()
        kind = _KIND.get(end)
        if kind is None:
            continue
        if kind != _LORA:
            others.append((name, stem, end, kind))
        elif not name.startswith("._"):
            loras[name] = stem
    stems = set(loras.values())
    sidecars: dict[str, list[str]] = {}  # by stem, and by full name for the kind that is bound to it
    previews: dict[str, list[str]] = {}
    for name, stem, end, kind in others:
        if kind == _IMAGE:
            owner = stem if stem in stems else _owner_of_preview(stem)
            previews.setdefault(owner, []).append(name)
        else:
            owner = stem if stem in stems and end != "info" else _owner_of_sidecar(stem, end)
            sidecars.setdefault(owner, []).append(name)
    families: dict[str, Family] = {}
    for name in sorted(loras):
        stem = loras[name]
        beside = sidecars.get(stem, [])
        own = sidecars.get((name.lower() if _FOLD else name) + RGTHREE)
        if own:
            beside = beside + own
        pictures = previews.get(stem, [])
        families[name] = (
            tuple(sorted(beside) if len(beside) > 1 else beside),
            tuple(sorted(pictures, key=_preview_order) if len(pictures) > 1 else pictures),
        )
    return families


def _owner_of_sidecar(stem: str, end: str) -> str:
    """Whose sidecar ``stem.end`` is, if what tells has two dots: a stem, or for rgthree's the key of the whole name."""
    shorter, _, middle = stem.rpartition(".")
    ending = f".{middle.lower()}.{end}"
    if ending in _SIDECARS:
        return shorter
    return shorter + RGTHREE if ending == RGTHREE else _NOBODY


def _owner_of_preview(stem: str) -> str:
    shorter, _, middle = stem.rpartition(".")
    if middle.lower() in ("preview", "thumb"):
        return shorter
    example = _EXAMPLE.fullmatch(stem)
    return example[1] if example else _NOBODY


def _preview_order(name: str) -> tuple[bool, int, int, int, str]:
    """Stills before videos; then preview, plain, thumbnail, then examples by number."""
    stem, _, end = name.lower().rpartition(".")
    example = _EXAMPLE.fullmatch(stem)
    kind = 0 if stem.endswith(".preview") else 2 if stem.endswith(".thumb") else 3 if example else 1
    return f".{end}" in VIDEOS, kind, int(example[2]) if example else 0, IMAGES.index("." + end), name
