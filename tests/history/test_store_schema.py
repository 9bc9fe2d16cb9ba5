"""Older histories become newer ones and are never dropped; newer ones are left alone."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lorarec.database import Database, open_database
from lorarec.errors import StorageError
from lorarec.history.schema import PART, VERSION, Step, migrate, tables
from lorarec.history.store import History
from lorarec.history_types import Generation, Linked

if TYPE_CHECKING:
    from sqlalchemy import Connection

ADD = "ALTER TABLE history_generation ADD COLUMN mood TEXT DEFAULT 'calm'"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path) as opened:
        history = History(opened)
        history.add_generations([(Generation(prompt="a"), None)], lambda use: Linked("", ""), now=1.0)
        yield opened


def columns(database: Database) -> set[str]:
    with database.read() as connection:
        return {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(history_generation)")}


def mood(connection: Connection) -> None:
    connection.exec_driver_sql(ADD)


def twice(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE history_generation SET mood = mood || '!'")


def broken(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE history_generation SET prompt = 'lost'")
    raise RuntimeError("the power fails")


def upgrade(database: Database, steps: dict[int, Step], new: int) -> None:
    database.ensure(PART, new, lambda: tables().metadata, functools.partial(migrate, steps=steps, new=new))


def test_steps_are_taken_one_after_the_other(database: Database) -> None:
    upgrade(database, {VERSION: mood, VERSION + 1: twice}, VERSION + 2)
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT prompt, mood FROM history_generation").fetchall()
    assert rows == [("a", "calm!")]
    with pytest.raises(StorageError, match="newer lorarec"):
        History(database)


@pytest.mark.parametrize("steps", [{VERSION: mood, VERSION + 1: broken}, {VERSION: broken}])
def test_a_migration_that_fails_half_way_changes_nothing(database: Database, steps: dict[int, Step]) -> None:
    before = columns(database)
    with pytest.raises(RuntimeError):
        upgrade(database, steps, VERSION + 2)
    assert columns(database) == before
    assert [past.prompt for past in History(database).past()] == ["a"], "and it is still of the old version"


def test_an_unknown_older_history_is_never_dropped(database: Database) -> None:
    with pytest.raises(StorageError, match="unknown older kind"):
        upgrade(database, {VERSION: mood}, VERSION + 2)
    assert [past.prompt for past in History(database).past()] == ["a"]


def test_every_row_carries_a_user() -> None:
    assert {name for name, table in tables().metadata.tables.items() if "user" not in table.columns} == set()
