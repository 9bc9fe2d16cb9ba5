"""What became of images, as a harvest sees it: gone, enlarged, or the start of another one."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from image_folder import DAY, Place
from lorarec.measure.images import NEWEST


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
    assert sorted(place.outcomes()) == [(1, 0, 0), (1, 0, 0)]


@pytest.mark.parametrize("target", ["favourites/a.png", "renamed.png"])
def test_a_moved_image_is_not_deleted(place: Place, target: str) -> None:
    path = place.put("today/a.png", "a fox", age=1)
    place.put("today/b.png", "an owl", seed=2, age=1)
    place.harvest()
    (place.images / target).parent.mkdir(exist_ok=True)
    path.rename(place.images / target)
    report = place.harvest(now=NEWEST + DAY)
    assert (report.new, report.gone, report.generations) == (1, 1, 0)
    assert all(deleted == 0 for _, deleted, _ in place.outcomes())


def test_one_image_of_a_batch_that_is_deleted_counts(place: Place) -> None:
    """They show one generation, but differ in size: the one left is no copy of the other."""
    path = place.put("a.png", "a fox", age=1)
    place.put("b.png", "a fox", age=1, noise=os.urandom(500))
    place.harvest()
    path.unlink()
    place.harvest(now=NEWEST + DAY)
    [(_, deleted, _)] = place.outcomes()
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
    assert sum(liked for *_, liked in place.outcomes()) == 1
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
