"""Runs of the benchmark are kept, listed and compared."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from lorarec.cli import main
from lorarec.commands import bench_runs
from lorarec.commands.bench_runs import Run, kept
from lorarec.measure.speed import Measured


def run(at: float, *rows: Measured) -> Run:
    machine: dict[str, str | int] = {"processor": "abacus", "cores": 2}
    return Run(
        at=at, lorarec="1.0", options={"quick": True, "sizes": None}, machine=machine, rows=tuple(map(kept, rows))
    )


SLOW = run(1e9, Measured("one suggestion", 2.0, "×", 1.7), Measured("gone", 1.0, "ms", None))
QUICK = run(2e9, Measured("one suggestion", 1.5, "×", 1.7), Measured("torch", math.nan, "×", 1.25, at_least=True))


def test_runs_come_back_as_they_were_kept_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    assert bench_runs.load(tmp_path) == []
    bench_runs.add(tmp_path / "data", SLOW)
    with open(tmp_path / "data" / bench_runs.FILE, "ab") as file:
        file.write(b'{"at": 3, "lora\n')
    bench_runs.add(tmp_path / "data", QUICK)
    assert bench_runs.load(tmp_path / "data") == [SLOW, QUICK]
    assert QUICK.rows[1].value is None and QUICK.rows[1].good is None, "what was not measured is no number"


def test_two_runs_are_compared_where_both_measured() -> None:
    table = bench_runs.comparison(SLOW, QUICK).splitlines()
    assert len(table) == 3 and table[2].split() == ["one", "suggestion", "2.00", "×", "1.50", "×", "-25%", "better"]
    assert bench_runs.comparison(QUICK, SLOW).splitlines()[2].endswith("+33%  worse")


def test_more_is_better_where_at_least_so_much_is_wanted() -> None:
    few, many = (run(1, Measured("texts", value, "×", 1.25, at_least=True)) for value in (1.3, 1.8))
    assert bench_runs.comparison(few, many).endswith("better")
    near = run(2, Measured("texts", 1.31, "×", 1.25, at_least=True))
    assert bench_runs.comparison(few, near).endswith("+1%"), "noise is not called better"


def test_the_command_lists_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--history", "--data", str(tmp_path)]) == 0
    assert "no run is kept" in capsys.readouterr().out
    bench_runs.add(tmp_path, SLOW)
    bench_runs.add(tmp_path, QUICK)
    assert main(["bench", "--history", "--data", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "abacus" in shown and "--quick True" in shown and "-25%" in shown
    assert main(["bench", "--history", "--json", "--data", str(tmp_path)]) == 0
    assert [one["at"] for one in json.loads(capsys.readouterr().out)] == [1e9, 2e9]


def test_the_smallest_run_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bench", "--quick", "--only", "scan", "--files", "10", "--data", str(tmp_path), "--json"]
    assert main(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["rows"] and printed["machine"]["cores"] >= 1 and printed["options"]["files"] == 10
    [saved] = bench_runs.load(tmp_path)
    assert [row.name for row in saved.rows] == [row["name"] for row in printed["rows"]]


@pytest.mark.parametrize("wrong", [["--sizes", "5"], ["--sizes", "many"], ["--only", "lunch"]])
def test_wrong_options_are_named(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *wrong]) != 0
    assert wrong[1] in capsys.readouterr().err
