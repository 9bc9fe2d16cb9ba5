"""Vectors that nothing needs any more, of changed descriptions above all, leave the database.

They are dear to make anew, so that whatever could be in use stays: of every LoRA that the catalogue knows, missing ones
and those of other hosts' folders among them, and of everybody's prompts, by whichever encoder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from . import library as library_module
from .catalog.store import Catalog
from .index.vector_store import VectorStore, text_hash
from .library import Texts
from .prompt.read import clean
from .types import Cancelled, Lora

_log = logging.getLogger(__name__)

_WORTH = 1 / 8  # share of all vectors that must be to spare before somebody looks which


class Tidying:
    """Deletes such vectors after an index is complete. For one thread at a time."""

    def __init__(self, catalog: Catalog, store: VectorStore, prompts: Callable[[], Iterable[str]]) -> None:
        """``prompts`` gives all prompts, whoever's, whose vectors are in use."""
        self._catalog = catalog
        self._store = store
        self._prompts = prompts
        self._others = 0  # vectors that the last look found to be in use beside those of the library

    def tidy(self, loras: Sequence[Lora], texts: Sequence[Texts], stop: Cancelled) -> int:
        """Delete what is not in use, if that could be much.

        Args:
            loras: those of a library whose texts all have their vectors.
            texts: of these.
            stop: asked often; True ends the work, and the next time begins anew.

        Returns:
            How many vectors were deleted.

        Raises:
            StorageError: the database fails.
        """
        described = {text_hash(text) for one in texts for text in library_module.every_text(one)}
        stored = self._store.count()
        if stored - len(described) - self._others <= stored * _WORTH:
            return 0
        known = {lora.id: lora for lora in loras}

        def in_use() -> set[str] | None:
            used = set(described)
            for lora in self._catalog.loras(include_missing=True):
                if stop():
                    return None
                if known.get(lora.id) != lora:  # another process may have read its file anew meanwhile
                    used.update(map(text_hash, library_module.every_text(library_module.texts_of(lora))))
            for prompt in self._prompts():
                if stop():
                    return None
                used.add(text_hash(clean(prompt)))
            return used

        deleted = self._store.prune(in_use, stop)
        if not stop():
            self._others = max(0, stored - deleted - len(described))
        if deleted:
            _log.info("%d vectors that nothing needs any more were deleted", deleted)
        return deleted
