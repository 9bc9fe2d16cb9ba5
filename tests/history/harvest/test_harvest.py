"""Image folders -> the history: what is read, what is skipped, and that no file ends a harvest."""

from __future__ import annotations

import ntpath
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from image_folder import DAY, HASH, LINKS, Place
from lorarec.database import open_database
from lorarec.errors import UsageError
from lorarec.history.harvest import harvest as module
from lorarec.history.harvest.harvest import harvest
from lorarec.history.harvest.walk import Walk
from lorarec.history.store import History, Policy
from lorarec.history_types import PastUse
from lorarec.measure.images import NEWEST, lay_images, png
from lorarec.paths import as_on_disk

ROOT = Path(__file__).resolve().parents[3]


def test_an_image_becomes_a_generation_with_its_loras_linked(place: Place) -> None:
    place.put(
        "a.png",
        "a fox <lora:ink:0.7> <lora:owl:0.5> <lora:gone:1>",
        tail=f', Model: sd_xl_base_1.0, Lora hashes: "ink: {HASH}"',
        age=2,
    )
    report = place.harvest()
    [made] = place.past()
    assert (made.prompt, made.negative, made.checkpoint, made.base_model) == (
        "a fox <lora:ink:0.7> <lora:owl:0.5> <lora:gone:1>",
        "blurry",
        "sd_xl_base_1.0",
        "SDXL",
    )
    assert made.made == NEWEST - 2 * DAY, "it says no time of its own, so that the file's counts"
    assert sorted(made.loras, key=lambda use: use.name) == [
        PastUse("", "gone", 1.0, ""),
        PastUse("ink", "ink", 0.7, "hash"),
        PastUse("", "owl", 0.5, "ambiguous"),
    ]
    assert (report.found, report.new, report.changed, report.generations) == (1, 1, 0, 1)
    assert report.readers == {"a1111:parameters": 1}
    assert report.linked == {"hash": 1}
    assert report.ambiguous.most == {"owl": 1} and report.unknown.most == {"gone": 1}
    assert not report.problems and not report.cancelled


def test_a_folder_spelled_otherwise_is_the_same_folder(place: Place) -> None:
    place.put("sub/a.png", "a fox")
    assert place.harvest().new == 1
    sub = str(place.images / "sub")
    for spelling in (sub, sub + os.sep, os.path.join(sub, "."), os.path.join(sub, "..", "sub"), f"{sub}{os.sep * 2}"):
        report = place.harvest(spelling)
        assert (report.found, report.new, report.changed) == (1, 0, 0), spelling
    assert place.outcomes() == [(1, 0, 0)]


def test_where_case_does_not_count_a_folder_is_named_as_on_disk(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put("a.png", "a fox")
    place.harvest()
    monkeypatch.setattr(os.path, "normcase", str.lower)
    monkeypatch.setattr(os.path, "realpath", lambda path: path.replace("IMAGES", "images"))
    report = place.harvest(place.images.with_name("IMAGES"), place.images)
    assert (report.found, report.new, len(report.problems)) == (1, 0, 0)
    assert place.outcomes() == [(1, 0, 0)]
    monkeypatch.setattr(os.path, "realpath", lambda path: r"\\server\share\Out")
    monkeypatch.setattr(os.path, "splitdrive", ntpath.splitdrive)
    assert as_on_disk(r"z:\out") == r"Z:\out", "a network drive's own names are not known"
    assert as_on_disk(r"\\server\share\x") == r"\\server\share\x"


def test_images_of_one_content_are_one_generation(place: Place) -> None:
    place.put("a.png", "a fox")
    place.put("grids/grid.png", "a fox", noise=b"other pixels")
    report = place.harvest()
    assert (report.new, report.generations) == (2, 1)
    assert place.outcomes() == [(2, 0, 0)]


def test_unknown_names_are_counted_and_the_most_frequent_listed(place: Place) -> None:
    for number in range(25):
        for seed in range(2 if number == 24 else 1):
            place.put(f"{number}-{seed}.png", f"x <lora:lost{number}:1>", seed=seed)
    unknown = place.harvest().unknown
    assert (unknown.uses, unknown.names, len(unknown.most)) == (26, 25, 20)
    assert next(iter(unknown.most.items())) == ("lost24", 2)


def test_excluded_prompts_are_counted_and_not_read_again(tmp_path: Path) -> None:
    with open_database(tmp_path / "data") as database:
        place = Place(tmp_path, History(database, policy=Policy(exclude=("secret",))))
        place.put("a.png", "a Secret fox")
        place.put("b.png", "an owl")
        report = place.harvest()
        assert (report.new, report.generations, report.excluded) == (2, 1, 1)
        assert place.harvest().new == 0


def test_nothing_is_harvested_while_the_history_is_off(tmp_path: Path) -> None:
    with open_database(tmp_path / "data") as database:
        for history in (History(database, policy=Policy(enabled=False)), History(database, user=None)):
            with pytest.raises(UsageError, match="history"):
                harvest(history, [tmp_path], LINKS)


def test_a_second_harvest_reads_only_what_is_new_or_changed(place: Place) -> None:
    place.put("a.png", "a fox")
    place.put("b.png", "an owl")
    place.harvest()
    again = place.harvest()
    assert (again.found, again.new, again.changed, again.readers, again.generations) == (2, 0, 0, {}, 0)
    place.put("b.png", "an owl at night", noise=b"x")
    place.put("c.png", "a cat")
    third = place.harvest()
    assert (third.found, third.new, third.changed, third.generations) == (3, 1, 1, 2)


def test_images_without_metadata_are_read_once(place: Place) -> None:
    (place.images / "photo.png").write_bytes(png({}))
    first = place.harvest()
    assert (first.new, first.bare, first.generations) == (1, 1, 0)
    assert place.harvest().new == 0


def test_broken_files_end_nothing_and_are_named(place: Place) -> None:
    place.put("good.png", "a fox")
    whole = png({"parameters": "x\nSteps: 20, Seed: 1, Sampler: Euler"})
    (place.images / "text.png").write_text("no image")
    (place.images / "empty.webp").write_bytes(b"")
    (place.images / "half.png").write_bytes(whole[:50])
    (place.images / "folder.png").mkdir()
    report = place.harvest()
    assert report.generations == 1
    assert report.unreadable == 3
    assert {Path(problem.path).name for problem in report.problems} == {"text.png", "empty.webp", "half.png"}
    assert all(problem.message and "\n" not in problem.message for problem in report.problems)
    again = place.harvest()
    assert (again.new, again.problems) == (0, ()), "what is damaged is not read again until it changes"


def test_what_could_not_be_opened_is_tried_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.put("a.png", "a fox")
    real = open

    def refuse(name: Any, *args: Any, **options: Any) -> Any:
        if name == str(path):
            raise PermissionError(13, "Permission denied", name)
        return real(name, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", refuse)
        report = place.harvest()
    assert report.unreadable == 1 and "Permission denied" in report.problems[0].message
    assert place.harvest().generations == 1


def test_a_reader_that_fails_costs_one_image(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put("a.png", "a fox")
    place.put("b.png", "an owl", seed=2)

    def fail(metadata: dict[str, str], known: Any) -> Any:
        if "fox" in metadata["parameters"]:
            raise RuntimeError("never thought of")
        return real(metadata, known)

    real = module.read_generation
    monkeypatch.setattr(module, "read_generation", fail)
    report = place.harvest()
    assert (report.generations, report.unreadable) == (1, 1)
    assert "never thought of" in report.problems[0].message


def test_only_visible_image_files_count(place: Place) -> None:
    names = ("a.PNG", "b.jpeg", "notes.txt", ".hidden.png", ".trash/c.png", "deep/er/d.webp", "$RECYCLE.BIN/e.png")
    for name in names:
        place.put(name, "a fox")
    found = [
        Path(image.path).relative_to(place.images).as_posix() for folder in Walk([place.images]) for image in folder
    ]
    assert sorted(found) == ["a.PNG", "b.jpeg", "deep/er/d.webp"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_followed_and_circles_end(place: Place, tmp_path: Path) -> None:
    place.put("a/x.png", "a fox")
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.copy(place.put("tmp.png", "an owl"), outside / "y.png")
    (place.images / "tmp.png").unlink()
    (place.images / "a" / "up").symlink_to(place.images)
    (place.images / "elsewhere").symlink_to(outside)
    report = place.harvest(place.images, place.images / "a", outside)
    assert (report.found, report.generations, report.problems) == (2, 2, ())


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_that_cannot_be_followed_costs_nothing_but_itself(place: Place) -> None:
    for name in ("a.png", "z.png"):
        place.put(name, f"a fox, {name}")
    (place.images / "loop").symlink_to("loop")
    (place.images / "far.png").symlink_to("x" * 300)
    report = place.harvest()
    assert report.found == 2 and {Path(one.path).name for one in report.problems} == {"loop", "far.png"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
def test_names_that_are_no_unicode_are_left_out(place: Place) -> None:
    path = os.fsencode(place.images) + b"/bad\xff.png"
    with open(path, "wb") as file:
        file.write(png({}))
    place.put("ü.png", "a fox")
    report = place.harvest()
    assert report.found == 1 and "Unicode" in report.problems[0].message


def test_laid_images(place: Place) -> None:
    """What a benchmark measures is what is meant."""
    paths = lay_images(place.images, 100)
    report = place.harvest()
    assert report.generations == len(paths) == len(place.past())
    assert report.readers == {"a1111:parameters": 50, "comfyui:prompt": 50}
    assert not report.problems and report.unknown.uses == sum(len(one.loras) for one in place.past())


def test_real_images(place: Place) -> None:
    folder = Path(os.environ.get("LORAREC_REAL", ROOT.parent / "shared/data/real/sidecars")).parent / "images"
    if not folder.is_dir():
        pytest.skip("no real samples: LORAREC_REAL does not name their folder")
    report = place.harvest(folder)
    assert report.found == report.new == sum(report.readers.values()) + report.bare + report.unreadable
    assert report.generations > 0 and report.unreadable == 0
    again = place.harvest(folder)
    assert (again.found, again.new, again.changed) == (report.found, 0, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names in folders")
def test_pipes_are_not_opened_as_images(place: Place) -> None:
    place.put("a.png", "a fox")
    os.mkfifo(place.images / "pipe.png")
    assert place.harvest().found == 1
