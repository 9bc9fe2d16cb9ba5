"""A large history stays quick: what is asked while somebody waits finds its rows by an index."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from lorarec.database import Database
from lorarec.history.adding import UsageCount
from lorarec.history.schema import tables
from lorarec.history.store import History
from lorarec.history_types import (
    Event,
    EventKind,
    Generation,
    ImageFile,
    Impression,
    Linked,
    OutcomeKind,
    ShownLora,
    Use,
)

LIKE = Event(kind=EventKind.LIKE, lora="a", at=1.0, impression=1)
ANSWER = Impression(at=1.0, prompt="p", shown=(ShownLora("a", 0.5),))
IMAGE = ImageFile("/out/1.png", 1, 1)

QUESTIONS: dict[str, Callable[[History], object]] = {
    "version": lambda history: history.version(),
    "add_event": lambda history: history.add_event(LIKE),
    "add_impression": lambda history: history.add_impression(ANSWER),
    "add_generations": lambda history: history.add_generations([made(n) for n in range(600)], link),
    "again, read otherwise": lambda history: history.add_images([IMAGE]),
    "add_outcomes": lambda history: history.add_outcomes([(IMAGE.path, OutcomeKind.KEPT, 1.0)]),
    "add_usage": lambda history: history.add_usage("tool", [UsageCount(Use(name="b"), 1)], link),
    "mark_gone": lambda history: history.mark_gone([IMAGE.path], 1.0),
    "known_images": lambda history: history.known_images("/out"),
    "relink": lambda history: history.relink(lambda use: Linked("id", "name")),
    "opinions": lambda history: history.opinions(),
    "hidden": lambda history: history.hidden(),
    "events of a LoRA": lambda history: history.events(lora="a"),
    "events of a kind": lambda history: history.events(kinds=[EventKind.DISMISS]),
    "the last events": lambda history: history.events(limit=5),
    "some answers": lambda history: history.impressions_of([1, 2]),
    "the last generations": lambda history: history.past(limit=5),
    "generations since": lambda history: history.past(since=5.0),
}


def link(use: Use) -> Linked:
    return Linked("", "") if use.name == "b" else Linked(f"id-{use.name}", "name")


def made(n: int) -> tuple[Generation, ImageFile]:
    uses = (Use(name="a"), Use(name="b"))
    generation = Generation(prompt=f"p {n}", loras=uses, seed=n, made=float(n), sources=(f"{n}.jpg",))
    return generation, ImageFile(f"/out/{n}.png", 1, 1)


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_table_is_walked_from_end_to_end(database: Database, question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(database)
    history.add_generations([made(n) for n in range(3)], link)
    history.add_usage("tool", [UsageCount(Use(name="b"), 2)], link)
    history.add_impression(ANSWER)
    history.add_event(LIKE)
    asked: list[str] = []

    def note(statement: str) -> None:  # with its values
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            asked.append(statement)

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = real(*arguments, **options)
        connection.set_trace_callback(note)
        return connection

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    monkeypatch.setattr("sqlite3.dbapi2.connect", connect)
    database.close()  # connections that are kept are not listened to
    QUESTIONS[question](history)
    monkeypatch.undo()
    database.close()
    assert asked or question in ("add_impression",)
    with database.read() as connection:
        for statement in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            steps = [row[3] for row in plan]
            walked = [step for step in steps if step.startswith("SCAN history_")]
            if "LIMIT" not in statement and "history_state" not in statement:
                walked += [step for step in steps if step.endswith("(user=?)")]  # everything that the one user has
            assert walked == [], f"{statement}\n{steps}"


def test_deleting_a_row_finds_those_that_refer_to_it() -> None:
    for table in tables().metadata.tables.values():
        indexed = {index.columns[0].name for index in table.indexes}
        indexed |= {next(iter(one.columns)).name for one in table.constraints if isinstance(one, sa.UniqueConstraint)}
        assert {key.parent.name for key in table.foreign_keys} <= indexed
