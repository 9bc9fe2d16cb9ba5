"""Catalogue -> library: build it by words, encode what is new, save it, map it back.

Every step yields a library worth serving, so that suggestions begin with words and go on with meaning.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from . import library as library_module
from .catalog.store import Catalog
from .encoding import TextVectors
from .errors import BadFile, MissingPart, NotReady, StorageError
from .library import Library, Texts
from .tidying import Tidying
from .types import Cancelled, Lora, Progress, ProgressSink

_log = logging.getLogger(__name__)

_PARTIAL = "-partial"  # behind the key of a library whose new texts are not encoded yet


class Indexed(Struct, frozen=True):
    """A library and how far it is."""

    library: Library
    stage: str  # "lexical": by words only | "full": with vectors


class Indexer:
    """Builds and keeps the library of some roots."""

    def __init__(
        self,
        roots: Sequence[Path],
        data_dir: Path,
        catalog: Catalog,
        vectors: TextVectors,
        busy: Callable[[], bool],
        tidying: Tidying | None,
    ) -> None:
        """Begin with what the catalogue and the store hold.

        Args:
            roots: LoRA folders in order of precedence.
            data_dir: where libraries are saved.
            catalog: the LoRAs.
            vectors: of their texts.
            busy: whether the host generates right now: the database is not tidied meanwhile.
            tidying: deletes vectors that nothing needs any more once a library is complete; None: they stay.
        """
        self._roots = roots
        self._data_dir = data_dir
        self._catalog = catalog
        self._vectors = vectors
        self._encoders = vectors.encoders
        self._busy = busy
        self._tidying = tidying
        # The state in which there was nothing to do: of the catalogue, the encoders and what was served.
        self._settled: tuple[int, dict[str, str], str, str] | None = None

    def update(self, now: Indexed | None, progress: ProgressSink | None, stop: Cancelled) -> Iterator[Indexed]:
        """Bring a library up to date with the catalogue.

        Args:
            now: what is served at present.
            progress: told of stages "lexical" and "encode".
            stop: asked often; what was done before it said True stays.

        Yields:
            Each library worth serving, better with every step; nothing if ``now`` is up to date.
        """
        version = self._catalog.version()
        read = functools.cache(self._loras)
        describe = functools.cache(lambda: [library_module.texts_of(lora) for lora in read()])
        self._encoders.settle(lambda models: self._all_stored(describe(), models))
        models = self._encoders.model_ids()
        state = (version, models, now.library.key if now else "", now.stage if now else "")
        if state == self._settled:
            return
        loras = read()
        key = library_module.key_of(loras, models)
        if now is not None and now.library.key == key and (now.stage == "full" or not models):
            self._settled = state
            return
        texts = describe() if models else []
        tick = _tick(progress, len(loras))
        if models and self._all_stored(texts, models):
            yield self._saved(library_module.build(loras, key, models, self._vectors.fetch, tick), "full")
            self._tidy(loras, texts, stop)
            return
        encoded = now is not None and now.stage == "full" and now.library.models == models
        if now is None or now.library.key != key:
            library = library_module.build(loras, key, models, self._vectors.fetch if encoded else None, tick)
            if library.vectors is None:
                yield self._saved(library, "lexical")
            else:
                # As a rule few texts are new: the others keep their meaning while those are encoded. Not saved, and by
                # a key of its own, since it would else be taken for complete.
                yield Indexed(replace(library, key=key + _PARTIAL), "full")
        else:
            library = now.library
        if not models or stop():
            return
        try:
            for lens, wanted in _texts_by_lens(texts):
                self._vectors.encode(models[lens], wanted, progress, stop)
        except NotReady as error:  # what was encoded is kept; the next refresh goes on from there
            _log.warning("indexed by words for the moment: %s", error)
            return
        except (MissingPart, BadFile) as error:
            self._encoders.give_up(str(error))
            yield self._saved(replace(library, key=key, vectors=None), "lexical")
            return
        if not stop():
            vectors = library_module.gather_vectors(texts, self._vectors.fetch)
            yield self._saved(replace(library, key=key, vectors=vectors), "full")
            self._tidy(loras, texts, stop)

    def _tidy(self, loras: Sequence[Lora], texts: Sequence[Texts], stop: Cancelled) -> None:
        """Make room in the database, if that can be done now: it is not urgent, and never beside a prompt that runs."""
        if self._tidying is not None:
            try:
                self._tidying.tidy(loras, texts, lambda: stop() or self._busy())
            except StorageError as error:  # the library is complete all the same
                _log.warning("vectors that nothing needs any more stay for now: %s", error)

    def _loras(self) -> list[Lora]:
        """The records of the catalogue in order of precedence."""
        place = {str(root): number for number, root in enumerate(self._roots)}
        loras = self._catalog.loras(roots=list(place))
        loras.sort(key=lambda lora: (place.get(lora.root, len(place)), lora.path))
        return loras

    def _all_stored(self, texts: Sequence[Texts], models: Mapping[str, str]) -> bool:
        """Whether every text has its vector by these models (lens -> model) already."""
        return all(self._vectors.complete(models[lens], wanted) for lens, wanted in _texts_by_lens(texts))

    @property
    def folder(self) -> Path:
        """Where the library of these roots is saved; hosts that share a data folder have one each."""
        return library_folder(self._data_dir, self._roots)

    def beside(self, library: Library) -> Path | None:
        """Where what is learned of a library's vectors may be kept; None while some of them are still to come."""
        return None if library.key.endswith(_PARTIAL) else self.folder

    def _saved(self, library: Library, stage: str) -> Indexed:
        """Save a library and map it back, so that its pages can be dropped."""
        folder = self.folder
        try:
            library_module.save(library, folder)
        except OSError as error:  # a full or read-only disk: go on in memory
            _log.warning("the index could not be saved in %s: %s", folder, error)
        else:
            mapped = library_module.load(folder)
            # Another process may have saved its own meanwhile.
            if mapped and mapped.key == library.key and (mapped.vectors is None) == (library.vectors is None):
                library = mapped
        return Indexed(library, stage)

    def restore(self) -> Indexed | None:
        """The index that an earlier process saved; its words only, if it was made with other encoders."""
        library = library_module.load(self.folder) if self._roots else None
        if library is None:
            return None
        if library.vectors is not None and self._encoders.adopt(library.models):
            return Indexed(library, "full")
        return Indexed(replace(library, vectors=None), "lexical")


def library_folder(data_dir: Path, roots: Sequence[Path]) -> Path:
    """Where the library of some roots is saved in a data folder."""
    name = blake2b("\0".join(map(str, roots)).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return data_dir / "index" / name


def _tick(progress: ProgressSink | None, total: int) -> Callable[[int], None]:
    """A counter for `library.build`."""
    begun = time.monotonic()

    def tick(done: int) -> None:
        if progress:
            seconds = max(time.monotonic() - begun, 1e-6)
            rate = done / seconds
            progress(Progress("lexical", done, total, rate, (total - done) / rate if rate else None))

    return tick


def _texts_by_lens(texts: Sequence[Texts]) -> Iterable[tuple[str, list[str]]]:
    """The texts each lens encodes; what makes the most difference first."""
    yield "semantic", [value for text in texts for value in (text.semantic, text.name) if value]
    yield "artistic", [text.artistic for text in texts if text.artistic]
    yield "technical", [text.technical for text in texts if text.technical]
    yield "semantic", [example for text in texts for example in text.examples if example]
