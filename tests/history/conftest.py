"""An empty history in a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lorarec.database import Database, open_database
from lorarec.history.store import History


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new database."""
    with open_database(tmp_path) as opened:
        yield opened


@pytest.fixture
def history(database: Database) -> History:
    """The history in it."""
    return History(database)
