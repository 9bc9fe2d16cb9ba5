"""`lorarec evaluate` and `lorarec bench` from the command line, on tiny collections."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorarec import cli
from lorarec.commands import bench as bench_command
from lorarec.commands import bench_faces, bench_suggest, evaluate
from lorarec.measure.bench_data import Bench
from lorarec.measure.protocol import TASKS
from lorarec.rank.blend import Calibration, Model, Net, shipped

pytest.importorskip("sqlalchemy")


def lexical_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without any encoder model: quick, and the same everywhere."""
    from lorarec.encode import models

    monkeypatch.setattr(models, "find", lambda name, data_dir: None)


def test_evaluate_through_the_public_door(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lexical_only(monkeypatch)
    data = tmp_path / "data"
    arguments = ["evaluate", str(bench.folder), "--task", "full", "--task", "weights", "--baseline", "bm25"]
    assert cli.main([*arguments, "--no-popularity", "--bare", "1.0", "--data", str(data), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    rankings = {row["variant"]: row["summary"] for row in told["report"]["rankings"]}
    assert set(rankings) == {"as it is", "no popularity", "bare and mixed", "BM25"}
    assert rankings["as it is"]["rows"] == 3 and rankings["as it is"]["loras"] == 4
    assert 0 < rankings["as it is"]["macro"]["mrr"] <= 1
    assert told["report"]["weights"]["n"] == 3
    assert told["judged_by"].startswith("shipped model") and told["encoders"]["semantic"] == "none"
    assert told["plan"]["tasks"] == ["full", "weights"] and told["versions"] and told["machine"]
    laid = sorted(p.name.rsplit("-", 1)[0] for p in (data / "evaluate" / "libraries").glob("*/*"))
    assert laid == ["full", "full", "full", "labels"]
    assert not (data / "lorarec.sqlite3").exists(), "the user's own catalogue must stay as it was"


def test_evaluate_prints_a_table(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lexical_only(monkeypatch)
    arguments = ["evaluate", str(bench.folder), "--libraries", "2", "--limit", "1", "--data", str(tmp_path / "data")]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert "2, as it is" in out and "macro MRR" in out and "shipped model" in out
    assert cli.main(arguments) == 0  # a second run finds everything in place
    assert capsys.readouterr().out.splitlines()[2].split()[:5] == out.splitlines()[2].split()[:5]


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--libraries", "300"], "no libraries of 300"),
        (["--loras", "."], "leave out --loras"),
        (["--bare", "2"], "between 0 and 1"),
        (["--kinds", "txt", "--bare", "0.5", "--libraries", "2"], "unknown kind of sidecar"),
    ],
)
def test_wrong_usage_is_a_sentence(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    complaint: str,
) -> None:
    lexical_only(monkeypatch)
    assert cli.main(["evaluate", str(bench.folder), "--data", str(tmp_path / "d"), *more]) == 2
    said = capsys.readouterr()
    assert complaint in said.err and said.out == ""


def test_a_folder_without_benchmark_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", str(tmp_path)]) == 2
    assert "is not a lorabench folder" in capsys.readouterr().err


def model(queries: str, folds: int) -> Model:
    net = Net([[0.0]], [0.0], [0.0], [0.0])
    return Model([], net, Calibration(1.0, 0.0), [net] * folds, {"queries_sha256": queries})


def test_folds_are_used_on_the_queries_the_model_was_trained_on(bench: Bench) -> None:
    own, other = model(bench.queries_digest(), 5), model("0123", 5)
    folds, said = evaluate.folds_for("auto", bench, own)
    assert folds is not None and set(folds) == set(bench.corpus) and "folds" in said
    folds, said = evaluate.folds_for("auto", bench, other)
    assert folds is None and "not seen" in said
    assert evaluate.folds_for("on", bench, other)[0] is not None
    folds, said = evaluate.folds_for("off", bench, own)
    assert folds is None and "trained on these queries" in said
    with pytest.raises(evaluate.UsageError, match="no folds"):
        evaluate.folds_for("on", bench, model("x", 0))


def test_the_shipped_model_can_be_judged_by_folds() -> None:
    assert len(shipped().folds) == 5


def test_everything_means_everything(bench: Bench) -> None:
    plan = evaluate.plan_of(cli.parse(["evaluate", str(bench.folder), "--everything"]))
    assert plan.tasks == TASKS and plan.bare == 0.3
    assert plan.existing and plan.without_triggers and plan.no_popularity and plan.baseline
    plain = evaluate.plan_of(cli.parse(["evaluate", str(bench.folder)]))
    assert plain.tasks == ("cold",) and plain.sizes == ("300", "1000") and not plain.baseline


def test_bench_without_an_encoder_still_measures_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lexical_only(monkeypatch)
    monkeypatch.delenv("LORAREC_BENCH", raising=False)
    arguments = [
        "bench",
        "--quick",
        "--files",
        "20",
        "--sizes",
        "20",
        "--images",
        "20",
        "--generations",
        "20",
        "--work",
        str(tmp_path / "w"),
        "--data",
        str(tmp_path),
    ]
    assert cli.main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in told["rows"]}
    assert any(name.startswith("cold scan of 20 files") for name in rows)
    assert rows["harvest of 20 images"]["at_least"] and rows["harvest of 20 images"]["value"] > 0
    missing = [row for row in told["rows"] if row["value"] is None]
    assert missing and all("encoder model" in row["detail"] for row in missing)
    start = next(row for name, row in rows.items() if name.startswith("import of the repository root"))
    assert "heavy modules: none" in start["detail"] and start["limit"] == 30
    assert not list((tmp_path / "w").glob("catalogue-*"))


@pytest.mark.slow
def test_bench_with_an_encoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from lorarec.encode import models
    from lorarec.encode.profiles import MINILM

    if models.find(MINILM, tmp_path) is None:
        pytest.skip("no encoder model on this machine")
    suite = bench_command.Suite(tmp_path, tmp_path, evaluate.Settings(), lambda step: None, 4)
    rows = bench_suggest.suggestions(suite, [40])
    assert all(row.value > 0 for row in rows[:2]) and 50 < rows[-1].value < 2000
    assert (rows[0].unit, rows[-1].unit) == ("×", "MB")
    ratio, errors, newest = bench_faces.servers(suite, 40, 4.0)
    assert ratio.value > 0 and "answers in 4 s" in ratio.detail
    assert (errors.value, newest.value) == (0, 100), errors.detail


def test_bench_refuses_folders(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--loras", "."]) == 2
    assert "leave out --loras" in capsys.readouterr().err
    assert cli.main(["bench", "--sizes", "3"]) == 2
