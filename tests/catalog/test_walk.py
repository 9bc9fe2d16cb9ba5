"""Listing LoRA files: names, families of files, links, filters, folders that cannot be read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.catalog.files import LoraFile, group
from lorarec.catalog.walk import MAX_NAMES, Walk
from lorarec.paths import printable

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")


def lay(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def walk(*roots: Path, **options: object) -> tuple[list[LoraFile], Walk]:
    one = Walk(roots, **options)
    return [file for folder in one for file in folder], one


def paths(*roots: Path, **options: object) -> list[str]:
    return [file.path for file in walk(*roots, **options)[0]]


def test_every_sidecar_and_preview_finds_its_lora():
    sidecars = [
        "N.api_info.json",
        "N.civitai.info",
        "N.cm-info.json",
        "N.description.txt",
        "N.json",
        "N.metadata.json",
        "N.safetensors.rgthree-info.json",
        "N.swarm.json",
        "N.txt",
    ]
    previews = [
        "N.preview.png",
        "N.webp",
        "N.thumb.jpg",
        "N.example.2.png",
        "N.example.10.png",
        "N.preview.webm",
        "N.mp4",
    ]
    noise = ["N.info", "N.metadata.txt", "M.json", "N2.png", "readme.md", "N.safetensors.json", "N.example.png", "json"]
    found = group([*noise, *reversed(previews), *reversed(sidecars), "N.safetensors"])
    assert found == {"N.safetensors": (tuple(sidecars), tuple(previews))}


def test_dots_in_names_and_shared_stems():
    found = group(["a.safetensors", "a.v1.0.safetensors", "a.v1.0.json", "a.pt", "a.json", "a.pt.rgthree-info.json"])
    assert found["a.v1.0.safetensors"] == (("a.v1.0.json",), ())
    assert found["a.safetensors"] == (("a.json",), ())
    assert found["a.pt"] == (("a.json", "a.pt.rgthree-info.json"), ())


def test_the_longer_stem_owns_what_could_be_either():
    found = group(["a.safetensors", "a.metadata.safetensors", "a.metadata.json", "a.preview.ckpt", "a.preview.png"])
    assert found["a.metadata.safetensors"][0] == ("a.metadata.json",)
    assert found["a.preview.ckpt"][1] == ("a.preview.png",)
    assert found["a.safetensors"] == ((), ())


def test_extensions_in_any_case_and_no_apple_doubles():
    found = group(["A.SafeTensors", "A.PNG", "A.Civitai.INFO", "._A.safetensors", "._A.json"])
    assert found == {"A.SafeTensors": (("A.Civitai.INFO",), ("A.PNG",))}


@given(st.lists(st.text(alphabet="aA.pjsontxfeir_é1", min_size=1, max_size=30)))
def test_grouping_never_fails_nor_invents_names(names):
    found = group(names)
    for name, (sidecars, previews) in found.items():
        assert name in names
        assert {*sidecars, *previews} <= set(names) - found.keys()


def test_nested_folders_several_roots_and_kinds(tmp_path):
    lay(tmp_path / "one", "z.safetensors", "a/b/c.safetensors", "a/old.ckpt", "a/x.bin", "a/notes.txt", ".git/g.pt")
    lay(tmp_path / "two", "z.safetensors", "t.pt", "s.sft")
    files, one = walk(tmp_path / "one", tmp_path / "two")
    assert [(Path(f.root).name, f.path) for f in files] == [
        ("one", "z.safetensors"),
        ("one", "a/old.ckpt"),
        ("one", "a/x.bin"),
        ("one", "a/b/c.safetensors"),
        ("two", "s.sft"),
        ("two", "t.pt"),
        ("two", "z.safetensors"),
    ]
    assert one.problems == []
    assert files[0].absolute == tmp_path / "one" / "z.safetensors"
    assert files[0].size == len("z.safetensors")
    assert files[1].beside("p.png") == "a/p.png"


def test_include_and_exclude_are_prefixes_of_folders(tmp_path):
    lay(tmp_path, "top.pt", "style/a.pt", "style/old/b.pt", "styles/c.pt", "people/d.pt")
    assert paths(tmp_path, include=["style/"]) == ["style/a.pt", "style/old/b.pt"]
    assert paths(tmp_path, exclude=["style/old", "people"]) == ["top.pt", "style/a.pt", "styles/c.pt"]
    assert paths(tmp_path, include=["style"], exclude=["style\\old"]) == ["style/a.pt"]
    assert paths(tmp_path, include=["style/old"]) == ["style/old/b.pt"]


def test_the_stamp_follows_file_and_sidecars(tmp_path):
    lay(tmp_path, "a.pt", "a.json", "other.json")

    def stamp() -> str:
        return walk(tmp_path)[0][0].stamp

    seen = [stamp()]
    assert stamp() == seen[0]
    for change in (
        lambda: (tmp_path / "a.json").write_text("longer than before"),
        lambda: os.utime(tmp_path / "a.json", ns=(1, 1)),
        lambda: (tmp_path / "a.civitai.info").write_text("{}"),
        lambda: (tmp_path / "a.preview.png").write_text(""),
        lambda: (tmp_path / "a.json").unlink(),
        lambda: os.utime(tmp_path / "a.pt", ns=(2, 2)),
        lambda: [(tmp_path / f"a.example.{i}.png").write_text("") for i in range(30)],
    ):
        change()
        seen.append(stamp())
    assert len(set(seen)) == len(seen)
    assert max(map(len, seen)) <= 160
    (tmp_path / "other.json").unlink()
    assert stamp() == seen[-1]


@needs_links
def test_links_are_followed_under_their_own_name_and_cycles_cut(tmp_path):
    root, drive = tmp_path / "loras", tmp_path / "drive"
    lay(root, "a.pt", "sub/b.pt")
    lay(drive, "far/c.pt", "far/c.json")
    (root / "linked").symlink_to(drive / "far")
    (root / "sub" / "up").symlink_to(root)
    (drive / "far" / "self").symlink_to(drive / "far")
    (root / "loop").symlink_to(root / "loop")
    (root / "d.pt").symlink_to(drive / "far" / "c.pt")
    (root / "dangling.pt").symlink_to(drive / "nothing.pt")
    files, one = walk(root)
    assert [f.path for f in files] == ["a.pt", "d.pt", "linked/c.pt", "sub/b.pt"]
    assert files[2].sidecars == ("c.json",)
    assert [Path(p.path).name for p in one.problems] == ["dangling.pt"]


@needs_links
def test_a_folder_with_two_names_is_listed_under_both_but_not_under_hundreds(tmp_path):
    lay(tmp_path / "loras" / "real", "a.pt")
    (tmp_path / "loras" / "alias").symlink_to(tmp_path / "loras" / "real")
    assert paths(tmp_path / "loras") == ["alias/a.pt", "real/a.pt"]
    for number in range(20):
        (tmp_path / "loras" / f"more{number}").symlink_to(tmp_path / "loras" / "real")
    files, one = walk(tmp_path / "loras")
    assert len(files) == MAX_NAMES
    assert "remove some links" in one.problems[0].message


@needs_links
def test_folders_linked_into_each_other_end(tmp_path):
    names = "abcdefghijkl"  # by chains alone these would be listed under 12! names
    for name in names:
        lay(tmp_path / name, f"{name}.pt")
        for other in names:
            (tmp_path / name / f"to_{other}").symlink_to(tmp_path / other)
    found, one = walk(tmp_path)
    assert {f.path.rsplit("/", 1)[-1] for f in found} == {f"{name}.pt" for name in names}
    assert len(found) <= len(names) * MAX_NAMES
    assert len(one.problems) <= len(names)


def test_overlapping_roots_list_a_file_once_under_the_first(tmp_path):
    lay(tmp_path, "a.pt", "inner/b.pt", "inner/deep/c.pt")
    outer, inner = tmp_path, tmp_path / "inner"
    assert paths(outer, inner) == ["a.pt", "inner/b.pt", "inner/deep/c.pt"]
    assert paths(inner, outer) == ["b.pt", "deep/c.pt", "a.pt"]
    assert paths(outer, inner, exclude=["inner"]) == ["a.pt", "b.pt", "deep/c.pt"]
    assert paths(inner, inner) == ["b.pt", "deep/c.pt"]


def test_a_root_that_is_gone_is_one_line(tmp_path):
    lay(tmp_path / "here", "a.pt")
    files, one = walk(tmp_path / "gone", tmp_path / "here")
    assert [f.path for f in files] == ["a.pt"]
    assert len(one.problems) == 1
    assert str(tmp_path / "gone") == one.problems[0].path and "missing until it is back" in one.problems[0].message


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_an_unreadable_folder_is_one_line(tmp_path):
    lay(tmp_path, "a.pt", "shut/b.pt")
    (tmp_path / "shut").chmod(0)
    try:
        files, one = walk(tmp_path)
    finally:
        (tmp_path / "shut").chmod(0o755)
    assert [f.path for f in files] == ["a.pt"]
    assert "check its permissions" in one.problems[0].message


def test_a_folder_that_fails_while_listed_is_one_line(tmp_path, monkeypatch):
    lay(tmp_path, "a.pt", "shut/b.pt")
    scandir = os.scandir

    def failing(folder: str) -> object:
        if str(folder).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", failing)
    files, one = walk(tmp_path)
    assert [f.path for f in files] == ["a.pt"]
    assert "Permission denied" in one.problems[0].message


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are no text")
def test_names_that_are_no_unicode_are_reported_printably(tmp_path):
    lay(tmp_path, "good.pt")
    folder = os.fsencode(tmp_path)
    Path(os.fsdecode(folder + b"/b\xffd.pt")).write_bytes(b"x")
    Path(os.fsdecode(folder + b"/d\xfer")).mkdir()
    Path(os.fsdecode(folder + b"/d\xfer/in.pt")).write_bytes(b"x")
    files, one = walk(tmp_path)
    assert [f.path for f in files] == ["good.pt"]
    assert len(one.problems) == 2
    for problem in one.problems:
        assert "rename it" in problem.message
        problem.path.encode("utf-8")
    assert printable("b\udcffd") == "b\\udcffd"


def test_the_walk_ends_when_told(tmp_path):
    lay(tmp_path, "a.pt", "b/c.pt", "d/e.pt")
    calls: list[bool] = []

    def once() -> bool:
        if calls:
            raise TimeoutError
        calls.append(True)
        return True  # says nothing

    found = iter(Walk([tmp_path], on_folder=once))
    assert [file.path for file in next(found)] == ["a.pt"]
    with pytest.raises(TimeoutError):
        next(found)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names in folders")
def test_pipes_are_not_opened_as_files(tmp_path):
    lay(tmp_path, "castle.safetensors")
    for name in ("castle.json", "pipe.safetensors"):
        os.mkfifo(tmp_path / name)
    [only], walked = walk(tmp_path)
    assert only.path == "castle.safetensors" and only.sidecars == () and walked.problems == []
