"""The shared database: opening, parts and their versions, damage, several processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from lorarec.database import FILE, open_database
from lorarec.errors import StorageError

REPO = Path(__file__).resolve().parents[1]


def _thing(*columns: str) -> tuple[sa.MetaData, sa.Table]:
    metadata = sa.MetaData()
    more = [sa.Column(name, sa.Text) for name in columns]
    table = sa.Table("thing", metadata, sa.Column("id", sa.Integer, primary_key=True), *more)
    return metadata, table


def test_import_is_free_of_sqlalchemy():
    code = "import sys, lorarec.database; print('sqlalchemy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_written_rows_outlive_the_process_and_failed_blocks_leave_none(tmp_path):
    metadata, thing = _thing("name")
    with open_database(tmp_path / "deep" / "er") as database:
        database.ensure("things", 1, lambda: metadata)
        with database.write() as connection:
            connection.execute(sa.insert(thing), [{"id": 1, "name": "a"}])
        with pytest.raises(RuntimeError), database.write() as connection:
            connection.execute(sa.insert(thing), [{"id": 2, "name": "b"}])
            raise RuntimeError
        with database.read() as connection:
            connection.execute(sa.insert(thing), [{"id": 3, "name": "a read never writes"}])
    with open_database(tmp_path / "deep" / "er") as database:
        database.ensure("things", 1, lambda: metadata)
        with database.read() as connection:
            assert [tuple(r) for r in connection.execute(sa.select(thing))] == [(1, "a")]
        assert database.check() == "ok"
        assert database.warning == ""


def test_asking_again_for_known_tables_waits_for_no_writer(tmp_path):
    metadata, _ = _thing("name")
    for _ in ("made now", "made before"):
        with open_database(tmp_path) as database:
            database.ensure("things", 1, lambda: metadata)
            with database.write():  # a second one would wait for this one
                database.ensure("things", 1, lambda: pytest.fail("they are there"))


def test_a_reader_sees_one_snapshot_while_another_thread_writes(tmp_path):
    metadata, thing = _thing("name")
    with open_database(tmp_path) as database:
        database.ensure("things", 1, lambda: metadata)

        def write() -> None:
            with database.write() as connection:
                connection.execute(sa.insert(thing), [{"id": 1, "name": "a"}])

        count = sa.select(sa.func.count()).select_from(thing)
        with database.read() as connection:
            assert connection.execute(count).scalar() == 0
            thread = threading.Thread(target=write)
            thread.start()
            thread.join()
            assert connection.execute(count).scalar() == 0
        with database.read() as connection:
            assert connection.execute(count).scalar() == 1


def test_a_peek_sees_one_snapshot_and_changes_nothing(tmp_path, monkeypatch):
    metadata, thing = _thing("name")
    connect = sqlite3.connect
    # Python 3.15 takes all but the path by name only.
    monkeypatch.setattr(sqlite3, "connect", lambda path, **options: connect(path, **options))
    with open_database(tmp_path) as database:
        database.ensure("things", 1, lambda: metadata)
        with database.peek() as peek:
            assert peek.execute("SELECT count(*) FROM thing").fetchone() == (0,)
            with database.write() as writer:
                writer.execute(sa.insert(thing), [{"id": 1, "name": "a"}])
            assert peek.execute("SELECT count(*) FROM thing").fetchone() == (0,)
        with database.peek() as peek:
            assert peek.execute("SELECT name FROM thing").fetchall() == [("a",)]
            peek.execute("DELETE FROM thing")
        with database.peek() as peek:
            assert peek.execute("SELECT count(*) FROM thing").fetchone() == (1,)
        with pytest.raises(StorageError, match="no such table"), database.peek() as peek:
            peek.execute("SELECT * FROM missing")


def test_an_older_part_is_migrated_in_place(tmp_path):
    with open_database(tmp_path) as database:
        database.ensure("things", 1, lambda: _thing("name")[0])
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO thing VALUES (1, 'a')")

        def migrate(connection: sa.Connection, old: int) -> None:
            assert old == 1
            connection.exec_driver_sql("ALTER TABLE thing ADD COLUMN colour TEXT DEFAULT 'red'")

        database.ensure("things", 2, lambda: _thing("name", "colour")[0], migrate)
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT * FROM thing").fetchall() == [(1, "a", "red")]
        with pytest.raises(StorageError, match="newer lorarec"):
            database.ensure("things", 1, lambda: _thing("name")[0])


def test_a_failing_migration_changes_nothing(tmp_path):
    with open_database(tmp_path) as database:
        database.ensure("things", 1, lambda: _thing("name")[0])

        def migrate(connection: sa.Connection, _old: int) -> None:
            connection.exec_driver_sql("ALTER TABLE thing ADD COLUMN colour TEXT")
            raise RuntimeError

        with pytest.raises(RuntimeError):
            database.ensure("things", 2, lambda: _thing("name", "colour")[0], migrate)
        database.ensure("things", 1, lambda: _thing("name")[0])  # still version 1
        with database.read() as connection:
            assert len(connection.exec_driver_sql("PRAGMA table_info(thing)").fetchall()) == 2


def test_a_derived_part_is_made_anew(tmp_path):
    with open_database(tmp_path) as database:
        database.ensure("things", 1, lambda: _thing("name")[0])
        database.ensure("things", 2, lambda: _thing("other")[0])
        with database.read() as connection:
            columns = [r[1] for r in connection.exec_driver_sql("PRAGMA table_info(thing)")]
        assert columns == ["id", "other"]


@pytest.mark.parametrize("damage", ["noise", "truncated", "empty schema"])
def test_a_damaged_file_is_set_aside(tmp_path, damage):
    metadata, _ = _thing("name")
    with open_database(tmp_path) as database:
        database.ensure("things", 1, lambda: metadata)
    path = tmp_path / FILE
    if damage == "noise":
        path.write_bytes(b"\x93noise" * 5000)
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE part")
        connection.close()
    with open_database(tmp_path) as database:
        assert "damaged" in database.warning and "scanned again" in database.warning
        database.ensure("things", 1, lambda: metadata)
        assert database.check() == "ok"
    kept = [p for p in tmp_path.iterdir() if ".damaged-" in p.name]
    assert len(kept) == 1 and kept[0].stat().st_size > 0
    with open_database(tmp_path) as database:
        assert database.warning == ""


def test_a_newer_file_is_left_alone(tmp_path):
    open_database(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(StorageError, match="newer lorarec"):
        open_database(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_data_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="a file is in its way; choose another data folder"):
        open_database(tmp_path / "file" / "data")


def test_a_newer_part_is_refused_and_left_alone(tmp_path):
    from lorarec.history.store import History

    with open_database(tmp_path) as database:
        History(database)
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE part SET version = 99 WHERE name = 'history'")
    raw = sqlite3.connect(tmp_path / FILE)
    before = list(raw.iterdump())
    for _ in range(2):
        with open_database(tmp_path) as database, pytest.raises(StorageError, match=r"newer lorarec .history 99"):
            History(database)
    assert list(raw.iterdump()) == before and not [p for p in tmp_path.iterdir() if "damaged" in p.name]
    raw.close()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody can write")
def test_a_folder_in_which_nobody_can_write():
    with pytest.raises(StorageError, match=r"cannot be written .*choose another data folder"):
        open_database(Path("/proc/self"))


def test_a_file_that_is_locked_while_it_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("lorarec.database.BUSY_SECONDS", 0.1)
    open_database(tmp_path).close()
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match="in use by another process"):
        open_database(tmp_path)
    other.execute("ROLLBACK")
    other.close()
    with open_database(tmp_path) as database:
        assert database.warning == "", "a lock is no damage"


def test_a_held_lock_is_one_clear_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("lorarec.database.BUSY_SECONDS", 0.1)
    with open_database(tmp_path) as database:
        other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="in use by another process"), database.write():
            pass
        other.close()


def test_folder_names_with_odd_characters(tmp_path):
    folder = tmp_path / "a b?#%20ü日本"
    with open_database(folder) as database:
        database.ensure("things", 1, lambda: _thing("name")[0])
    assert (folder / FILE).is_file()


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_what_was_deleted_is_not_left_in_the_files(tmp_path, mode):
    metadata, thing = _thing("name")
    with open_database(tmp_path) as database:
        database.ensure("things", 1, lambda: metadata)
        database.close()  # the journal's mode is changed while nobody uses the file
        raw = sqlite3.connect(tmp_path / FILE)
        assert raw.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0] == mode.lower()
        raw.close()
        with database.write() as connection:
            connection.execute(sa.insert(thing), [{"id": n, "name": f"secret {n} " * 50} for n in range(500)])
        with database.write() as connection:
            connection.execute(sa.delete(thing).where(thing.c.id != 7))

        def secrets() -> bool:
            return any(b"secret 8 " in path.read_bytes() for path in tmp_path.iterdir())

        assert secrets() or mode == "DELETE"  # some builds of SQLite overwrite what is deleted
        assert database.compact() is True
        assert not secrets()
        with pytest.raises(RuntimeError), database.write() as connection:
            connection.execute(sa.delete(thing))
            raise RuntimeError  # transactions still begin where we say
        with database.read() as connection:
            assert connection.execute(sa.select(thing.c.id)).scalars().all() == [7]


def test_a_reader_keeps_the_journal(tmp_path, monkeypatch):
    monkeypatch.setattr("lorarec.database.READER_SECONDS", 0.05)
    metadata, thing = _thing("name")
    with open_database(tmp_path) as database:
        database.ensure("things", 1, lambda: metadata)
        with database.read() as connection:
            connection.execute(sa.select(thing)).fetchall()
            assert database.compact() is False
        assert database.compact() is True


def test_processes_that_create_at_once(tmp_path):
    code = """
import sys, pathlib, sqlalchemy as sa
from lorarec.database import open_database
metadata = sa.MetaData()
sa.Table("thing", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("who", sa.Text))
database = open_database(pathlib.Path(sys.argv[1]))
database.ensure("things", 1, lambda: metadata)
for _ in range(20):
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO thing (who) VALUES (?)", (sys.argv[2],))
"""
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(i)], cwd=REPO) for i in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    with open_database(tmp_path) as database:
        assert database.warning == ""
        with database.read() as connection:
            rows = connection.exec_driver_sql("SELECT who, count(*) FROM thing GROUP BY who ORDER BY who").fetchall()
    assert rows == [("0", 20), ("1", 20), ("2", 20)]
