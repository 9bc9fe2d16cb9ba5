"""The sample collection, indexed by words only, and the command line called in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lorarec import cli, sample

ROOT = Path(__file__).resolve().parents[2]
WORDS_ONLY = '{"encoder_semantic": "absent/encoder"}'


class Done(NamedTuple):
    """What a call left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Done]


class Place(NamedTuple):
    """A LoRA folder and a data folder."""

    loras: Path
    data: Path

    @property
    def flags(self) -> list[str]:
        return ["--loras", str(self.loras), "--data", str(self.data)]


@pytest.fixture(autouse=True)
def _no_folders_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LORAREC_LORAS", raising=False)
    monkeypatch.setenv("LORAREC_DATA", str(tmp_path / "default-data"))
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The sample collection, indexed; tests only read it."""
    place = Place(tmp_path_factory.mktemp("sample"), tmp_path_factory.mktemp("data"))
    sample.write(place.loras)
    (place.data / "settings.json").write_text(WORDS_ONLY, encoding="utf-8")
    assert cli.main(["index", *place.flags]) == 0
    return place


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder of its own, without an encoder."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "settings.json").write_text(WORDS_ONLY, encoding="utf-8")
    return folder


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line in this process: ``call("suggest", "a prompt")``."""

    def run(*argv: object) -> Done:
        capsys.readouterr()
        code = cli.main([str(argument) for argument in argv])
        return Done(code, *capsys.readouterr())

    return run


def spawn(*argv: object, **environment: str) -> subprocess.Popen[bytes]:
    """The command line in a process of its own."""
    command = [sys.executable, str(ROOT / "lorarec_cli.py"), *map(str, argv)]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


@pytest.fixture(name="spawn")
def _spawn() -> Callable[..., subprocess.Popen[bytes]]:
    return spawn
