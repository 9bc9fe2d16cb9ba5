"""Scanning: incremental, identities that survive moves, roots that come and go, cancelling, pausing, broken files."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest
from msgspec import Struct

from lorarec import meter as meter_module
from lorarec.catalog import scan as scan_module
from lorarec.catalog.compare import compare
from lorarec.catalog.files import LoraFile
from lorarec.catalog.scan import scan
from lorarec.catalog.store import Catalog
from lorarec.database import open_database
from lorarec.errors import BadFile, UnknownLora
from lorarec.types import Claim, Lora, Origin, Progress, ScanProblem, ScanReport


class Found(Struct):
    lora: Lora
    claims: tuple[Claim, ...]
    problems: tuple[ScanProblem, ...] = ()
    digest: str = ""


class Reader:
    """Describes a LoRA by the text in its file, and remembers which it was asked for."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, file: LoraFile) -> Found:
        self.read.append(file.path)
        text = file.absolute.read_text(encoding="utf-8", errors="replace")
        if text.startswith("broken"):
            raise BadFile(f"{file.path} is broken; download it again")
        if text.startswith("bug"):
            raise ZeroDivisionError
        if text.startswith("surrogate"):
            text = "\ud800"
        notes = "".join((file.folder / name).read_text() for name in file.sidecars)
        problems = (ScanProblem(file.path, "odd; mend it"),) if text.startswith("odd") else ()
        lora = Lora(
            id="",
            root=file.root,
            path=file.path,
            size=file.size,
            modified=file.modified_ns / 1e9,
            title=text,
            notes=notes,
        )
        return Found(lora, (Claim("title", text, "file", Origin.AUTHOR),), problems)


class Library:
    """A catalogue over folders below one place."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.root = place / "loras"
        self.root.mkdir()
        self.database = open_database(place / "data")
        self.catalog = Catalog(self.database)
        self.reader = Reader()

    def put(self, path: str, text: str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text or path, encoding="utf-8", errors="surrogateescape")
        return file

    def scan(self, *roots: Path, **options: object) -> ScanReport:
        self.reader.read.clear()
        return scan(self.catalog, roots or (self.root,), describe=self.reader, **options)

    def ids(self, *, include_missing: bool = False) -> dict[str, str]:
        return {lora.path: lora.id for lora in self.catalog.loras(include_missing=include_missing)}


@pytest.fixture
def library(tmp_path):
    one = Library(tmp_path)
    yield one
    one.database.close()


def counts(report: ScanReport) -> tuple[int, int, int, int, int]:
    return report.found, report.added, report.changed, report.moved, report.missing


def test_a_first_scan_stores_what_was_described(library):
    library.put("a/x.pt", "the x")
    library.put("y.pt", "the y")
    report = library.scan()
    assert counts(report) == (2, 2, 0, 0, 0)
    assert report.problems == () and not report.cancelled and report.seconds > 0
    x, y = library.catalog.loras()
    assert (x.path, x.title, y.path, y.title) == ("a/x.pt", "the x", "y.pt", "the y")
    assert x.root == str(library.root) and len(x.id) == 16 and len(x.fingerprint) == 32 and x.id != y.id
    assert library.catalog.details(x.id).claims == (Claim("title", "the x", "file", Origin.AUTHOR),)
    with pytest.raises(UnknownLora, match="scan again"):
        library.catalog.details("0" * 16)


def test_nothing_changed_means_nothing_read_and_nothing_written(library):
    library.put("x.pt")
    library.put("odd.pt", "odd")
    first = library.scan()
    version, size = library.catalog.version(), library.database.path.stat().st_mtime_ns
    wal = library.database.path.with_name(library.database.path.name + "-wal").stat()
    report = library.scan()
    assert counts(report) == (2, 0, 0, 0, 0)
    assert report.problems == first.problems != ()
    assert library.reader.read == []
    assert library.catalog.version() == version
    assert library.database.path.stat().st_mtime_ns == size
    after = library.database.path.with_name(library.database.path.name + "-wal").stat()
    assert (after.st_size, after.st_mtime_ns) == (wal.st_size, wal.st_mtime_ns)


def test_only_what_changed_is_read(library):
    library.put("x.pt")
    library.put("y.pt")
    library.scan()
    ids, version = library.ids(), library.catalog.version()
    library.put("x.json", "my note")
    assert counts(library.scan()) == (2, 0, 1, 0, 0)
    assert library.reader.read == ["x.pt"]
    assert library.catalog.by_ids([ids["x.pt"]])[0].notes == "my note"
    assert library.catalog.version() == version + 1
    library.put("y.pt", "quite another y")
    assert counts(library.scan()) == (2, 0, 1, 0, 0)
    assert library.ids() == ids


def test_a_touched_file_that_says_the_same_is_no_change_to_readers(library):
    library.put("x.pt")
    library.put("x.json", "note")
    library.scan()
    version = library.catalog.version()
    os.utime(library.root / "x.json", ns=(5, 5))
    assert counts(library.scan()) == (1, 0, 1, 0, 0)
    assert library.catalog.version() == version
    library.scan()
    assert library.reader.read == []


def test_a_lost_file_is_missing_and_comes_back_as_itself(library):
    file = library.put("x.pt")
    library.put("y.pt")
    library.scan()
    ids = library.ids()
    hidden = file.rename(library.place / "hidden")
    assert counts(library.scan()) == (1, 0, 0, 0, 1)
    assert list(library.ids()) == ["y.pt"]
    assert library.ids(include_missing=True) == ids
    assert library.catalog.by_ids([ids["x.pt"]])[0].missing
    version = library.catalog.version()
    assert counts(library.scan()) == (1, 0, 0, 0, 1)
    assert library.catalog.version() == version
    hidden.rename(file)
    assert counts(library.scan()) == (2, 0, 0, 0, 0)
    assert library.reader.read == [] and library.ids() == ids


@pytest.mark.parametrize("empty", [False, True], ids=["gone", "unmounted"])
def test_a_lost_root_keeps_its_loras(library, empty):
    library.put("x.pt")
    library.scan()
    ids = library.ids()
    away = library.root.rename(library.place / "away")
    if empty:
        library.root.mkdir()
    report = library.scan()
    assert counts(report) == (0, 0, 0, 0, 1)
    assert len(report.problems) == (0 if empty else 1)
    if empty:
        library.root.rmdir()
    away.rename(library.root)
    assert counts(library.scan()) == (1, 0, 0, 0, 0)
    assert library.ids() == ids


def test_other_roots_stay_as_they_are_until_their_folder_is_gone(library):
    library.put("x.pt")
    other = library.place / "other"
    other.mkdir()
    (other / "o.pt").write_text("other")
    library.scan(library.root, other)
    assert counts(library.scan(library.root)) == (1, 0, 0, 0, 0)
    assert [x.path for x in library.catalog.loras()] == ["x.pt", "o.pt"]
    assert [x.path for x in library.catalog.loras(roots=[str(other)])] == ["o.pt"]
    assert library.catalog.roots() == sorted([str(library.root), str(other)])
    shutil.rmtree(other)
    assert counts(library.scan(library.root)) == (1, 0, 0, 0, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_another_root_that_cannot_be_looked_at_is_gone(library):
    """As below a folder that may not be entered: asking for its kind is an error of the system, not "no"."""
    library.put("x.pt")
    other = library.place / "other"
    other.mkdir()
    (other / "o.pt").write_text("other")
    library.scan(library.root, other)
    shutil.rmtree(other)
    other.symlink_to("x" * 300)
    assert counts(library.scan(library.root)) == (1, 0, 0, 0, 1)


def test_moved_and_renamed_files_keep_their_ids(library):
    library.put("x.pt", "the x")
    library.put("y.pt", "the y")
    library.scan()
    ids = library.ids()
    (library.root / "deep").mkdir()
    (library.root / "x.pt").rename(library.root / "deep" / "new name.pt")
    assert counts(library.scan()) == (2, 0, 0, 1, 0)
    assert library.ids() == {"deep/new name.pt": ids["x.pt"], "y.pt": ids["y.pt"]}
    assert counts(library.scan()) == (2, 0, 0, 0, 0)


def test_a_drive_mounted_elsewhere_keeps_all_ids_also_those_of_copies(library):
    for number in range(6):
        library.put(f"d{number}/x.pt", "copies of one" if number < 3 else f"own {number}")
    library.scan()
    ids = library.ids()
    moved = library.root.rename(library.place / "elsewhere")
    assert counts(library.scan(moved)) == (6, 0, 0, 6, 0)
    assert library.ids() == ids
    assert {lora.root for lora in library.catalog.loras()} == {str(moved)}
    moved.rename(library.root)
    shutil.move(library.root, library.place / "tmp")
    library.root.mkdir()
    shutil.move(library.place / "tmp", library.root / "sub")
    report = library.scan()
    # The three copies cannot be told apart in a new folder; the others can.
    assert counts(report) == (6, 3, 0, 3, 3)
    assert {path: id_ for path, id_ in library.ids().items() if path[5] >= "3"} == {
        f"sub/d{n}/x.pt": ids[f"d{n}/x.pt"] for n in (3, 4, 5)
    }


def test_a_copy_is_a_new_lora_and_an_ambiguous_move_is_not_rebound(library):
    library.put("x.pt", "same")
    library.scan()
    ids = library.ids()
    library.put("copy.pt", "same")
    assert counts(library.scan()) == (2, 1, 0, 0, 0)
    assert library.ids()["x.pt"] == ids["x.pt"] != library.ids()["copy.pt"]
    (library.root / "x.pt").unlink()
    (library.root / "copy.pt").unlink()
    library.put("new.pt", "same")
    assert counts(library.scan()) == (1, 1, 0, 0, 2)
    assert len(set(library.ids(include_missing=True).values())) == 3


def test_one_file_that_became_two_is_not_rebound(library):
    library.put("x.pt", "same")
    library.scan()
    (library.root / "x.pt").unlink()
    library.put("a/x.pt", "same")
    library.put("b/other.pt", "same")
    assert counts(library.scan()) == (2, 2, 0, 0, 1)


def test_a_new_version_under_the_old_name_while_the_old_one_is_kept(library):
    library.put("x.pt", "version 1")
    library.scan()
    old = library.ids()["x.pt"]
    (library.root / "x.pt").rename(library.root / "x_old.pt")
    library.put("x.pt", "version 2!")
    assert counts(library.scan()) == (2, 1, 0, 1, 0)
    assert library.ids()["x_old.pt"] == old != library.ids()["x.pt"]
    assert [lora.title for lora in library.catalog.loras()] == ["version 2!", "version 1"]


def test_two_files_that_swap_names_swap_back(library):
    for name in ("a.pt", "b.pt"):
        library.put(name, f"contents {name}")
    library.scan()
    ids = library.ids()
    (library.root / "a.pt").rename(library.root / "c")
    (library.root / "b.pt").rename(library.root / "a.pt")
    (library.root / "c").rename(library.root / "b.pt")
    os.utime(library.root / "b.pt", ns=(7, 7))  # equal sizes and times would hide it from any stat
    assert counts(library.scan())[3] == 2
    assert library.ids() == {"a.pt": ids["b.pt"], "b.pt": ids["a.pt"]}
    assert [lora.title for lora in library.catalog.loras()] == ["contents b.pt", "contents a.pt"]


def test_another_file_takes_a_name_whose_own_is_lost(library):
    library.put("a.pt", "first one")
    library.put("b.pt", "second")
    library.scan()
    ids = library.ids()
    (library.root / "b.pt").replace(library.root / "a.pt")
    assert counts(library.scan()) == (1, 0, 0, 1, 1)
    assert library.ids() == {"a.pt": ids["b.pt"]}
    (library.root / "a.pt").unlink()
    library.put("a.pt", "first one")
    assert counts(library.scan()) == (1, 0, 0, 1, 1)
    assert library.ids() == {"a.pt": ids["a.pt"]}


def test_an_excluded_file_is_missing_but_its_copy_does_not_take_its_id(library):
    library.put("private/x.pt", "same")
    library.scan()
    ids = library.ids()
    library.put("y.pt", "same")
    assert counts(library.scan(exclude=["private"])) == (1, 1, 0, 0, 1)
    assert library.ids()["y.pt"] != ids["private/x.pt"]
    assert counts(library.scan()) == (2, 0, 0, 0, 0)
    assert library.ids()["private/x.pt"] == ids["private/x.pt"]


def test_broken_files_are_one_line_each_and_listed_by_name(library):
    library.put("broken.pt", "broken")
    library.put("bug.pt", "bug")
    library.put("text.pt", "surrogate")
    library.put("odd.pt", "odd")
    library.put("fine.pt")
    report = library.scan()
    assert counts(report) == (5, 5, 0, 0, 0)
    lines = {Path(p.path).name: p.message for p in report.problems}
    assert lines.keys() == {"broken.pt", "bug.pt", "text.pt", "odd.pt"}
    assert lines["broken.pt"] == "broken.pt is broken; download it again; it is listed by its name only"
    assert "ZeroDivisionError" in lines["bug.pt"]
    assert library.catalog.by_ids([library.ids()["broken.pt"]])[0].name == "broken"
    library.put("broken.pt", "now sound")
    assert len(library.scan().problems) == 3
    (library.root / "bug.pt").unlink()
    assert len(library.scan().problems) == 2


def test_a_fault_of_ours_is_tried_again_but_a_broken_file_is_not(library):
    library.put("bug.pt", "bug")
    library.put("broken.pt", "broken")
    library.scan()
    version = library.catalog.version()
    library.scan()
    assert library.reader.read == ["bug.pt"]
    assert library.catalog.version() == version


def test_new_readers_read_every_file_anew(library, monkeypatch):
    library.put("x.pt")
    library.scan()
    monkeypatch.setattr("lorarec.catalog.walk.READERS", 999)
    assert counts(library.scan()) == (1, 0, 1, 0, 0)
    assert counts(library.scan()) == (1, 0, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are no text")
def test_a_name_that_is_no_text_is_left_out(library):
    library.put("x.pt")
    (library.root / os.fsdecode(b"b\xff.pt")).write_bytes(b"x")
    report = library.scan()
    assert counts(report) == (1, 1, 0, 0, 0)
    assert "rename it" in report.problems[0].message


def test_cancelling_keeps_what_is_done(library, monkeypatch):
    monkeypatch.setattr(scan_module, "BATCH", 10)
    for number in range(50):
        library.put(f"{number:02}.pt")
    report = library.scan(cancelled=lambda: len(library.reader.read) >= 25)
    read = len(library.reader.read)
    assert read == 25
    assert report.cancelled and report.added == read
    assert len(library.catalog.loras()) == read
    report = library.scan()
    assert counts(report) == (50, 50 - read, 0, 0, 0) and not report.cancelled


def test_cancelling_while_folders_are_listed_loses_no_lora(library):
    library.put("a/x.pt")
    library.put("b/y.pt")
    library.scan()
    calls = iter([False, False, True, True])
    report = library.scan(cancelled=lambda: next(calls))
    assert report.cancelled and report.missing == 0
    assert len(library.catalog.loras()) == 2


def test_a_pause_holds_the_scan_and_can_be_cancelled(library, monkeypatch):
    monkeypatch.setattr(meter_module, "POLL", 0.005)
    library.put("x.pt")
    busy = threading.Event()
    busy.set()
    stop = threading.Event()
    reports: list[ScanReport] = []
    options = {"paused": busy.is_set, "cancelled": stop.is_set}
    thread = threading.Thread(target=lambda: reports.append(library.scan(**options)))
    thread.start()
    time.sleep(0.05)
    assert thread.is_alive() and library.reader.read == []
    busy.clear()
    thread.join(10)
    assert counts(reports[0]) == (1, 1, 0, 0, 0)
    busy.set()
    thread = threading.Thread(target=lambda: reports.append(library.scan(**options)))
    thread.start()
    stop.set()
    thread.join(10)
    assert reports[1].cancelled


def test_progress_counts_up_to_the_end(library):
    for number in range(30):
        library.put(f"{number}.pt")
    said: list[Progress] = []
    library.scan(progress=said.append)
    assert {p.stage for p in said} == {"scan"}
    assert said[0].total is None
    assert (said[-1].done, said[-1].total) == (30, 30)
    assert said[-1].seconds_left == 0 and said[-1].rate > 0


def test_two_catalogues_on_one_database_agree(library):
    library.put("x.pt")
    other = Catalog(library.database)
    library.scan()
    scan(other, [library.root], describe=library.reader)
    assert [lora.id for lora in other.loras()] == list(library.ids().values())
    # A scan that listed the folder before another process stored a new file must not call that file missing.
    known = other.ledger.known()
    library.put("y.pt")
    library.scan()
    difference = compare([], known, [str(library.root)], lambda: None)
    assert [k.path for k in difference.missing] == ["x.pt"]


def test_concurrent_scans_yield_one_record_per_file(library):
    for number in range(100):
        library.put(f"{number}.pt")
    threads = [
        threading.Thread(target=scan, args=(library.catalog, [library.root]), kwargs={"describe": Reader()})
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(library.catalog.loras(include_missing=True)) == 100
    assert counts(library.scan()) == (100, 0, 0, 0, 0)


def test_pairs_are_found_and_follow_their_files(library):
    library.put("wan/x_high_noise.pt", "high half")
    library.put("wan/x_low_noise.pt", "the low half")
    library.scan()
    high, low = library.catalog.loras()
    assert (high.partner, high.noise, low.partner, low.noise) == (low.id, "high", high.id, "low")
    claims = {claim.field: claim for claim in library.catalog.details(high.id).claims}
    assert claims["partner"].value == low.id and "high_noise" in claims["partner"].source
    assert library.scan().changed == 0
    (library.root / "wan" / "x_low_noise.pt").unlink()
    library.scan()
    assert library.catalog.loras()[0].partner == ""
