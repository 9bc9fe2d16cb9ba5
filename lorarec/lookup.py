"""Names that hosts and people use -> the LoRA meant. Never a guess: a name that several share is an error that lists
them.
"""

from __future__ import annotations

from functools import cached_property

from .errors import UnknownLora
from .paths import folded, without_extension
from .records import Records
from .types import Lora, stem_of


class Rows:
    """Name -> the rows that go by it; without a list for each, which Python's collector would look at."""

    def __init__(self) -> None:
        """Start empty."""
        self._first: dict[str, int] = {}
        self._more: dict[str, list[int]] = {}

    def add(self, name: str, row: int) -> None:
        """Note that a row goes by a name."""
        if self._first.setdefault(name, row) != row:
            self._more.setdefault(name, []).append(row)

    def __getitem__(self, name: str) -> list[int]:
        """All rows of a name, in the order added; none if nothing goes by it."""
        first = self._first.get(name)
        return [] if first is None else [first, *self._more.get(name, ())]


class Names:
    """Everything but ids that LoRAs go by."""

    def __init__(self, loras: Records) -> None:
        """Index paths, file names, titles and fingerprints."""
        self.exact: dict[str, int] = {}
        self.paths, self.stems, self.titles, self.prints = Rows(), Rows(), Rows(), Rows()
        columns = zip(loras.paths, loras.titles, loras.fingerprints, strict=True)
        for row, (path, title, fingerprint) in enumerate(columns):
            if fingerprint:
                self.prints.add(fingerprint, row)
            if self.exact.setdefault(path, row) != row:
                continue  # the first root wins, as in the hosts
            self.paths.add(_path(path), row)
            self.stems.add(folded(stem_of(path)), row)
            if title:
                self.titles.add(folded(title), row)


class Lookup:
    """An index of one library's names."""

    def __init__(self, loras: Records) -> None:
        """Names are indexed when one is first asked for, which a process with one prompt may never do."""
        self._loras = loras

    @cached_property
    def _names(self) -> Names:
        return Names(self._loras)

    def row(self, id_: str) -> int:
        """Place of a LoRA in the library; KeyError if it is not there."""
        return self._loras.place[id_]

    def shares_stem(self, id_: str) -> bool:
        """Whether another LoRA in another folder has the same file name, without extension and whatever its case."""
        row = self._loras.place.get(id_)
        return row is not None and len(self._names.stems[folded(stem_of(self._loras.paths[row]))]) > 1

    def find(self, name: str, fingerprint: str = "") -> Lora:
        """By id, path, fingerprint, then unique file name, then unique title.

        Raises:
            UnknownLora: none or several go by that name.
        """
        name = name.strip()
        known = self._loras.place.get(name)
        if known is not None:
            return self._loras[known]
        row = self._names.exact.get(name.replace("\\", "/").strip("/"))
        if row is not None:
            return self._loras[row]
        near_paths = self._names.paths[_path(name)]
        if len(near_paths) == 1:
            return self._loras[near_paths[0]]
        copies = self._names.prints[fingerprint] if fingerprint else []
        if len(copies) == 1:
            return self._loras[copies[0]]
        stem = _path(name).rsplit("/", 1)[-1]
        for found in (near_paths, self._names.stems[stem], self._names.titles[folded(name)]):
            if len(found) == 1:
                return self._loras[found[0]]
            if found:
                paths = ", ".join(self._loras.paths[at] for at in found[:5])
                raise UnknownLora(f'several LoRAs are called "{name}": {paths}; name one by its path')
        near = [path for path in self._loras.paths if stem and stem in folded(path)][:3]
        hint = f"; did you mean {', '.join(near)}?" if near else "; see `lorarec index` and the spelling"
        raise UnknownLora(f'no installed LoRA is called "{name}"{hint}')


def _path(name: str) -> str:
    """A path as compared: forward slashes, folded, without extension."""
    return without_extension(folded(name.replace("\\", "/").strip("/")))
