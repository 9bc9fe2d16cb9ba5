"""Tag Autocomplete for the WebUI: how often each LoRA was completed (``tags/tag_frequency.db``).

Table tag_frequency(name, type, count_pos, count_neg, last_used); last_used is UTC, written by SQLite.
"""

from __future__ import annotations

import sqlite3

from ...history_types import Use
from ..adding import UsageCount
from ..harvest.values import moment, whole
from .imported import Imported, text
from .sqlite import columns

SOURCE = "tagcomplete"
_TYPES = (9, 10)  # its numbers for LoRA and LyCORIS
_COLUMNS = {"name", "type", "count_pos", "last_used"}


def recognises(connection: sqlite3.Connection) -> bool:
    """Whether this is its database."""
    return columns(connection, "tag_frequency") >= _COLUMNS


def read(connection: sqlite3.Connection) -> Imported:
    """The counts in positive prompts. Raises `sqlite3.DatabaseError`."""
    rows = connection.execute(
        "SELECT name, count_pos, last_used FROM tag_frequency WHERE type IN (?, ?) AND count_pos > 0", _TYPES
    )
    usage = [
        UsageCount(Use(name=name), count, moment(f"{text(last_used)}Z"))
        for value, amount, last_used in rows
        if (name := text(value)) and (count := whole(amount))
    ]
    return Imported(source=SOURCE, usage=tuple(usage))
