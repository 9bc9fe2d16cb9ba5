"""Exports: checked by torch, made by one process at a time, refused when wrong."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lorarec.encode import onnx_export, onnx_graph
from lorarec.encode.encoders import OnnxEncoder, TorchEncoder, open_encoder
from lorarec.encode.models import read
from lorarec.encode.weights import Weights
from lorarec.errors import BadFile, MissingPart

pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")


def installed(*names: str) -> bool:
    return all(importlib.util.find_spec(name) for name in names)


needs_torch = pytest.mark.skipif(not installed("torch", "transformers"), reason="torch is not installed")
needs_exporter = pytest.mark.skipif(not installed("torch", "transformers", "onnx"), reason="onnx is not installed")


_LOAD = """
import sys
from lorarec.encode.onnx_export import runtime
runtime().InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
"""


def test_loading_a_model_reports_to_nobody(tiny: Any, tmp_path: Path, no_torch_check: None) -> None:
    path = onnx_export.export(tiny("bert"), tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    # In CI it keeps still by itself.
    silent = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "GITHUB_ACTIONS", "TF_BUILD", "BUILD_ID")
    env = {name: value for name, value in os.environ.items() if name not in silent and not name.startswith("XDG_")}
    env |= {"HOME": str(home), "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    subprocess.run([sys.executable, "-c", _LOAD, str(path)], env=env, check=True)
    assert list(home.rglob("*")) == [], "what it would send is collected in a database there"


@needs_torch
def test_torch_checks_the_file_in_a_process_of_its_own(tiny: Any, tmp_path: Path) -> None:
    folder = tiny("mpnet")
    path = onnx_export.export(folder, tmp_path)
    assert json.loads(path.with_suffix(".json").read_text())["checked"] == "torch"
    assert onnx_export.find(folder, tmp_path) == path
    assert sorted(p.suffix for p in path.parent.iterdir()) == [".data", ".json", ".lock", ".onnx"]


@needs_torch
def test_an_export_that_torch_contradicts_is_refused(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny("mpnet")
    monkeypatch.setattr(onnx_graph, "relative_bucket", lambda offsets, buckets: np.abs(offsets) % buckets)
    with pytest.raises(MissingPart, match="differs from torch"):
        onnx_export.export(folder, tmp_path)
    assert onnx_export.find(folder, tmp_path) is None
    assert isinstance(open_encoder(folder, tmp_path), TorchEncoder)  # slower, but right


def test_an_export_that_gives_no_numbers_is_refused_without_torch_too(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_torch_check: None
) -> None:
    folder = tiny("bert")
    real = onnx_export._in_onnx
    monkeypatch.setattr(onnx_export, "_in_onnx", lambda *arguments: real(*arguments) * np.nan)
    with pytest.raises(MissingPart, match="no finite numbers"):
        onnx_export.export(folder, tmp_path)
    assert onnx_export.find(folder, tmp_path) is None


@needs_exporter
def test_other_architectures_go_through_torch_s_exporter(tiny: Any, tmp_path: Path) -> None:
    folder = tiny()
    config = json.loads((folder.path / "config.json").read_text())
    (folder.path / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    folder = read(folder.path, "relu", "folder")
    encoder = open_encoder(folder, tmp_path)
    assert isinstance(encoder, OnnxEncoder)
    texts = ["red fox", "long hair, snow. " * 20, "cat"]
    np.testing.assert_allclose(encoder.encode(texts), TorchEncoder(folder).encode(texts), atol=2e-6)


def test_without_an_exporter_other_architectures_say_so(tiny: Any, tmp_path: Path, without: Any) -> None:
    folder = tiny()
    config = json.loads((folder.path / "config.json").read_text())
    (folder.path / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    without("onnx")
    with pytest.raises(MissingPart, match="onnx is not installed"):
        onnx_export.export(folder, tmp_path)


def test_broken_weights_are_named(tiny: Any, tmp_path: Path, no_torch_check: None) -> None:
    folder = tiny()
    weights = folder.path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(BadFile, match="cut short"):
        onnx_export.export(folder, tmp_path)
    weights.write_bytes(whole.replace(b"encoder.layer.1.output.dense.bias", b"encoder.layer.1.output.dense.bios"))
    with pytest.raises(BadFile, match=r"no tensor encoder\.layer\.1\.output\.dense\.bias"):
        onnx_export.export(folder, tmp_path)
    assert not list((tmp_path / "onnx").glob("*.onnx"))


def test_one_of_many_does_the_work(
    tiny: Any, tmp_path: Path, no_torch_check: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny()
    made: list[int] = []
    real = onnx_export.write

    def counted(*arguments: Any, **more: Any) -> Any:
        made.append(1)
        return real(*arguments, **more)

    monkeypatch.setattr(onnx_export, "write", counted)
    (tmp_path / "onnx").mkdir()
    left = tmp_path / "onnx" / f".{folder.model_id}.killed"  # by a process that died at work
    left.mkdir()
    threads = [threading.Thread(target=onnx_export.export, args=(folder, tmp_path)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1] and not left.exists()


def test_half_precision_weights_and_prefixes(tiny: Any, tmp_path: Path, save: Any, no_torch_check: None) -> None:
    folder = tiny("bert")
    expected = open_encoder(folder, tmp_path).encode(["a red fox"])
    weights = Weights(folder.path / "model.safetensors")
    header: dict[str, Any] = {}
    body = b""
    for name in weights.names():
        data = weights[name].astype(np.float16).tobytes()
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        renamed = "bert." + old
        shape = list(weights[name].shape)
        header[renamed] = {"dtype": "F16", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    half = save(tmp_path / "half")
    (half / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + body)
    vectors = open_encoder(read(half, "half", "folder"), tmp_path).encode(["a red fox"])
    assert float((vectors * expected).sum()) > 0.9999


def test_relative_buckets_are_those_of_t5() -> None:
    offsets = np.array([0, -1, 1, -7, 7, -8, 8, -11, 11, -127, 127, -1000, 1000])
    assert onnx_graph.relative_bucket(offsets, 32).tolist() == [0, 1, 17, 7, 23, 8, 24, 8, 24, 15, 31, 15, 31]


def test_the_torch_script_runs_with_nothing_of_ours_on_the_path() -> None:
    script = Path(onnx_export.__file__).with_name("torch_worker.py")
    code = f"import runpy; print('main' in runpy.run_path({str(script)!r}))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
