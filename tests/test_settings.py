"""The settings file: what is right in it counts, what is wrong is named, and no text of a user is ever lost."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from lorarec.errors import BadFile, StorageError
from lorarec.recommender import Recommender
from lorarec.settings import FILE, OPTIONS, Settings, adopt, change, load, read, remembers, save

BROKEN = {
    "cut off": b'{"top": 8, "history": fal',
    "no object": b"[1, 2]",
    "noise": bytes(range(128, 256)),
    "nothing": b"",
    "deep": b"[" * 5000,
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_read_gives_defaults_and_remembers_nothing(tmp_path: Path, text: bytes) -> None:
    (tmp_path / FILE).write_bytes(text)
    found = read(tmp_path)
    assert found.settings == Settings(history=False), "it may have been switched off there"
    assert found.unknown == set(OPTIONS)
    assert f"{FILE} is not valid" in found.problem and "until then the defaults are used" in found.problem
    assert "\n" not in found.problem
    assert (tmp_path / FILE).read_bytes() == text
    with pytest.raises(BadFile):
        load(tmp_path)


def test_of_a_file_with_mistakes_the_rest_counts(tmp_path: Path) -> None:
    text = '{"top": "eight", "diversity": 7, "history": false, "project": "mine", "unheard": 1}'
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    found = read(tmp_path)
    assert found.settings == Settings(history=False, project="mine")
    assert found.unknown == {"top", "diversity"}
    assert "the default is used for top, diversity" in found.problem and "remembered" not in found.problem


@pytest.mark.parametrize("wrong", ['"history": "off"', '"history_exclude": ["("]'])
def test_a_mistake_in_what_may_be_remembered_stops_remembering(tmp_path: Path, wrong: str) -> None:
    (tmp_path / FILE).write_text(f'{{"top": 8, {wrong}}}', encoding="utf-8")
    found = read(tmp_path)
    assert found.settings == Settings(top=8, history=False)
    assert "and nothing is remembered" in found.problem


def test_a_mark_that_editors_put_first_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'\xef\xbb\xbf{"top": 8}')
    assert read(tmp_path).settings == load(tmp_path) == Settings(top=8)
    assert read(tmp_path).problem == ""


def test_a_change_keeps_what_was_right_and_the_old_text(tmp_path: Path) -> None:
    text = '{"top": "eight", "project": "mine"}  // by hand'
    for count in (1, 2):
        (tmp_path / FILE).write_text(text, encoding="utf-8")
        told = change(tmp_path, lambda now: replace(now, diversity=0.5))
        assert "was not valid; it was kept as settings.json.broken-" in told and "the history is off" in told
        kept = list(tmp_path.glob(f"{FILE}.broken-*"))
        assert len(kept) == count and {one.read_text(encoding="utf-8") for one in kept} == {text}
    (tmp_path / FILE).write_text('{"top": "eight", "project": "mine"}', encoding="utf-8")
    told = change(tmp_path, lambda now: replace(now, diversity=0.5))
    assert "history" not in told
    assert json.loads((tmp_path / FILE).read_text(encoding="utf-8")) == {"diversity": 0.5, "project": "mine"}
    assert change(tmp_path, lambda now: replace(now, top=3)) == "", "nothing is wrong any more"


def test_a_recommender_goes_on_and_says_what_is_wrong(tmp_path: Path, mini_library: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FILE).write_text('{"top": 0, "encoder_semantic": "absent/encoder"}', encoding="utf-8")
    with Recommender.open([mini_library], tmp_path / "data") as recommender:
        assert any("the default is used for top" in notice for notice in recommender.notices)
        assert recommender.settings.top == 5 and recommender.memory.history.recording
    (tmp_path / "data" / FILE).write_text("{", encoding="utf-8")
    with Recommender.open([mini_library], tmp_path / "data") as recommender:
        assert any("nothing is remembered" in notice for notice in recommender.notices)
        assert not recommender.memory.history.recording


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StorageError, match=r"cannot be written .*choose another data folder"):
        save(tmp_path / "file" / "data", Settings(top=8))


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of the system")
def test_a_full_disk_leaves_the_old_settings(tmp_path: Path) -> None:
    import resource
    import signal

    save(tmp_path, Settings(top=8))
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StorageError, match="cannot be written"):
            save(tmp_path, Settings(top=9, history_exclude=("x" * 5000,)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert load(tmp_path) == Settings(top=8)
    assert [one.name for one in tmp_path.iterdir()] == [FILE], "nothing half-written is left"


@pytest.mark.parametrize(
    ("stored", "remembered"),
    [("", True), ('{"top": 0}', True), ('{"top": 0, "history": false}', False), ('{"history": false}', False)],
)
def test_a_mistake_elsewhere_does_not_end_what_is_remembered(tmp_path: Path, stored: str, remembered: bool) -> None:
    if stored:
        (tmp_path / FILE).write_text(stored, encoding="utf-8")
    assert remembers(tmp_path) is remembered


@pytest.mark.parametrize("stored", ["{", '{"history": "off"}', '{"history_exclude": ["("]}'])
def test_who_cannot_know_whether_to_remember_is_told(tmp_path: Path, stored: str) -> None:
    (tmp_path / FILE).write_text(stored, encoding="utf-8")
    with pytest.raises(BadFile):
        remembers(tmp_path)


def test_folders_are_stored_as_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "encoder").mkdir()
    (tmp_path / FILE).write_text('{"images": ["by hand"]}', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    change(tmp_path, lambda now: replace(now, loras=("mine",), encoder_semantic="encoder", encoder_artistic="a/model"))
    stored = load(tmp_path)
    assert stored.loras == (str(tmp_path / "mine"),) and stored.encoder_semantic == str(tmp_path / "encoder")
    assert (stored.encoder_artistic, stored.images) == ("a/model", ("by hand",)), "what nobody changed stays"


def test_folders_are_taken_over_where_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not adopt(tmp_path, "loras", []) and not (tmp_path / FILE).exists()
    assert adopt(tmp_path, "loras", ["mine"]) and load(tmp_path).loras == (str(tmp_path / "mine"),)
    assert not adopt(tmp_path, "loras", ["other"]) and load(tmp_path).loras == (str(tmp_path / "mine"),)
    (tmp_path / FILE).write_text('{"top": 0}', encoding="utf-8")
    assert not adopt(tmp_path, "images", ["mine"]), "a file with mistakes is its user's to mend"
