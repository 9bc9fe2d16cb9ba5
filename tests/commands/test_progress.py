"""Progress on stderr: bars on a terminal, lines elsewhere, nothing for short work."""

from __future__ import annotations

import io
import sys

import pytest

from lorarec import progress
from lorarec.types import Progress

STEPS = [
    Progress("scan", 0, None, 0.0, None),
    Progress("scan", 40, None, 400.0, None, "styles/a_very_long_folder_name/and_a_long_file_name.safetensors"),
    Progress("encode", 10, 100, 50.0, 91.0),
    Progress("download", 45_000_000, 90_000_000, 1_500_000.0, 30.0, "model[bold].safetensors"),
    Progress("a new stage", 1, 1, 1.0, 0.0),
]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
def test_bars_move_on_a_terminal_and_go_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress.progress() as meter:
        for step in STEPS:
            meter(step)
            meter._bars.refresh()
    shown = screen.getvalue()
    for text in ("Reading LoRAs", "10 of 100", "1 min 31 s left", "45.0 MB of 90.0 MB", "model[bold].safetensors"):
        assert text in shown


@pytest.mark.usefixtures("at_once")
def test_lines_where_nothing_can_move(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress() as meter:
        for step in STEPS:
            meter(step)
            meter(step)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "Reading LoRAs: 0",
        "Encoding texts: 10 of 100, 50/s, 1 min 31 s left",
        "Downloading: 45.0 MB of 90.0 MB, 1.5 MB/s, 30 s left",
        "a new stage: 1 of 1, 1/s",
    ]


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress() as meter:
        meter(STEPS[0])
    assert capsys.readouterr() == ("", "")
