"""Where models are found, what is read from them, and what their identity depends on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lorarec.encode import models
from lorarec.encode.models import available, find, read
from lorarec.encode.profiles import LENSES, MINILM, MPNET, PROFILES, encoder_names
from lorarec.errors import BadFile, MissingPart, UsageError
from lorarec.settings import Settings

Save = Callable[..., Path]


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No cache and no package of the machine that runs the tests."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "SENTENCE_TRANSFORMERS_HOME", "TRANSFORMERS_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(models, "PACKAGE", "no_such_package_of_ours")


def cached(save: Save, hub: Path, name: str, revision: str, **options: Any) -> Path:
    return save(hub / f"models--{name.replace('/', '--')}" / "snapshots" / revision, **options)


def test_places_and_their_order(save: Save, tmp_path: Path) -> None:
    data, hub = tmp_path / "data", tmp_path / "hf" / "hub"
    assert find("owner/enc", data) is None
    snapshot = cached(save, hub, "owner/enc", "abc")
    found = find("owner/enc", data)
    assert found and (found.path, found.source) == (snapshot, "Hugging Face cache")
    pulled = save(data / "models" / "owner" / "enc")
    found = find("owner/enc", data)
    assert found and (found.path, found.source) == (pulled, "data folder")
    own = save(tmp_path / "mine")
    found = find(str(own), data)
    assert found and (found.path, found.source, found.name) == (own, "folder", str(own))
    assert [(m.name, m.source) for m in available(data)] == [
        ("owner/enc", "data folder"),
        ("owner/enc", "Hugging Face cache"),
    ]


def test_the_main_revision_counts(save: Save, tmp_path: Path) -> None:
    hub = tmp_path / "hf" / "hub"
    old, new = (cached(save, hub, "sentence-transformers/x", revision) for revision in ("old", "new"))
    refs = hub / "models--sentence-transformers--x" / "refs"
    refs.mkdir()
    for revision, path in (("old", old), ("new", new)):
        (refs / "main").write_text(revision + "\n")
        found = find("x", tmp_path)  # without an owner: sentence-transformers
        assert found and found.path == path


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "SENTENCE_TRANSFORMERS_HOME"])
def test_variables_name_the_cache(variable: str, save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(save, tmp_path / "elsewhere", "a/b", "r")
    save(tmp_path / "elsewhere" / "c_d")  # the layout of old sentence-transformers
    assert find("a/b", tmp_path) is None
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    assert find("a/b", tmp_path) and find("c/d", tmp_path)


def test_unfinished_downloads_do_not_count(save: Save, tmp_path: Path) -> None:
    cached(save, tmp_path / "hf" / "hub", "a/b", "r").joinpath("model.safetensors").unlink()
    save(tmp_path / "models" / ".a--b")
    assert find("a/b", tmp_path) is None and available(tmp_path) == []


@pytest.mark.parametrize("name", ["", "..", "a/../b", "/", "a//b", "a\\b", "C:/x", "no/such"])
def test_odd_names_find_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find(name, tmp_path / "data") is None


def test_folders_that_cannot_be_looked_at_hold_no_model(
    save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As below a folder that may not be entered: asking for its kind is an error of the system, not "no"."""
    save(tmp_path / "data" / "models" / "a" / "b")
    monkeypatch.setenv("HF_HOME", str(tmp_path / ("x" * 300)))
    assert find("a/b", tmp_path / "data") and find("y" * 300, tmp_path / "data") is None
    assert len(available(tmp_path / "data")) == 1


def test_a_small_file_that_cannot_be_read_is_damage(save: Save, tmp_path: Path) -> None:
    folder = save(tmp_path / "m")
    (folder / "merges.txt").mkdir()
    with pytest.raises(BadFile, match=r"merges\.txt"):
        read(folder, "m", "folder")


def test_the_package_counts_only_with_the_known_weights(
    save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    monkeypatch.setattr(models, "PACKAGE", "fake_minilm_package")
    package = tmp_path / "site" / "fake_minilm_package"
    weights = save(package / "model") / "model.safetensors"
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    data = tmp_path / "data"
    assert find(MINILM, data) is None
    monkeypatch.setattr(models, "PACKAGE_SHA256", hashlib.sha256(weights.read_bytes()).hexdigest())
    found = find(MINILM, data)
    assert found and found.source == "pip package" and "fake_minilm_package" not in sys.modules
    assert find("other/model", data) is None
    stat = weights.stat()
    monkeypatch.setattr(models, "PACKAGE_SHA256", "0" * 64)
    assert find(MINILM, data)  # remembered, not read again
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert weights.stat().st_size != stat.st_size and find(MINILM, data) is None


def test_what_the_authors_want_is_read(save: Save, tmp_path: Path) -> None:
    folder = read(save(tmp_path / "a", "mpnet", pooling="cls", window=40, lower=True), "x/a", "folder")
    assert (folder.dim, folder.window, folder.pooling, folder.lower, folder.pad) == (32, 40, "cls", True, 1)
    assert folder.exotic == "" and folder.size == (tmp_path / "a" / "model.safetensors").stat().st_size
    folder = read(save(tmp_path / "b", "roberta", window=500), "x/b", "folder")
    assert folder.window == 64  # 66 positions, of which two are never used


@pytest.mark.parametrize(
    ("file", "value", "reason"),
    [
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": True}, "max_tokens"),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "lasttoken"),
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}, "prompt"),
        ("modules.json", [{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}], "Dense"),
    ],
)
def test_exotic_models_are_recognised(file: str, value: Any, reason: str, save: Save, tmp_path: Path) -> None:
    path = save(tmp_path / "m")
    (path / file).write_text(json.dumps(value))
    assert reason in read(path, "m", "folder").exotic


def test_the_identity_follows_what_decides_vectors(save: Save, tmp_path: Path) -> None:
    def identity(**options: Any) -> str:
        return read(save(tmp_path / "m", **options), "owner/m", "folder").model_id

    first = identity()
    assert first == identity() and first.startswith("m-")
    others = [identity(seed=1), identity(pooling="cls"), identity(window=20), identity(lower=True)]
    assert len({first, *others}) == 5
    path = save(tmp_path / "m")
    (path / "README.md").write_text("words")
    (path / "model.safetensors").touch()
    assert read(path, "owner/m", "folder").model_id == first
    assert read(save(tmp_path / "copy"), "owner/m", "folder").model_id == first
    odd = read(save(tmp_path / "mein modell: ü"), str(tmp_path / "mein modell: ü"), "folder").model_id
    assert odd.isascii() and not set(odd) & set(' :/\\"')


def test_damage_is_named(save: Save, tmp_path: Path) -> None:
    path = save(tmp_path / "m")
    (path / "model.safetensors").unlink()
    with pytest.raises(MissingPart, match=r"no model\.safetensors"):
        find(str(path), tmp_path)
    save(path)
    (path / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(BadFile, match=r"model\.safetensors"):
        find(str(path), tmp_path)
    save(path)
    (path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(BadFile, match=r"config\.json"):
        find(str(path), tmp_path)
    (path / "config.json").write_text("[")
    with pytest.raises(BadFile, match=r"config\.json"):
        find(str(path), tmp_path)


def test_profiles_and_own_choices() -> None:
    assert set(encoder_names(Settings()).values()) == {MINILM}
    for profile in PROFILES:
        assert tuple(encoder_names(Settings(profile=profile))) == LENSES
    names = encoder_names(Settings(profile="quality", encoder_artistic=" /my/model "))
    assert names["artistic"] == "/my/model" and names["semantic"] == MPNET
    with pytest.raises(UsageError, match="profile"):
        encoder_names(Settings(profile="fast"))
