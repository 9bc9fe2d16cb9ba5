"""The one embedded SQLite database (SQLAlchemy Core), shared by catalogue, vectors and history.

Several processes may use it at once: WAL journal, short write transactions, a generous busy timeout.

How a part of lorarec gets its tables: it builds them in a cached function, so that SQLAlchemy is imported no earlier
than the first statement, and asks the open database for them::

    @functools.cache
    def tables() -> MetaData:
        import sqlalchemy as sa
        metadata = sa.MetaData()
        sa.Table("vector", metadata, sa.Column("text_hash", sa.Text, primary_key=True), ...)
        return metadata

    database.ensure("vectors", 1, tables)

Each part has its own name and schema version, recorded in table ``part``; parts never share tables.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import damage
from .errors import StorageError
from .locks import file_lock, unwritable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, MetaData

FILE = "lorarec.sqlite3"
LOCK = "lorarec.lock"
FORMAT = 1  # of the file as a whole (PRAGMA user_version); parts count their own versions
BUSY_SECONDS = 30
READER_SECONDS = 3  # that rewriting the file waits for readers, whose transactions are short

Migrate = Callable[["Connection", int], None]


class Database:
    """An open database file. Safe to use from many threads; each block gets its own connection."""

    def __init__(self, path: Path, parts: Mapping[str, int], warning: str = "") -> None:
        """Use a file prepared by `open_database`, with the schema versions found in it."""
        self.path = path
        self.warning = warning  # a sentence for the user, "" if all was well at opening
        self._parts = dict(parts)
        self._made: Engine | None = None
        self._making = threading.Lock()

    @property
    def _engine(self) -> Engine:
        """Made for the first statement: importing SQLAlchemy takes longer than an answer that needs none."""
        with self._making:
            if self._made is None:
                self._made = _engine(self.path)
            return self._made

    def read(self) -> contextlib.AbstractContextManager[Connection]:
        """A connection that sees one unchanging snapshot and is rolled back at the end.

        Raises:
            StorageError: the file is damaged, locked too long or not readable.
        """
        return self._transaction(write=False)

    @contextlib.contextmanager
    def peek(self) -> Iterator[sqlite3.Connection]:
        """As `read`, on a connection of the driver: for the few rows that the first answer of a process needs.

        Importing SQLAlchemy takes longer than all else of that answer but its encoder.

        Raises:
            StorageError: as `read`.
        """
        try:
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            with contextlib.closing(connection):
                connection.execute("BEGIN")
                yield connection
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def write(self) -> contextlib.AbstractContextManager[Connection]:
        """A connection inside ``BEGIN IMMEDIATE``: committed at the end, rolled back on an error. Keep it short.

        Raises:
            StorageError: another process held the lock for `BUSY_SECONDS`, the disk is full, the file is damaged.
        """
        return self._transaction(write=True)

    @contextlib.contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Connection]:
        from sqlalchemy.exc import DBAPIError

        try:
            with self._engine.connect() as connection:
                connection = connection.execution_options(lorarec_write=write)
                with connection.begin() as transaction:
                    yield connection
                    if not write:
                        transaction.rollback()
        except (DBAPIError, sqlite3.Error) as error:  # the latter where rows are fetched straight from the driver
            raise self._failed(error.orig if isinstance(error, DBAPIError) else error) from error

    def _failed(self, cause: BaseException | None) -> StorageError:
        if damage.is_damage(cause):
            damage.note(self.path)
        return StorageError(_explain(self.path, cause))

    def ensure(self, part: str, version: int, metadata: Callable[[], MetaData], migrate: Migrate | None = None) -> None:
        """Make the tables of one part exist in the given schema version; cheap when they do.

        Args:
            part: name of the owner of these tables, e.g. "catalog".
            version: the schema version that ``metadata`` describes, counted from 1.
            metadata: makes the part's tables; called only if they are to be made.
            migrate: turns an older schema into this one, called as ``migrate(connection, old_version)`` inside one
                transaction. Without it older tables are dropped and made anew: right for derived data only.

        Raises:
            StorageError: the tables were made by a newer lorarec.
        """
        if self._parts.get(part) == version:
            return
        with self.write() as connection:
            known = self._part_version(connection, part)  # another process may have come first
            if known > version:
                raise StorageError(
                    f"{self.path} was written by a newer lorarec ({part} {known}, this one knows {version}); "
                    "update lorarec or choose another data folder"
                )
            if known == version:
                self._parts[part] = version
                return
            if known and migrate:
                migrate(connection, known)
            elif known:
                metadata().drop_all(connection)
            metadata().create_all(connection)
            connection.exec_driver_sql(
                "INSERT INTO part (name, version) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET version = excluded.version",
                (part, version),
            )
        self._parts[part] = version

    def _part_version(self, connection: Connection, part: str) -> int:
        row = connection.exec_driver_sql("SELECT version FROM part WHERE name = ?", (part,)).fetchone()
        return int(row[0]) if row else 0

    def check(self) -> str:
        """SQLite's own integrity check: "ok", or what is wrong. Reads the whole file.

        A file with damage is set aside when it is opened the next time.
        """
        with self.read() as connection:
            rows = connection.exec_driver_sql("PRAGMA integrity_check(5)").fetchall()
        found = "; ".join(str(row[0]) for row in rows)
        if found != "ok":
            damage.note(self.path)
        return found

    def compact(self) -> bool:
        """Rewrite the file, so that nothing deleted is left in it or in its journal. Takes a moment for a large file.

        Returns:
            False if another process was reading meanwhile: remains may then stand in the journal until it ends.

        Raises:
            StorageError: another process held the lock for `BUSY_SECONDS`, or the disk lacks room for a second copy.
        """
        try:
            with contextlib.closing(self._engine.raw_connection()) as connection:  # outside any transaction
                cursor = connection.cursor()
                cursor.execute("VACUUM")
                cursor.execute(f"PRAGMA busy_timeout = {READER_SECONDS * 1000:.0f}")  # writers wait meanwhile
                try:
                    busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                finally:
                    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return not busy

    def close(self) -> None:
        """Close all pooled connections; the last process to do so folds the journal into the file."""
        if self._made is not None:
            self._made.dispose()

    def __enter__(self) -> Database:
        """Use as a context manager to close at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def open_database(data_dir: Path) -> Database:
    """Open ``<data_dir>/lorarec.sqlite3``, made with its folder where absent.

    A damaged file is set aside as ``lorarec.sqlite3.damaged-<date>`` and a fresh one takes its place, with what can be
    read of the history; `Database.warning` then says so. Damage deep in the file, which opening it does not show, is
    noted when it is met and dealt with by the next call. Two processes may open or create at the same time.

    Raises:
        StorageError: the folder is not writable, or the file was made by a newer lorarec.
    """
    path = data_dir / FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(unwritable(data_dir, error)) from error
    with file_lock(data_dir / LOCK):
        warning = ""
        try:
            damage.look(path, BUSY_SECONDS)
            parts = _prepare(path)
        except sqlite3.DatabaseError as error:
            if not damage.is_damage(error):
                raise StorageError(_explain(path, error)) from error
            parts, warning = {}, _begin_anew(path, error)
    return Database(path, parts, warning)


def _begin_anew(path: Path, error: sqlite3.DatabaseError) -> str:
    """Put a new file in the place of a damaged one; returns what to say of it."""
    new = damage.new_name(path)
    try:
        new.unlink(missing_ok=True)
        _prepare(new)
    except (OSError, sqlite3.DatabaseError) as again:
        raise StorageError(_explain(path, again)) from again
    return damage.replace(path, error)


def _prepare(path: Path) -> dict[str, int]:
    """Create or check the file, and read the parts' versions; sqlite3 errors of a damaged one pass through."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > FORMAT:
            raise StorageError(
                f"{path} was written by a newer lorarec (format {version}, this one knows {FORMAT}); "
                "update lorarec or choose another data folder"
            )
        # Where WAL is impossible (some network drives) SQLite keeps its rollback journal: slower, still safe.
        connection.execute("PRAGMA journal_mode = WAL")
        if version < FORMAT:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE IF NOT EXISTS part (name TEXT PRIMARY KEY, version INTEGER NOT NULL)")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
            connection.execute("COMMIT")
        parts = dict(connection.execute("SELECT name, version FROM part").fetchall())
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        if not os.access(path, os.W_OK):
            raise StorageError(f"{path} is read-only; make it writable or choose another data folder")
        return parts
    finally:
        connection.close()


def _engine(path: Path) -> Engine:
    import sqlalchemy as sa

    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        max_overflow=-1,  # a server's threads must not starve each other; connections are cheap
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(dbapi: Any, _record: object) -> None:
        dbapi.isolation_level = None  # transactions begin where we say, not where the driver guesses
        for pragma in ("synchronous = NORMAL", "foreign_keys = ON", "cache_size = -8000"):
            dbapi.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("lorarec_write", False)
        # A deferred transaction that writes later can fail at once with "locked"; an immediate one waits its turn.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _explain(path: Path, error: BaseException | None) -> str:
    text = str(error)
    if "locked" in text:
        return f"{path} is in use by another process that does not let go; try again when it has finished"
    if "readonly" in text or "unable to open" in text:
        return f"{path} cannot be written ({text}); check its permissions or choose another data folder"
    if "full" in text:
        return f"{path} cannot be written: the disk is full; free some space"
    if damage.is_damage(error):
        then = "it is then set aside, and what can be read of the history is saved"
        return f"{path} is damaged ({text}); start lorarec or its host anew: {then}"
    return f"{path} cannot be used ({text})"
