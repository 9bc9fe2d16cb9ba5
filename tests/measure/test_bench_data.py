"""Reading a benchmark, clustering its LoRAs, dating its prompts, laying it on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lorarec.errors import BadFile, UsageError
from lorarec.measure import clusters, dates, lay
from lorarec.measure.bench_data import Bench, CorpusLora

REAL = Path(os.environ.get("LORAREC_BENCH") or Path(__file__).resolve().parents[2].parent / "shared/data/lorabench")
TOOL = REAL.parents[1] / "tools" / "make_library.py"


def test_rows_are_read_as_they_stand(bench: Bench) -> None:
    assert list(bench.corpus) == ["civitai:1", "civitai:2", "civitai:3", "civitai:4"]
    assert bench.queries[1].loras[0].overlap == "name" and bench.queries[2].loras[0].weight is None
    assert bench.libraries == {"2:0": ["civitai:1", "civitai:2"], "2:1": ["civitai:3", "civitai:4"]}
    assert bench.history == []
    # An example counts for the LoRA on whose page it stands only: castle's prompt stands on another page.
    assert {name: [r.id for r in rows] for name, rows in bench.showcase.items()} == {"civitai:1": ["a:1", "a:2"]}


def test_the_digest_tells_other_queries(bench: Bench) -> None:
    import gzip

    before = bench.queries_digest()
    assert before == Bench(bench.folder).queries_digest() and len(before) == 16
    path = bench.folder / "queries.jsonl.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"\n"))
    assert bench.queries_digest() != before


def test_a_folder_without_benchmark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no corpus"):
        Bench(tmp_path)


def test_a_broken_file_is_named_with_its_line(bench: Bench) -> None:
    import gzip

    path = bench.folder / "queries.jsonl.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b'"b:2"', b"2")))
    with pytest.raises(BadFile, match=r"queries\.jsonl\.gz, line 2"):
        _ = bench.queries
    path.write_bytes(b"not gzip")
    with pytest.raises(BadFile, match="line 1"):
        _ = Bench(bench.folder).queries


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Ink Wash v2", "ink wash"),
        ("ink_wash [v3.0]", "ink wash"),
        ("Ink  Wash (LoRA) - SDXL", "ink wash"),
        ("细节调整LoRA", "细节调整lora"),
        ("2B", "2b"),
    ],
)
def test_titles_of_versions_are_alike(name: str, plain: str) -> None:
    assert clusters.plain_title(name) == plain


def test_near_duplicates_share_a_cluster_and_a_fold(bench: Bench) -> None:
    assert clusters.clusters(bench.corpus.values()) == {
        "civitai:1": "civitai:1",
        "civitai:2": "civitai:2",
        "civitai:3": "civitai:1",
        "civitai:4": "civitai:4",
    }
    folds = clusters.fold_of(bench)
    assert folds["civitai:1"] == folds["civitai:3"] and set(folds.values()) <= set(range(clusters.FOLDS))


def test_clusters_join_over_several_links_in_any_order() -> None:
    loras = [
        CorpusLora("c", "One", trained_words=["a long trigger"]),
        CorpusLora("b", "Two", trained_words=["A long  trigger"], description="d" * 151),
        CorpusLora("a", "Three", description="d" * 150 + "other end"),
        CorpusLora("e", "Four", trained_words=["girl"]),
        CorpusLora("f", "Five", trained_words=["girl"], description="d" * 150),
    ]
    expected = {"a": "a", "b": "a", "c": "a", "e": "e", "f": "f"}
    assert clusters.clusters(loras) == expected
    assert clusters.clusters(reversed(loras)) == expected


def test_a_prompt_is_dated_by_the_newest_loras_of_its_neighbours(bench: Bench) -> None:
    when = dates.prompt_dates(bench)
    assert when("b:1") <= when("b:3")
    assert when("elsewhere:1") == "9999-12-31"


def test_laid_files_and_sidecars(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "loras"
    index = lay.lay(bench, out)
    assert index == {
        "style/Ink_Wash_v2.safetensors": "civitai:1",
        "building_ruins/castle.safetensors": "civitai:2",
        "building_ruins/castle_3.safetensors": "civitai:3",
        "misc/Ännie.safetensors": "civitai:4",
    }
    info = json.loads((out / "style/Ink_Wash_v2.civitai.info").read_text(encoding="utf-8"))
    assert info["model"]["name"] == "Ink Wash v2" and info["stats"] == {"downloadCount": 1000, "rating": 4.5}
    assert [image["meta"]["prompt"] for image in info["images"]] == ["ink wash of hills", "hills"]
    header = (out / "style/Ink_Wash_v2.safetensors").read_bytes()
    metadata = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]
    assert metadata["ss_output_name"] == "Ink_Wash_v2"


def test_a_laid_folder_is_not_laid_again(bench: Bench, tmp_path: Path) -> None:
    first = lay.lay(bench, tmp_path / "l", ["civitai:4"])
    (tmp_path / "l/misc/Ännie.civitai.info").write_text("mine")
    assert lay.lay(bench, tmp_path / "l", ["civitai:4"]) == first
    assert (tmp_path / "l/misc/Ännie.civitai.info").read_text() == "mine"


def test_bare_and_mixed(bench: Bench, tmp_path: Path) -> None:
    lay.lay(bench, tmp_path / "bare", bare=1.0)
    assert {p.suffix for p in (tmp_path / "bare").rglob("*.*") if p.name != lay.INDEX} == {".safetensors"}
    lay.lay(bench, tmp_path / "mixed", kinds=lay.KINDS, stats=False, copies=2)
    found = [p.name.split(".", 1)[1] for p in (tmp_path / "mixed").rglob("*.*") if p.name != lay.INDEX]
    assert sorted(set(found)) == ["civitai.info", "json", "metadata.json", "safetensors"]
    assert found.count("safetensors") == 8
    told = "".join(
        p.read_text(encoding="utf-8") for p in (tmp_path / "mixed").rglob("*.*") if p.suffix in (".info", ".json")
    )
    assert "trainedWords" in told and "downloadCount" not in told
    with pytest.raises(UsageError, match=r"civitai\.json"):
        lay.lay(bench, tmp_path / "x", kinds=["civitai.json"])


@pytest.mark.skipif(not TOOL.is_file(), reason="the benchmark's own tool is not here")
@pytest.mark.parametrize("options", [{}, {"bare": 0.3, "kinds": list(lay.KINDS)}, {"copies": 2, "examples": 2}])
def test_same_library_as_the_benchmarks_own_tool(options: dict[str, object], tmp_path: Path) -> None:
    arguments = [str(REAL), str(tmp_path / "theirs"), "--library", "100:0"]
    for name, value in options.items():
        arguments += [f"--{name}", ",".join(value) if isinstance(value, list) else str(value)]
    subprocess.run([sys.executable, str(TOOL), *arguments], check=True, capture_output=True)
    bench = Bench(REAL)
    lay.lay(bench, tmp_path / "ours", bench.libraries["100:0"], **options)  # type: ignore[arg-type]

    def contents(folder: Path) -> dict[str, object]:
        files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
        return {
            name: path.read_bytes() if name.endswith(".safetensors") else json.loads(path.read_text(encoding="utf-8"))
            for name, path in files.items()
        }

    assert contents(tmp_path / "ours") == contents(tmp_path / "theirs")
