"""Changing settings and choosing encoders from the command line."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from lorarec.commands import models
from lorarec.errors import MissingPart
from lorarec.host import PlainHost
from lorarec.paths import absolute
from lorarec.settings import OPTIONS, Settings, load


def test_settings_are_shown_set_and_unset(call, tmp_path: Path) -> None:
    assert set(call("settings", "--data", tmp_path, "--json").json) == set(OPTIONS)
    call("settings", "set", "top", 8, "--data", tmp_path)
    call("settings", "set", "collapse", "off", "--data", tmp_path)
    call("--data", tmp_path, "settings", "set", "diversity", "0.5")
    assert json.loads((tmp_path / "settings.json").read_text("utf-8")) == {
        "top": 8,
        "diversity": 0.5,
        "collapse": False,
    }
    assert call("settings", "unset", "top", "--data", tmp_path, "--json").json == {"top": 5}
    shown = call("settings", "--data", tmp_path).out
    assert all(name in shown for name in OPTIONS)


def test_lora_folders_are_kept_absolute(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call("settings", "set", "loras", "one", "two", "--data", tmp_path)
    assert load(tmp_path).loras == (str(tmp_path.resolve() / "one"), str(tmp_path.resolve() / "two"))


def test_a_folder_that_is_not_there_is_stored_and_named(call, tmp_path: Path) -> None:
    done = call("settings", "set", "loras", tmp_path, tmp_path / "lorsa", "--data", tmp_path)
    assert done.code == 0 and done.err.count("no folder now") == 1 and str(tmp_path / "lorsa") in done.err
    assert call("settings", "--data", tmp_path).err == "", "only when it is set"


def test_a_home_folder_that_nobody_has_is_a_name_like_others(call, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "~nobody at all").mkdir()
    (tmp_path / "home" / "here").mkdir(parents=True)
    folders = ["~nobody at all", f"~{os.sep}here"]
    expected = (str(tmp_path / "~nobody at all"), str(tmp_path / "home" / "here"))
    assert tuple(absolute(folders)) == expected
    assert call("settings", "set", "images", *folders, "--data", tmp_path).err == ""
    assert load(tmp_path).images == expected
    assert call("models", "use", "~nobody at all/x", "--data", tmp_path).code == 2


def test_environment_variables_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LORAREC_DATA", f"~{os.sep}data")
    monkeypatch.setenv("LORAREC_LORAS", f"~{os.sep}one{os.pathsep}~{os.sep}two")
    host = PlainHost()
    assert (host.data_dir(), host.lora_roots()) == (tmp_path / "data", [tmp_path / "one", tmp_path / "two"])


def test_folders_of_images_and_encoders_too_but_no_models_name(call, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    call("settings", "set", "images", "mine", "not there", "--data", tmp_path)
    call("settings", "set", "encoder_semantic", "mine", "--data", tmp_path)
    call("settings", "set", "encoder_artistic", "someone/model", "--data", tmp_path)
    stored = load(tmp_path)
    assert stored.images == (str(tmp_path / "mine"), str(tmp_path / "not there"))
    assert (stored.encoder_semantic, stored.encoder_artistic) == (str(tmp_path / "mine"), "someone/model")


def test_a_value_out_of_bounds_changes_nothing(call, tmp_path: Path) -> None:
    call("settings", "set", "top", 8, "--data", tmp_path)
    done = call("settings", "set", "top", 5000, "--data", tmp_path)
    assert done.code == 2 and "between 1 and 1000" in done.err
    assert load(tmp_path).top == 8


def test_choosing_an_encoder_leaves_alone_what_was_set_meanwhile(call, tmp_path: Path, monkeypatch) -> None:
    real = models.change_settings

    def late(data_dir: Path, changed) -> None:
        call("settings", "set", "top", 8, "--data", tmp_path)  # another program, just before it is stored
        real(data_dir, changed)

    monkeypatch.setattr(models, "change_settings", late)
    assert call("models", "use", "quality", "--data", tmp_path).code == 0
    assert (load(tmp_path).profile, load(tmp_path).top) == ("quality", 8)


def test_a_profile_replaces_own_encoders() -> None:
    own = Settings(encoder_semantic="a/b", encoder_artistic="c/d")
    assert models.chosen(own, "quality", None) == Settings(profile="quality")


def test_a_model_for_one_lens_or_all(tmp_path: Path) -> None:
    one = models.chosen(Settings(), "a/b", "artistic")
    assert (one.encoder_semantic, one.encoder_artistic, one.encoder_technical) == ("", "a/b", "")
    everything = models.chosen(Settings(), str(tmp_path), None)
    assert everything.encoder_semantic == everything.encoder_technical == str(tmp_path.resolve())


def test_list_names_what_is_missing_and_what_to_do(call, tmp_path: Path) -> None:
    call("models", "use", "absent/encoder", "--lens", "semantic", "--data", tmp_path)
    state = call("models", "list", "--data", tmp_path, "--json").json
    [absent] = [entry for entry in state["missing"] if entry["name"] == "absent/encoder"]
    assert absent["used_for"] == ["semantic"] and "models pull absent/encoder" in absent["problem"]
    assert "absent/encoder" in " ".join(call("models", "list", "--data", tmp_path).out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--lens", "semantic"), "--lens"),
        (("list", "--mirror", "https://m.example"), "--mirror"),
        (("list", "--yes"), "--yes"),
        (("list", "speed"), "name"),
        (("use", "quality", "--yes"), "--yes"),
        (("use", "quality", "--mirror", "https://m.example"), "--mirror"),
        (("pull", "a/b", "--lens", "semantic"), "--lens"),
    ],
)
def test_options_of_other_actions_are_refused(call, tmp_path: Path, arguments: tuple, said: str) -> None:
    done = call("models", *arguments, "--data", tmp_path)
    assert done.code == 2 and done.err == f"lorarec: models {arguments[0]} takes no {said}\n"
    assert not (tmp_path / "settings.json").exists()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """A hub that notes what is downloaded."""
    from lorarec.encode import pull

    calls: list[tuple[str, str, str]] = []

    def fetch(name: str, data_dir: Path, *, mirror: str, proxy: str, progress: object) -> Path:
        calls.append((name, mirror, proxy))
        return data_dir / "models" / name

    listed = [pull.RemoteFile("model.safetensors", 91_000_000, ""), pull.RemoteFile("config.json", 1_000_000, "")]
    monkeypatch.setattr(pull, "list_files", lambda name, *, mirror, proxy: listed)
    monkeypatch.setattr(pull, "pull", fetch)
    return calls


def test_pull_names_the_size_and_uses_mirror_and_proxy(call, hub, tmp_path: Path) -> None:
    call("settings", "set", "mirror", "https://mirror.example", "--data", tmp_path)
    done = call("models", "pull", "a/b", "--yes", "--proxy", "http://proxy.example", "--data", tmp_path)
    assert done.code == 0
    assert hub == [("a/b", "https://mirror.example", "http://proxy.example")]
    assert "92 MB" in done.err
    assert done.out.strip() == str(tmp_path / "models" / "a" / "b")


def test_pull_without_a_name_gets_what_is_missing(call, hub, tmp_path: Path) -> None:
    call("models", "use", "absent/encoder", "--data", tmp_path)
    assert call("models", "pull", "--yes", "--data", tmp_path).code == 0
    assert [name for name, _, _ in hub] == ["absent/encoder"]


@pytest.mark.parametrize(("answer", "downloads"), [("n\n", 0), ("y\n", 1), ("\n", 1), ("perhaps\n", 0)])
def test_pull_asks_on_a_terminal(call, hub, tmp_path: Path, monkeypatch, answer: str, downloads: int) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True, readline=io.StringIO(answer).readline))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert call("models", "pull", "a/b", "--data", tmp_path).code == 0
    assert len(hub) == downloads


def test_pull_gets_what_a_profile_lacks(call, hub, tmp_path: Path) -> None:
    from lorarec.encode.profiles import PROFILES

    call("settings", "set", "encoder_semantic", "absent/encoder", "--data", tmp_path)
    assert call("models", "pull", "quality", "--yes", "--data", tmp_path).code == 0
    names = [name for name, _, _ in hub]
    assert names and set(names) <= set(PROFILES["quality"].values()) and len(names) == len(set(names))
    assert load(tmp_path) == Settings(encoder_semantic="absent/encoder"), "it is not chosen by that"


def test_a_hub_out_of_reach_is_1(call, hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lorarec.encode import pull

    def unreachable(name: str, *, mirror: str, proxy: str) -> None:
        raise MissingPart(f"{name} cannot be downloaded (no route)")

    monkeypatch.setattr(pull, "list_files", unreachable)
    done = call("models", "pull", "a/b", "--data", tmp_path)
    assert (done.code, done.out) == (1, "") and "a/b" in done.err
