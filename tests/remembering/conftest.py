"""One database, one library, and memories of one user, opened as often as a test likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from lorarec.catalog.store import Catalog
from lorarec.database import Database, open_database
from lorarec.encoding import TextVectors
from lorarec.index.vector_store import VectorStore
from lorarec.library import Library
from lorarec.remembering import Memory
from lorarec.settings import Settings
from one_memory import Encoders, build_library


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def encoders() -> Encoders:
    return Encoders()


@pytest.fixture
def library(encoders: Encoders) -> Library:
    return build_library(encoders)


@pytest.fixture
def open_memory(database: Database, encoders: Encoders, tmp_path: Path) -> Iterator[Callable[..., Memory]]:
    """``open_memory(busy)`` opens the history of one user, as another process would each time."""
    opened: list[Memory] = []

    def open_(busy: Callable[[], bool] = lambda: False, **settings: object) -> Memory:
        memory = Memory(
            database,
            Catalog(database),
            TextVectors(VectorStore(database), encoders, busy),  # type: ignore[arg-type]
            replace(Settings(), **settings),  # type: ignore[type-var]
            ["/r"],
            tmp_path / "data" / "index" / "roots",
            "local",
            busy,
        )
        opened.append(memory)
        return memory

    yield open_
    for memory in opened:
        memory.close()
