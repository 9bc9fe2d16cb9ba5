"""Which LoRAs are meant: names and hashes in images, and catalogue ids, worked out once per state of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

from .catalog.store import Catalog
from .history.link import Links
from .library import Library


class Linking:
    """Links what was used to what is installed. Safe from many threads."""

    def __init__(self, catalog: Catalog, roots: Sequence[str]) -> None:
        """Begin with what the catalogue holds.

        Args:
            catalog: names, hashes and contents of the LoRAs.
            roots: LoRA folders in order of precedence; a name that several could mean is looked for in these first.
        """
        self._catalog = catalog
        self._roots = {root: number for number, root in enumerate(roots)}
        self._links: tuple[int, Links] | None = None
        self._rows: tuple[tuple[int, str], dict[str, int]] | None = None

    @property
    def possible(self) -> bool:
        """Whether any LoRA is known at all."""
        return self._catalog.count() > 0

    @property
    def links(self) -> Links:
        """From names and hashes in images to installed LoRAs."""
        version = self._catalog.version()
        kept = self._links
        if kept is None or kept[0] != version:
            loras = self._catalog.loras(include_missing=True)
            loras.sort(key=lambda lora: self._roots.get(lora.root, len(self._roots)))
            kept = (version, Links(loras))
            self._links = kept
        return kept[1]

    def rows(self, library: Library) -> dict[str, int]:
        """Catalogue id -> library row; also of the same file in a folder that another host uses."""
        state = (self._catalog.version(), library.key)
        kept = self._rows
        if kept is None or kept[0] != state:
            place = library.loras.place
            if set(self._catalog.roots()) - self._roots.keys():
                place = dict(place)
                content = {content: row for row, content in enumerate(library.loras.fingerprints) if content}
                for lora in self._catalog.loras(include_missing=True):
                    if lora.fingerprint in content:
                        place.setdefault(lora.id, content[lora.fingerprint])
            kept = (state, place)
            self._rows = kept
        return kept[1]
