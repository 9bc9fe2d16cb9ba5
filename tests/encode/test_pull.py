"""Downloads from a server of our own that behaves like a model hub, well and badly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from lorarec.encode.pull import list_files, pull
from lorarec.errors import MissingPart, UsageError
from lorarec.types import Progress

NAME = "owner/tiny-encoder"
WEIGHTS = bytes(range(256)) * 4000  # 1 MB
FILES = {
    "config.json": b'{"hidden_size": 4}',
    "modules.json": b"[]",
    "1_Pooling/config.json": b"{}",
    "tokenizer.json": b"{}",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"pickle",
    "evil/../../x.json": b"{}",
    "onnx/model.onnx": b"onnx",
}
Hub = Any


@pytest.fixture
def hub(serve_model: Callable[..., AbstractContextManager[Hub]]) -> Iterator[Hub]:
    with serve_model(NAME, FILES) as hub:
        yield hub


def asked(hub: Hub, path: str) -> list[str]:
    return [wanted for where, wanted in hub.requests if where.endswith(path)]


def test_a_model_comes_whole_and_without_what_is_not_needed(hub: Hub, tmp_path: Path) -> None:
    steps: list[Progress] = []
    folder = pull(NAME, tmp_path, mirror=hub.address, progress=steps.append)
    assert folder == tmp_path / "models" / "owner" / "tiny-encoder"
    got = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    wanted = ["config.json", "modules.json", "1_Pooling/config.json", "tokenizer.json", "model.safetensors"]
    assert got == {path: hub.files[path] for path in wanted}
    total = sum(map(len, got.values()))
    assert steps[0].done == 0 and steps[-1].done == total
    assert {s.total for s in steps} == {total} and {s.stage for s in steps} == {"download"}
    assert sum(file.size for file in list_files(NAME, mirror=hub.address)) == total


def test_redirects_are_followed(hub: Hub, tmp_path: Path) -> None:
    hub.redirect = True
    assert pull(NAME, tmp_path, mirror=hub.address + "/")


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_line_is_mended(hub: Hub, tmp_path: Path, ranges: bool) -> None:
    hub.cut, hub.ranges = [300_000], ranges
    steps: list[Progress] = []
    folder = pull(NAME, tmp_path, mirror=hub.address, progress=steps.append)
    assert folder and (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert asked(hub, "model.safetensors") == ["", "bytes=300000-"]
    assert steps[-1].done == steps[-1].total


def test_a_cancelled_download_goes_on_later(hub: Hub, tmp_path: Path) -> None:
    steps: list[Progress] = []

    def enough() -> bool:
        part = tmp_path / "models" / ".owner--tiny-encoder" / "model.safetensors.part"
        return part.exists() and part.stat().st_size > 0

    hub.cut = [500_000]
    assert pull(NAME, tmp_path, mirror=hub.address, cancelled=enough, progress=steps.append) is None
    assert not (tmp_path / "models" / "owner").exists()
    before = len(hub.requests)
    folder = pull(NAME, tmp_path, mirror=hub.address)
    assert folder and (folder / "model.safetensors").read_bytes() == WEIGHTS
    later = hub.requests[before:]
    assert not [where for where, _ in later if where.endswith("main/config.json")]  # had come already
    assert next(wanted for where, wanted in later if where.endswith("model.safetensors")).startswith("bytes=")


def test_a_wrong_digest_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.corrupt = True
    with pytest.raises(MissingPart, match="digest"):
        pull(NAME, tmp_path, mirror=hub.address)
    assert not (tmp_path / "models" / "owner").exists()
    hub.corrupt = False
    assert pull(NAME, tmp_path, mirror=hub.address)


def test_a_new_pull_replaces_the_old_model(hub: Hub, tmp_path: Path) -> None:
    pull(NAME, tmp_path, mirror=hub.address)
    hub.files["config.json"] = b'{"hidden_size": 8}'
    folder = pull(NAME, tmp_path, mirror=hub.address)
    assert folder and (folder / "config.json").read_bytes() == b'{"hidden_size": 8}'


def test_the_endpoint_of_the_environment_counts(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    assert pull(NAME, tmp_path)


def test_the_proxy_is_used(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MissingPart):  # our server is no proxy and knows no such path, but it was asked
        list_files(NAME, mirror="http://models.invalid", proxy=hub.address)
    assert hub.requests == [(f"http://models.invalid/api/models/{NAME}/tree/main?recursive=true", "")]


def test_errors_name_their_remedy(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match="no public model owner/other"):
        pull("owner/other", tmp_path, mirror=hub.address)
    with pytest.raises(MissingPart, match="set a mirror or proxy"):
        pull("all-MiniLM-L6-v2", tmp_path, mirror="http://127.0.0.1:9")
    del hub.files["model.safetensors"]
    with pytest.raises(MissingPart, match=r"no model\.safetensors"):
        pull(NAME, tmp_path, mirror=hub.address)
    for name in ("../x", "a/b/c", "owner/..", "a b"):
        with pytest.raises(UsageError, match="Hugging Face id"):
            pull(name, tmp_path, mirror=hub.address)
    for mirror in ("file:///etc", "hf-mirror.com"):
        with pytest.raises(UsageError, match="not an address"):
            pull(NAME, tmp_path, mirror=mirror)
