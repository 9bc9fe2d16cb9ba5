"""Full hashes: right, resumable, cancellable, and dropped when a file changes."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest
from msgspec import Struct

from lorarec.catalog import hashing
from lorarec.catalog.files import LoraFile
from lorarec.catalog.hashing import hash_all, hash_file
from lorarec.catalog.scan import scan
from lorarec.catalog.store import Catalog
from lorarec.database import open_database
from lorarec.errors import BadFile
from lorarec.types import Claim, Lora, Progress, ScanProblem


class Found(Struct):
    lora: Lora
    claims: tuple[Claim, ...] = ()
    problems: tuple[ScanProblem, ...] = ()
    digest: str = ""


def describe(file: LoraFile) -> Found:
    return Found(Lora(id="", root=file.root, path=file.path, size=file.size, modified=0.0, hashes=("abc123",)))


@pytest.fixture
def catalog(tmp_path):
    (tmp_path / "loras").mkdir()
    for number in range(5):
        header = b'{"a":{}}'
        body = struct.pack("<Q", len(header)) + header + bytes([number]) * (100 + number)
        (tmp_path / "loras" / f"{number}.safetensors").write_bytes(body)
    with open_database(tmp_path / "data") as database:
        one = Catalog(database)
        scan(one, [tmp_path / "loras"], describe=describe)
        yield one


def test_known_hashes_of_both_kinds(tmp_path, monkeypatch):
    monkeypatch.setattr(hashing, "CHUNK", 7)  # the header ends inside a chunk
    header = b'{"a":{"dtype":"F16"}}'
    body = struct.pack("<Q", len(header)) + header + b"tensors" * 9
    for name in ("x.safetensors", "x.pt"):
        (tmp_path / name).write_bytes(body)
    whole, tail = hashlib.sha256(body).hexdigest(), hashlib.sha256(b"tensors" * 9).hexdigest()
    assert hash_file(tmp_path / "x.safetensors") == (whole, tail)
    assert hash_file(tmp_path / "x.pt") == (whole, "")
    with pytest.raises(BadFile, match="check its permissions"):
        hash_file(tmp_path / "none.pt")


def test_hashes_are_added_to_the_loras_once(catalog):
    version = catalog.version()
    report = hash_all(catalog)
    assert (report.hashed, report.waiting, report.problems) == (5, 0, ())
    lora = catalog.loras()[0]
    sha256, autov3 = hash_file(Path(lora.root, lora.path))
    assert lora.hashes == ("abc123", sha256, autov3[:12])
    assert catalog.version() > version
    assert {claim.field for claim in catalog.details(lora.id).claims} == {"hashes"}
    version = catalog.version()
    assert hash_all(catalog).hashed == 0 and catalog.version() == version


def test_an_interrupted_run_goes_on_where_it_ended(catalog, monkeypatch):
    real, opened = hashing.hash_file, []

    def hash_until(path, pulse):
        opened.append(path)
        if len(opened) == 4:
            raise KeyboardInterrupt
        return real(path, pulse)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(hashing, "hash_file", hash_until)
        hash_all(catalog)
    assert sum(len(lora.hashes) > 1 for lora in catalog.loras()) == 3
    seen: list[Progress] = []
    report = hash_all(catalog, seen.append)
    assert (report.hashed, report.waiting) == (2, 0)
    assert {p.stage for p in seen} == {"hash"} and seen[-1].total == 2


def test_results_are_stored_while_the_run_goes_on(catalog, monkeypatch):
    monkeypatch.setattr(hashing, "COMMIT_BYTES", 1)
    real, left = hashing.hash_file, []

    def hash_counted(path, pulse):
        left.append(len(catalog.ledger.unhashed()))
        return real(path, pulse)

    monkeypatch.setattr(hashing, "hash_file", hash_counted)
    hash_all(catalog)
    assert left == [5, 4, 3, 2, 1]


def test_a_changed_file_loses_its_hashes_and_is_not_hashed_unscanned(catalog):
    hash_all(catalog)
    root = Path(catalog.roots()[0])
    (root / "1.safetensors").write_bytes(b"another content altogether")
    scan(catalog, [root], describe=describe)
    assert catalog.loras()[1].hashes == ("abc123",)
    (root / "1.safetensors").write_bytes(b"and changed again")
    report = hash_all(catalog)
    assert (report.hashed, report.waiting) == (0, 1) and "scan again" in report.problems[0].message
    scan(catalog, [root], describe=describe)
    assert hash_all(catalog).hashed == 1


def test_a_moved_file_keeps_its_hashes(catalog):
    hash_all(catalog)
    root = Path(catalog.roots()[0])
    hashes = catalog.loras()[1].hashes
    (root / "1.safetensors").rename(root / "renamed.safetensors")
    scan(catalog, [root], describe=describe)
    assert hash_all(catalog).hashed == 0
    assert [lora.hashes for lora in catalog.loras() if lora.stem == "renamed"] == [hashes]
