"""Read a lorabench folder: real LoRAs, prompts whose users chose LoRAs, prompts whose users chose none.

The format is that of the benchmark's own README: gzipped JSON Lines, and libraries.json.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from ..errors import BadFile, UsageError

T = TypeVar("T")


class CorpusFile(Struct, frozen=True):
    """One published file of a LoRA."""

    file: str
    version: str = ""
    sha256: str | None = None
    size_kb: float | None = None
    base_model: str | None = None
    created: str | None = None  # ISO date
    trained_words: list[str] = []
    downloads: int | None = None


class CorpusLora(Struct, frozen=True):
    """One LoRA of the corpus, as its page described it."""

    id: str
    name: str
    base_model: str | None = None
    type: str = "LORA"
    description: str = ""
    tags: list[str] = []
    trained_words: list[str] = []
    stats: dict[str, float | None] = {}
    files: list[CorpusFile] = []  # newest first

    @property
    def created(self) -> str:
        """ISO date of its first file, "" if unknown."""
        return min((file.created for file in self.files if file.created), default="")


class Label(Struct, frozen=True):
    """A LoRA that a prompt's user put in."""

    id: str
    name: str = ""
    weight: float | None = None
    link: str = ""
    overlap: str = "none"  # best textual link between prompt and metadata: trigger, name, tag, none


class Row(Struct, frozen=True):
    """A prompt and the LoRAs that its user put in."""

    id: str
    prompt: str
    loras: tuple[Label, ...] = ()
    base_model: str | None = None
    host: str = ""  # of examples: the LoRA on whose page it stands


class Bench:
    """A lorabench folder; files are read when first asked for."""

    def __init__(self, folder: Path | str) -> None:
        """Remember the folder.

        Raises:
            UsageError: it holds no benchmark.
        """
        self.folder = Path(folder)
        if not (self.folder / "corpus.jsonl.gz").is_file():
            raise UsageError(f"{self.folder} is not a lorabench folder: it has no corpus.jsonl.gz")

    @cached_property
    def corpus(self) -> dict[str, CorpusLora]:
        """All LoRAs by id, in the order of the file."""
        return {lora.id: lora for lora in self._rows("corpus", CorpusLora)}

    @cached_property
    def examples(self) -> list[Row]:
        """The authors' showcase prompts."""
        return self._rows("examples", Row)

    @cached_property
    def queries(self) -> list[Row]:
        """The prompts to be judged by."""
        return self._rows("queries", Row)

    @cached_property
    def history(self) -> list[Row]:
        """Further community prompts; empty where the file is absent."""
        return self._rows("history", Row) if (self.folder / "history.jsonl.gz").is_file() else []

    @cached_property
    def no_lora(self) -> list[Row]:
        """Prompts whose users chose no LoRA."""
        return self._rows("no_lora", Row)

    @cached_property
    def libraries(self) -> dict[str, list[str]]:
        """The fixed libraries, "size:number" -> ids of LoRAs."""
        path = self.folder / "libraries.json"
        try:
            sizes = msgspec.json.decode(path.read_bytes(), type=dict[str, list[list[str]]])
        except (OSError, msgspec.DecodeError) as error:
            raise BadFile(f"{path} cannot be read ({error}); copy the benchmark again") from error
        return {f"{size}:{number}": ids for size, all_ids in sizes.items() for number, ids in enumerate(all_ids)}

    @cached_property
    def showcase(self) -> dict[str, list[Row]]:
        """The examples on each LoRA's own page that use this LoRA, in the order of the file."""
        shown: dict[str, list[Row]] = {}
        for row in self.examples:
            for label in row.loras:
                if label.id == row.host:
                    shown.setdefault(label.id, []).append(row)
        return shown

    def queries_digest(self) -> str:
        """16 hex digits of the queries file's SHA-256: tells whether a model was trained on these queries."""
        return hashlib.sha256(self._path("queries").read_bytes()).hexdigest()[:16]

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl.gz"

    def _rows(self, name: str, kind: type[T]) -> list[T]:
        path = self._path(name)
        decoder = msgspec.json.Decoder(kind)
        rows: list[T] = []
        try:
            with gzip.open(path, "rb") as file:
                for line in file:
                    rows.append(decoder.decode(line))
        except (OSError, EOFError, msgspec.DecodeError) as error:
            place = f"{path}, line {len(rows) + 1}"
            raise BadFile(f"{place}: cannot be read ({error}); copy the benchmark again") from error
        return rows
