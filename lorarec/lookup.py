"""Names that hosts and people use -> the LoRA meant. Never a guess: a name that several share is an error that lists
them.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    def rows(self, name: str, fingerprint: str = "") -> list[int]:
        """The rows that a name may mean: by id, path, fingerprint, then file name, then title. Of several none is."""
        name = name.strip()
        known = self._loras.place.get(name)
        if known is None:
            known = self._names.exact.get(name.replace("\\", "/").strip("/"))
        if known is not None:
            return [known]
        near_paths = self._names.paths[_path(name)]
        if len(near_paths) == 1:
            return near_paths
        copies = self._names.prints[fingerprint] if fingerprint else []
        if len(copies) == 1:
            return copies
        stems = self._names.stems[_path(name).rsplit("/", 1)[-1]]
        return near_paths or stems or self._names.titles[folded(name)]

    def find(self, name: str, fingerprint: str = "") -> Lora:
        """The LoRA of a name, see `rows`.

        Raises:
            UnknownLora: none or several go by that name.
        """
        rows = self.rows(name, fingerprint)
        if len(rows) == 1:
            return self._loras[rows[0]]
        if rows:
            raise UnknownLora(self.several(name, rows))
        stem = _path(name.strip()).rsplit("/", 1)[-1]
        near = [path for path in self._loras.paths if stem and stem in folded(path)][:3]
        hint = f"did you mean {', '.join(near)}?" if near else "check its spelling; `lorarec index` finds new files"
        raise UnknownLora(f'no installed LoRA is called "{name.strip()}"; {hint}')

    def several(self, name: str, rows: Sequence[int]) -> str:
        """A sentence on a name that these rows share."""
        paths = ", ".join(self._loras.paths[at] for at in rows[:5])
        return f'several LoRAs are called "{name.strip()}": {paths}; name one by its path'


def _path(name: str) -> str:
    """A path as compared: forward slashes, folded, without extension."""
    return without_extension(folded(name.replace("\\", "/").strip("/")))
