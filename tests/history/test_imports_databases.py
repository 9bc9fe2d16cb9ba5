"""tagcomplete's and Infinite Image Browsing's databases, made as their sources make them. Nothing is written there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lorarec.database import open_database
from lorarec.errors import BadFile, UsageError
from lorarec.history.adding import UsageCount
from lorarec.history.imports import infinite_browsing
from lorarec.history.imports.importing import import_usage
from lorarec.history.imports.load import load
from lorarec.history.link import Links
from lorarec.history.store import History, Policy
from lorarec.history_types import ImageFile, OutcomeKind, Use
from lorarec.measure.images import lay_images
from lorarec.types import Lora

IIB = """
CREATE TABLE image (id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT UNIQUE, exif TEXT, size INTEGER, date TEXT);
CREATE TABLE tag (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, score INTEGER, type TEXT, count INTEGER, color TEXT,
    UNIQUE(name, type) ON CONFLICT REPLACE);
CREATE TABLE image_tag (image_id INTEGER, tag_id INTEGER, created_at TIMESTAMP, PRIMARY KEY (image_id, tag_id));
INSERT INTO tag (id, name, score, type, count) VALUES (1, 'like', 0, 'custom', 1), (2, 'ink', 0, 'lora', 1),
    (3, 'night', 0, 'pos', 1), (4, 'owl', 0, 'lyco', 1), (5, 'later', 0, 'custom', 1);
"""
TAGS = """
CREATE TABLE db_data (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE tag_frequency (name TEXT NOT NULL, type INT NOT NULL, count_pos INT, count_neg INT,
    last_used TIMESTAMP DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (name, type));
INSERT INTO tag_frequency VALUES ('ink', 9, 12, 1, '2024-05-01 10:00:00'), ('1girl', 1, 99, 0, '2024-05-01 10:00:00'),
    ('styles\\owl', 10, 2, 0, 'yesterday'), ('never', 9, 0, 4, '2024-05-01 10:00:00'), ('', 9, 3, 0, NULL);
"""
INFOTEXT = (
    "a fox <lora:ink:0.7>\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x768"
)
WEBUI = ", Source Identifier: Stable Diffusion web UI"  # what its reader adds


def make(
    path: Path, script: str, images: Sequence[tuple[object, ...]] = (), tags: Sequence[tuple[object, ...]] = ()
) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        if images:
            connection.executemany("INSERT INTO image VALUES (?, ?, ?, ?, ?)", images)
            connection.executemany("INSERT INTO image_tag VALUES (?, ?, ?)", tags)
        connection.commit()
    return path


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def local(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_database(tmp_path / "data") as database:
        yield History(database)


INK = Lora(id="ink", root="/l", path="ink.safetensors", size=1, modified=0.0)


def test_tagcomplete_counts_loras_in_positive_prompts(tmp_path: Path) -> None:
    [found] = load(make(tmp_path / "any name", TAGS))
    assert found.source == "tagcomplete"
    assert found.usage == (
        UsageCount(Use(name="ink"), 12, utc("2024-05-01 10:00:00")),
        UsageCount(Use(name="styles\\owl"), 2, None),
    )


def test_an_image_of_the_webui_with_a_like(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"whatever: it is not read")
    images = [(1, str(path), INFOTEXT + WEBUI, 3, "2024-05-01 10:00:00")]
    [found] = load(make(tmp_path / "iib.db", IIB, images, [(1, 1, "2024-05-02 11:00:00"), (1, 3, None)]))
    [(made, image)] = found.generations
    assert (made.prompt, made.negative, made.seed) == ("a fox <lora:ink:0.7>", "blurry", 5)
    assert [(use.name, use.strength) for use in made.loras] == [("ink", 0.7)]
    assert made.made == local("2024-05-01 10:00:00")
    assert image == ImageFile(str(path), path.stat().st_size, path.stat().st_mtime_ns), "as it is, not as it was"
    assert found.outcomes == ((str(path), OutcomeKind.LIKED, utc("2024-05-02 11:00:00")),)


def test_an_image_that_is_gone_is_known_as_it_was(tmp_path: Path) -> None:
    path = str(tmp_path / "gone.png")
    images = [(1, path, INFOTEXT, 300, "2024-05-01 10:00:00")]
    [found] = load(make(tmp_path / "iib.db", IIB, images, [(1, 1, None)]))
    [(_, image)] = found.generations
    assert image == ImageFile(path, 300, int(local("2024-05-01 10:00:00")) * 10**9)
    assert found.outcomes == ((path, OutcomeKind.LIKED, local("2024-05-01 10:00:00")),)


def test_older_databases_do_not_date_their_tags(tmp_path: Path) -> None:
    images = [(1, str(tmp_path / "a.png"), INFOTEXT, 300, "2024-05-01 10:00:00")]
    path = make(tmp_path / "iib.db", IIB.replace("created_at", "other"), images, [(1, 1, None)])
    [found] = load(path)
    assert found.outcomes[0][2] == local("2024-05-01 10:00:00")


def test_where_there_is_no_infotext_tags_name_the_loras(tmp_path: Path) -> None:
    images = [(1, str(tmp_path / "a.png"), "", 300, "2024-05-01 10:00:00"), (2, str(tmp_path / "b.png"), None, 1, None)]
    [found] = load(make(tmp_path / "iib.db", IIB, images, [(1, 2, None), (1, 4, None), (1, 3, None), (2, 3, None)]))
    [(made, _)] = found.generations
    assert made.prompt is None
    assert [use.name for use in made.loras] == ["ink", "owl"]


def test_images_of_other_programs_are_read_themselves_or_left_out(tmp_path: Path) -> None:
    """Its digest of ComfyUI's graph knows no LoRAs."""
    comfyui, _ = lay_images(tmp_path / "images", 2, loras=["ink"])
    digest = "a fox\nNegative prompt: blurry\nSteps: Unknown, Source Identifier: ComfyUI"
    images = [
        (n, str(path), digest, 1, "2024-05-01 10:00:00") for n, path in enumerate((comfyui, tmp_path / "gone.png"))
    ]
    [found] = load(make(tmp_path / "iib.db", IIB, images))
    [(made, image)] = found.generations
    assert image and image.path == str(comfyui)
    assert made.host == "comfyui" and made.prompt != "a fox"
    [problem] = found.problems
    assert problem.path.endswith("gone.png")


def test_paths_of_other_machines_and_odd_values_are_passed_over(tmp_path: Path) -> None:
    images = [
        (1, "relative/a.png", INFOTEXT, 1, "2024-05-01 10:00:00"),
        (2, None, INFOTEXT, 1, None),
        (3, b"\xff\xfe", INFOTEXT, "?", b"\x00"),
        (4, str(tmp_path / "b.png"), b"\xff" * 20, -1, 17),
        (5, str(tmp_path / "c.png"), INFOTEXT, "many", "a long time ago"),
    ]
    [found] = load(make(tmp_path / "iib.db", IIB, images))
    assert [(image.path, image.size) for _, image in found.generations if image] == [(str(tmp_path / "c.png"), 0)]


def test_large_databases_come_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infinite_browsing, "PART", 2)
    images = [(n, str(tmp_path / f"{n}.png"), INFOTEXT, 1, None) for n in range(1, 6)]
    parts = list(load(make(tmp_path / "iib.db", IIB, images)))
    assert [len(part.generations) for part in parts] == [2, 2, 1]


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_reading_leaves_no_trace(tmp_path: Path, mode: str) -> None:
    path = make(tmp_path / "iib.db", f"PRAGMA journal_mode = {mode};" + IIB, [(1, "/a.png", INFOTEXT, 1, None)])
    before = {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in tmp_path.iterdir()}
    assert sum(len(part.generations) for part in load(path)) == 1
    assert {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in tmp_path.iterdir()} == before


def test_what_a_running_program_has_not_yet_folded_in_is_seen(tmp_path: Path) -> None:
    path = make(tmp_path / "iib.db", "PRAGMA journal_mode = WAL;" + IIB)
    with closing(sqlite3.connect(path)) as owner:
        owner.execute("INSERT INTO image VALUES (1, '/a.png', ?, 1, NULL)", (INFOTEXT,))
        owner.commit()
        assert sum(len(part.generations) for part in load(path)) == 1


def test_a_locked_database_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lorarec.history.imports.sqlite._BUSY_SECONDS", 0.05)
    path = make(tmp_path / "tags.db", TAGS)
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BadFile, match=r"locked.*close the program"):
            list(load(path))
    assert len(list(load(path))) == 1


def test_foreign_and_damaged_databases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="another program"):
        list(load(make(tmp_path / "foreign.db", "CREATE TABLE image (id INTEGER); CREATE TABLE tag_frequency (name)")))
    path = make(tmp_path / "damaged.db", IIB)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(BadFile, match=r"damaged\.db"):
        list(load(path))
    with pytest.raises(BadFile, match="damaged"):
        list(load(tmp_path))


def test_everything_below_a_folder_is_taken_in_once(tmp_path: Path, history: History) -> None:
    folder = tmp_path / "webui"
    (folder / "extensions" / "tags").mkdir(parents=True)
    picture = folder / "a.png"
    picture.write_bytes(b"x")
    make(folder / "extensions" / "tags" / "tag_frequency.db", TAGS)
    images = [(1, str(picture), INFOTEXT, 3, "2024-05-01 10:00:00")]
    make(folder / "extensions" / "iib.db", IIB, images, [(1, 1, "2024-05-02 11:00:00")])
    (folder / "lora_manager_stats.json").write_text('{"loras": {"' + "ab" * 32 + '": 4}}', encoding="utf-8")
    link = Links([INK])
    report = import_usage(history, [folder], link, known=link.known)
    assert report.sources == {"infinite-image-browsing": 1, "tagcomplete": 2, "lora-manager usage": 1}
    assert (report.generations, report.images, report.usage, report.liked) == (1, 1, 3, 1)
    assert report.linked == {"name": 2}
    assert set(report.unknown.most) == {"styles\\owl", "ab" * 32}
    [past] = history.past()
    assert (past.images, past.liked, past.loras[0].lora) == (1, 1, "ink")
    assert sorted((row.source, row.lora, row.count) for row in history.usage()) == [
        ("lora-manager usage", "", 4),
        ("tagcomplete", "", 2),
        ("tagcomplete", "ink", 12),
    ]
    version = history.version()
    again = import_usage(history, [folder], link)
    assert (again.generations, again.images, again.liked) == (0, 0, 0)
    assert history.version() == version, "the same again is no change"


def test_a_cancelled_import_says_so(tmp_path: Path, history: History) -> None:
    report = import_usage(history, [make(tmp_path / "t.db", TAGS)], Links([]), cancelled=lambda: True)
    assert report.cancelled and history.usage() == []


def test_nothing_is_imported_while_the_history_is_off(tmp_path: Path) -> None:
    with open_database(tmp_path / "data") as database:
        history = History(database, policy=Policy(enabled=False))
        with pytest.raises(UsageError, match="history"):
            import_usage(history, [make(tmp_path / "t.db", TAGS)], Links([]))
