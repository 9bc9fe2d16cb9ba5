"""Cheap content identities, and who is who after files moved."""

from __future__ import annotations

import itertools
import json
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.catalog.fingerprint import BLOCK, Gone, fingerprint, rebind
from lorarec.catalog.header import read_header
from lorarec.errors import BadFile


def safetensors(path: Path, metadata: dict[str, str], seed: int, tensor_bytes: int) -> Path:
    header = json.dumps(
        {"__metadata__": metadata, "t": {"dtype": "U8", "shape": [tensor_bytes], "data_offsets": [0, 0]}}
    )
    data = (struct.pack("<Q", seed) * (tensor_bytes // 8 + 1))[:tensor_bytes]
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + data)
    return path


def of(path: Path) -> str:
    return fingerprint(path, path.stat().st_size)


def test_it_depends_on_content_alone(tmp_path):
    one = safetensors(tmp_path / "a.safetensors", {"k": "v"}, 1, 300_000)
    (tmp_path / "sub").mkdir()
    two = safetensors(tmp_path / "sub" / "b.safetensors", {"k": "v"}, 1, 300_000)
    os.utime(two, ns=(1, 1))
    assert of(one) == of(two)
    assert len(of(one)) == 32 and int(of(one), 16) >= 0


@pytest.mark.parametrize("size", [1_000, 300_000])
def test_size_header_and_tensors_each_make_a_difference(tmp_path, size):
    variants = [({"k": "v"}, 1, size), ({"k": "w"}, 1, size), ({"k": "v"}, 2, size), ({"k": "v"}, 1, size + 8)]
    prints = [of(safetensors(tmp_path / f"{i}.safetensors", *variant)) for i, variant in enumerate(variants)]
    assert len(set(prints)) == len(variants)


def test_a_header_read_before_gives_the_same(tmp_path):
    file = safetensors(tmp_path / "a.safetensors", {"k": "v" * 1000}, 1, 300_000)
    assert fingerprint(file, file.stat().st_size, read_header(file).digest) == of(file)


def test_a_damaged_header_and_a_pickle_are_sampled(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"\xff" * 200_000)
    (tmp_path / "b.safetensors").write_bytes(b"\xff" * 180_000 + b"other" * 4_000)
    (tmp_path / "c.ckpt").write_bytes(b"\xff" * 200_000)
    a, b, c = (of(tmp_path / name) for name in ("a.safetensors", "b.safetensors", "c.ckpt"))
    assert a != b and a == c


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537])
def test_every_size_works(tmp_path, size):
    (tmp_path / "a.pt").write_bytes(bytes(size))
    assert len(of(tmp_path / "a.pt")) == 32


def test_little_is_read_of_a_large_file(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    with path.open("wb") as file:
        file.truncate(3 << 30)  # sparse
    read = 0

    class Counting:
        def __init__(self, *args: object, **kwargs: object) -> None:
            self.file = open_(*args, **kwargs)

        def __enter__(self) -> Counting:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def seek(self, at: int) -> None:
            self.file.seek(at)

        def read(self, count: int) -> bytes:
            nonlocal read
            read += count
            return self.file.read(count)

    open_ = open
    monkeypatch.setattr("builtins.open", Counting)
    of(path)
    assert read == 3 * BLOCK


def test_an_unreadable_file_is_a_named_error(tmp_path):
    with pytest.raises(BadFile, match=r"a\.pt cannot be read"):
        fingerprint(tmp_path / "a.pt", 5)


def gone(id_: str, path: str, print_: str, root: str = "/old") -> Gone:
    return Gone(id_, root, path, print_)


def test_rebinding_by_content():
    assert rebind([gone("1", "a", "f")], {("/new", "b"): "f"}) == {("/new", "b"): "1"}
    assert rebind([gone("1", "a", "f")], {("/new", "a"): "g"}) == {}
    assert rebind([gone("1", "a", "")], {("/new", "a"): ""}) == {}


def test_what_is_ambiguous_is_not_rebound():
    assert rebind([gone("1", "a", "f"), gone("2", "b", "f")], {("/new", "c"): "f"}) == {}
    assert rebind([gone("1", "a", "f")], {("/new", "c"): "f", ("/new", "d"): "f"}) == {}
    assert rebind([gone("1", "x/a", "f")], {("/new", "y/a"): "f", ("/new", "z"): "f"}) == {}
    assert rebind([gone("1", "a", "f", "/p"), gone("2", "a", "f", "/q")], {("/new", "a"): "f"}) == {}


def test_copies_are_told_apart_by_path_then_by_name():
    records = [gone("1", "a", "f"), gone("2", "b", "f"), gone("3", "c/d", "f")]
    new = {("/new", "b"): "f", ("/new", "a"): "f", ("/new", "x/d"): "f"}
    assert rebind(records, new) == {("/new", "a"): "1", ("/new", "b"): "2", ("/new", "x/d"): "3"}
    assert rebind(records[:2], {("/new", "a"): "f", ("/new", "z"): "f"}) == {("/new", "a"): "1", ("/new", "z"): "2"}


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("fg")), max_size=6), st.data())
def test_rebinding_is_one_to_one_and_keeps_content(records, data):
    olds = [gone(str(i), path, print_, f"/r{i}") for i, (path, print_) in enumerate(records)]
    new = data.draw(st.dictionaries(st.tuples(st.just("/n"), st.sampled_from("abcdef")), st.sampled_from("fgh")))
    found = rebind(olds, new)
    assert len(set(found.values())) == len(found)
    prints = {record.id: record.fingerprint for record in olds}
    assert all(prints[id_] == new[place] for place, id_ in found.items())
    for order in itertools.islice(itertools.permutations(olds), 6):
        assert rebind(order, new) == found
