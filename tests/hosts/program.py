"""Programs that tests start and talk to through their pipes, and the Pythons that some of them need."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def python_of(environment: str) -> Path:
    """The interpreter of an environment that bootstrap.py made below LORAREC_TEST_HOSTS; skips where there is none."""
    folder = Path(os.environ.get("LORAREC_TEST_HOSTS", "absent"), environment)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        pytest.skip(f"LORAREC_TEST_HOSTS names no folder with {environment}; `python bootstrap.py test` brings it")
    return python


class Program:
    """A running program; what it says on stderr goes into a file, so that it never waits for a reader."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        cwd: Path = ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it. ``environment`` None: ours."""
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )

    def line(self) -> str:
        """The next line that it prints; AssertionError with the end of its log if it ended instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.said()[-3000:]
        return line.strip()

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def said(self) -> str:
        """What it has logged so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> str:
        """Terminate it; what it had logged by then."""
        self.process.terminate()
        self.process.communicate(timeout=30)
        return self.said()

    def hang_up(self) -> None:
        """Close its standard input, with which the hosts of our own end, and wait."""
        self.process.communicate(timeout=20)


class Served(Program):
    """A program with our code whose first line is the address that it serves at."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        """Start it and wait for its address."""
        ours = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        super().__init__(command, log, environment={**os.environ, **ours})
        self.url = self.line()

    def ask(self, path: str) -> Any:
        """What its API says below a path."""
        with urllib.request.urlopen(f"{self.url}lorarec/v1{path}", timeout=10) as response:
            return json.load(response)
