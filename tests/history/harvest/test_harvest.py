"""Image folders -> the history: what is read, what is skipped, what counts as gone, and that nothing ends a harvest."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lorarec import meter as meter_module
from lorarec.database import open_database
from lorarec.errors import UsageError
from lorarec.history.harvest import harvest as module
from lorarec.history.harvest.harvest import HarvestReport, harvest
from lorarec.history.harvest.walk import Walk
from lorarec.history.link import Links
from lorarec.history.store import History, Policy
from lorarec.measure.images import NEWEST, lay_images, png
from lorarec.types import Lora, PastGeneration, PastUse, Progress

ROOT = Path(__file__).resolve().parents[3]
DAY = 86_400.0
HASH = "0123456789ab"


def lora(id_: str, path: str, **fields: Any) -> Lora:
    return Lora(**{"root": "/loras", "size": 1, "modified": 0.0, "fingerprint": id_, **fields}, id=id_, path=path)


LINKS = Links([lora("ink", "styles/ink.safetensors", hashes=(HASH,)), lora("o1", "a/owl.pt"), lora("o2", "b/owl.pt")])


class Place:
    """Image folders and a history."""

    def __init__(self, folder: Path, history: History) -> None:
        self.images = folder / "images"
        self.images.mkdir()
        self.history = history

    def put(
        self,
        name: str,
        prompt: str,
        seed: int = 1,
        age: float = 0.0,
        noise: bytes = b"",
        tail: str = "",
        **texts: str,
    ) -> Path:
        """An image by A1111, made ``age`` days before the newest possible; ``texts`` stand beside the usual one."""
        path = self.images / name
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = f"Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: {seed}, Size: 512x768{tail}"
        usual = {"parameters": f"{prompt}\nNegative prompt: blurry\n{settings}"}
        return self.write(path, usual | texts, age, noise)

    def write(self, path: Path, texts: dict[str, str], age: float = 0.0, noise: bytes = b"") -> Path:
        path.write_bytes(png(texts, noise))
        os.utime(path, (NEWEST - age * DAY, NEWEST - age * DAY))
        return path

    def harvest(self, *folders: Path, now: float = NEWEST, **options: Any) -> HarvestReport:
        options.setdefault("known", LINKS.known)
        return harvest(self.history, folders or [self.images], LINKS, now=lambda: now, **options)

    def past(self) -> list[PastGeneration]:
        return self.history.past()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with open_database(tmp_path / "data") as database:
        yield Place(tmp_path, History(database))


def outcomes(place: Place) -> list[tuple[int, int, int]]:
    """(images, deleted, liked) of each generation, oldest first."""
    return [(one.images, one.deleted, one.liked) for one in place.past()]


# -- what is read ------------------------------------------------------------------------------------------------------


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


def test_images_of_one_content_are_one_generation(place: Place) -> None:
    place.put("a.png", "a fox")
    place.put("grids/grid.png", "a fox", noise=b"other pixels")
    report = place.harvest()
    assert (report.new, report.generations) == (2, 1)
    assert outcomes(place) == [(2, 0, 0)]


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


# -- what is skipped ---------------------------------------------------------------------------------------------------


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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
def test_names_that_are_no_unicode_are_left_out(place: Place) -> None:
    path = os.fsencode(place.images) + b"/bad\xff.png"
    with open(path, "wb") as file:
        file.write(png({}))
    place.put("ü.png", "a fox")
    report = place.harvest()
    assert report.found == 1 and "Unicode" in report.problems[0].message


# -- what is gone ------------------------------------------------------------------------------------------------------


def test_an_image_deleted_soon_counts_as_deleted_and_an_old_one_does_not(place: Place) -> None:
    place.put("keep.png", "a cat", seed=3, age=0)
    soon, late = place.put("a.png", "a fox", age=1), place.put("b.png", "an owl", seed=2, age=30)
    place.harvest()
    soon.unlink()
    late.unlink()
    report = place.harvest(now=NEWEST + DAY)
    assert report.gone == 2
    assert {one.prompt: one.deleted for one in place.past()} == {"an owl": 0, "a fox": 1, "a cat": 0}
    assert place.harvest(now=NEWEST + DAY).gone == 0


def test_a_deleted_image_that_is_back_is_no_longer_deleted(place: Place) -> None:
    path = place.put("a.png", "a fox", age=1)
    place.put("b.png", "an owl", seed=2)
    content = path.read_bytes()
    place.harvest()
    path.unlink()
    place.harvest()
    path.write_bytes(content)
    place.harvest()
    assert sorted(outcomes(place)) == [(1, 0, 0), (1, 0, 0)]


@pytest.mark.parametrize("target", ["favourites/a.png", "renamed.png"])
def test_a_moved_image_is_not_deleted(place: Place, target: str) -> None:
    path = place.put("today/a.png", "a fox", age=1)
    place.put("today/b.png", "an owl", seed=2, age=1)
    place.harvest()
    (place.images / target).parent.mkdir(exist_ok=True)
    path.rename(place.images / target)
    report = place.harvest(now=NEWEST + DAY)
    assert (report.new, report.gone, report.generations) == (1, 1, 0)
    assert all(deleted == 0 for _, deleted, _ in outcomes(place))


def test_one_image_of_a_batch_that_is_deleted_counts(place: Place) -> None:
    """They show one generation, but differ in size: the one left is no copy of the other."""
    path = place.put("a.png", "a fox", age=1)
    place.put("b.png", "a fox", age=1, noise=os.urandom(500))
    place.harvest()
    path.unlink()
    place.harvest(now=NEWEST + DAY)
    [(_, deleted, _)] = outcomes(place)
    assert deleted == 1


def test_where_a_drive_is_not_connected_nothing_is_gone(place: Place) -> None:
    place.put("a.png", "a fox")
    place.harvest()
    aside = place.images.with_name("aside")
    place.images.rename(aside)
    report = place.harvest()
    assert report.gone == 0 and "connected" in report.problems[0].message
    place.images.mkdir()  # the mount point, empty
    assert place.harvest().gone == 0
    place.images.rmdir()
    aside.rename(place.images)
    assert place.harvest().new == 0, "it was never thought gone"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_below_a_link_that_leads_nowhere_nothing_is_gone(place: Place, tmp_path: Path) -> None:
    place.put("a.png", "a fox")
    drive = tmp_path / "drive"
    drive.mkdir()
    shutil.copy(place.put("b.png", "an owl", seed=2), drive / "c.png")
    (place.images / "link").symlink_to(drive)
    assert place.harvest().found == 3
    drive.rename(tmp_path / "unplugged")
    assert place.harvest().gone == 0


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs rights")
def test_below_a_folder_that_may_not_be_read_nothing_is_gone(place: Place) -> None:
    place.put("a.png", "a fox")
    place.put("closed/b.png", "an owl", seed=2)
    place.harvest()
    (place.images / "closed").chmod(0)
    try:
        report = place.harvest()
    finally:
        (place.images / "closed").chmod(0o700)
    assert report.gone == 0 and len(report.problems) == 1


def test_other_folders_are_left_alone(place: Place) -> None:
    place.put("one/a.png", "a fox")
    path = place.put("two/b.png", "an owl", seed=2)
    place.harvest()
    path.unlink()
    assert place.harvest(place.images / "one").gone == 0
    assert place.harvest().gone == 1


# -- what is made of it ------------------------------------------------------------------------------------------------

EXTRAS = "Postprocess upscale by: 2, Postprocess upscaler: 4x-UltraSharp"
HIRES = ", Hires upscale: 2, Hires upscaler: Latent"


@pytest.mark.parametrize(
    "redo",
    [{"extras": EXTRAS, "postprocessing": EXTRAS}, {"tail": HIRES}, {"tail": ", Size: 768x1152"}],
    ids=["extras", "hires fix", "larger size"],
)
def test_an_image_that_is_enlarged_later_is_upscaled(place: Place, redo: dict[str, str]) -> None:
    place.put("a.png", "a fox", age=2)
    place.put("b.png", "a fox", age=1, **redo)
    place.put("c.png", "an owl", age=1, seed=2)
    place.put("restored.png", "an owl", age=0, seed=2, extras="GFPGAN visibility: 1")
    place.harvest()
    assert sum(liked for *_, liked in outcomes(place)) == 1
    assert next(one.liked for one in place.past() if one.prompt == "a fox") == 1


def comfyui(kind: str) -> dict[str, str]:
    """What ComfyUI writes into an image that starts from "fox_00001_.png" and is made anew or only enlarged."""
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "fox_00001_.png"}},
        "2": {"class_type": "VAEEncode", "inputs": {"pixels": ["1", 0]}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox at night"}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "base.safetensors"}},
        "5": {
            "class_type": "KSampler",
            "inputs": {"model": ["4", 0], "positive": ["3", 0], "latent_image": ["2", 0], "seed": 1, "steps": 9},
        },
        "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0]}},
    }
    enlarging = {
        "1": graph["1"],
        "2": {"class_type": "ImageUpscaleWithModel", "inputs": {"image": ["1", 0]}},
        "6": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
    }
    return {"prompt": json.dumps(graph if kind == "reused" else enlarging)}


@pytest.mark.parametrize("kind", ["reused", "upscaled"])
def test_an_image_that_another_one_starts_from_is_known_by_its_name(place: Place, kind: str) -> None:
    place.put("fox_00001_.png", "a fox", age=2)
    place.write(place.images / "new.png", comfyui(kind), age=1)
    report = place.harvest()
    assert (report.new, report.bare, report.readers) == (2, 0, {"a1111:parameters": 1, "comfyui:prompt": 1})
    assert [row["what"] for row in place.history.export() if row["kind"] == "outcome"] == [kind]
    assert next(one.liked for one in place.past() if one.prompt == "a fox") == 1
    assert len(place.past()) == (2 if kind == "reused" else 1)
    again = place.harvest()
    assert again.new == 0 and place.history.counts().outcomes == 1


def test_a_source_that_is_read_after_a_pause_is_known_all_the_same(place: Place) -> None:
    """The newest come first, so that what was made from an image is read before it."""
    place.put("fox_00001_.png", "a fox", age=2)
    place.write(place.images / "new.png", comfyui("reused"), age=1)
    asked = iter([False] * 2 + [True] * 100)
    report = place.harvest(cancelled=lambda: next(asked))
    assert report.cancelled and report.new == 1 and report.readers == {"comfyui:prompt": 1}
    place.harvest()
    assert place.history.counts().outcomes == 1


# -- stopping and going on ---------------------------------------------------------------------------------------------


def test_the_newest_come_first_and_a_cancelled_harvest_keeps_them(place: Place) -> None:
    for number in range(20):
        place.put(f"{number:02d}.png", f"prompt {number}", seed=number, age=number)
    asked = iter([False] * 6 + [True] * 100)
    report = place.harvest(cancelled=lambda: next(asked))
    assert report.cancelled and report.gone == 0
    assert [one.prompt for one in place.past()] == [f"prompt {n}" for n in reversed(range(report.new))]
    assert 0 < report.new < 20
    rest = place.harvest()
    assert (rest.new, rest.generations) == (20 - report.new, 20 - report.new)
    assert len(place.past()) == 20


def test_cancelled_while_listing_it_takes_nothing_for_gone(place: Place) -> None:
    place.put("a/x.png", "a fox")
    place.put("b/y.png", "an owl", seed=2)
    place.harvest()
    asked = iter([False, False, True, True, True])
    report = place.harvest(cancelled=lambda: next(asked))
    assert report.cancelled and report.gone == 0
    assert place.harvest().gone == 0


def test_it_waits_while_paused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "POLL", 0.005)
    place.put("a.png", "a fox")
    busy = threading.Event()
    busy.set()
    reports: list[HarvestReport] = []
    thread = threading.Thread(target=lambda: reports.append(place.harvest(paused=busy.is_set)))
    thread.start()
    time.sleep(0.05)
    assert thread.is_alive() and place.past() == []
    busy.clear()
    thread.join(10)
    assert reports[0].generations == 1


def test_progress_counts_what_is_to_be_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "INTERVAL", 0.0)
    for number in range(5):
        place.put(f"{number}.png", f"prompt {number}", seed=number)
    said: list[Progress] = []
    place.harvest(progress=said.append)
    assert {step.stage for step in said} == {"harvest"}
    assert said[0].total is None, "while folders are listed nobody knows"
    assert (said[-1].done, said[-1].total) == (5, 5)


WORKER = """
import sys
from lorarec.database import open_database
from lorarec.history.harvest import harvest as module
from lorarec.history.store import History
from lorarec.types import Linked
module.BATCH = 8
def slow(use):
    print("reading", flush=True)
    return Linked("", "")
with open_database(__import__("pathlib").Path(sys.argv[1])) as database:
    module.harvest(History(database), [sys.argv[2]], slow)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL; TerminateProcess is tried by hand")
def test_killed_it_goes_on_where_it_was(tmp_path: Path) -> None:
    count = 300
    images, data = tmp_path / "images", tmp_path / "data"
    images.mkdir()
    for number in range(count):
        (images / f"{number}.png").write_bytes(
            png({"parameters": f"prompt {number} <lora:l{number}:1>\nSteps: 20, Sampler: Euler, Seed: {number}"})
        )
    for lines in (30, 60):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(data), str(images)], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert worker.stdout
        for _ in range(lines):
            worker.stdout.readline()
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
    with open_database(data) as database:
        history = History(database)
        before = len(history.past())
        report = harvest(history, [images], LINKS)
        past = history.past()
    assert 16 <= before < count, "each run kept what it had stored"
    assert report.new == count - before
    assert sorted(one.prompt or "" for one in past) == sorted(f"prompt {n} <lora:l{n}:1>" for n in range(count)), (
        "each once"
    )


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
