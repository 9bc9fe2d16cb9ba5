"""Speed tests measure what they say; their made-up collections are valid."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pytest

from lorarec.measure import process, speed, synthetic
from lorarec.measure.speed import Measured

ROOT = Path(__file__).resolve().parents[2]


def test_a_row_knows_whether_it_is_good() -> None:
    assert Measured("a", 1.9, "×", 2).good is True
    assert Measured("a", 2.1, "×", 2).good is False
    assert Measured("a", 1.3, "×", 1.25, at_least=True).good is True
    assert Measured("a", 1.1, "×", 1.25, at_least=True).good is False
    assert Measured("a", 1.1, "×", None).good is None
    assert Measured("a", math.nan, "×", 2).good is None


def test_both_sides_get_every_input_in_turns() -> None:
    calls: list[str] = []

    def slow(text: str) -> None:
        calls.append("ours " + text)
        time.sleep(0.02)

    def quick(text: str) -> None:
        calls.append("bare " + text)
        time.sleep(0.002)

    found = speed.side_by_side(slow, quick, ["1", "2", "3"], warm_up=1)
    assert calls == ["bare 1", "ours 1", "ours 2", "bare 2", "bare 3", "ours 3"]
    assert found.runs == 2 and found.ratio == found.ours / found.bare and found.ours > found.bare


def test_prompts_have_the_asked_length_and_differ() -> None:
    made = speed.prompts_of_length(30, 20, lambda text: len(text.split()))
    assert len(set(made)) == 20
    assert {len(text.split()) for text in made} == {30}
    assert made == speed.prompts_of_length(30, 20, lambda text: len(text.split()))


def test_headers_have_the_asked_length_and_a_real_shape(tmp_path: Path) -> None:
    synthetic.write_headers(tmp_path, 3)
    files = list(tmp_path.rglob("*.safetensors"))
    assert len(files) == 3
    for file in files:
        raw = file.read_bytes()
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + length])
        assert length == synthetic.HEADER_BYTES
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        assert len(ends) == 792 and max(ends) == len(raw) - 8 - length
        assert len(json.loads(header["__metadata__"]["ss_tag_frequency"])) == 1
    assert speed.read_headers(tmp_path) == 3 * synthetic.HEADER_BYTES
    assert speed.list_and_stat(tmp_path) == 3


def test_synthetic_collections_are_complete_and_repeatable(tmp_path: Path) -> None:
    for place in ("a", "b"):
        synthetic.lay_synthetic(tmp_path / place, 5, seed=3)
    names = [sorted(p.name for p in (tmp_path / place).rglob("*.civitai.info")) for place in ("a", "b")]
    assert names[0] == names[1] and len(names[0]) == 5
    info = json.loads(next((tmp_path / "a").rglob("*.civitai.info")).read_text())
    assert len(info["images"]) == 8 and info["model"]["name"] and info["trainedWords"]


def test_scan_rows_time_a_first_scan_and_the_unchanged(tmp_path: Path) -> None:
    synthetic.write_headers(tmp_path, 2, header_bytes=110_000)
    scans: list[int] = []

    def first_scan():  # type: ignore[no-untyped-def]
        mine = len(scans)
        scans.append(0)

        def scan() -> None:
            scans[mine] += 1
            time.sleep(0.001)

        return scan

    rows = speed.scan_rows(tmp_path, first_scan, again=2)
    assert rows[-1].limit == 4 and scans[-1] == 3  # one first scan, two with nothing changed
    assert [row.limit for row in rows[:-1]] in ([3, None], [None])
    assert all(row.value > 0 for row in rows)


def test_throughput_divides_texts_per_second() -> None:
    row = speed.throughput_row(
        "x", lambda texts: time.sleep(0.001), lambda texts: time.sleep(0.02), ["t"] * 10, 1.25, 2
    )
    assert row.value > 2 and row.at_least and row.good


def test_importing_the_root_is_timed_and_watched() -> None:
    cost, heavy = process.import_cost(ROOT, runs=1)
    assert heavy == [] and -1000 < cost < 5000


def test_an_import_that_loads_something_heavy_is_seen(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("import sqlite3\n")
    assert "sqlite3" in process.import_cost(tmp_path, runs=1)[1]


def test_resident_memory_grows_with_what_is_held() -> None:
    before = process.resident_mb()
    if before is None:
        pytest.skip("this system does not tell")
    held = bytearray(60_000_000)
    held[::4096] = b"x" * len(held[::4096])
    after = process.resident_mb()
    assert after is not None and after - before > 40
    assert len(held) == 60_000_000


def test_machine_facts_are_there() -> None:
    facts = process.machine()
    assert set(facts) == {"system", "processor", "cores", "python"} and int(facts["cores"]) >= 1
    assert "numpy" in process.versions()
