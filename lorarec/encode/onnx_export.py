"""An encoder's ONNX file: made once per model and data folder, checked before it is trusted.

The BERT family is written straight from its weights (onnx_graph.py); other architectures go through torch's exporter
in a process of its own. Where torch and transformers are installed the result must agree with them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadFile, MissingPart, NotReady, StorageError
from ..graphics import out_of_memory
from ..locks import file_lock
from .models import WEIGHTS, ModelFolder
from .onnx_graph import write
from .tokenize import Tokenizer, fill
from .weights import Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_COSINE = 0.9999
MIN_COSINE_INT8 = 0.98  # of vectors in 8 bits, which only those get who ask for them
INT8 = "-int8"  # behind the identity of vectors in 8 bits
_WRITER = 3  # counted up when files are written differently, so that older ones are made anew
_WORKER_SECONDS = 600
_GRAPH_LIMIT = 1_900_000_000  # bytes; Protocol Buffers end at 2 GiB, and torch writes weights into the graph
SAMPLE = (
    "a watercolor painting of a fox in the snow, soft light",
    "1girl, solo, long hair, (masterpiece:1.2), <best quality>, looking at viewer, upper body",
    "cyberpunk",
    "水墨画, 山, 霧",
    "A style trained on film stills of the seventies. It works best between 0.6 and 0.8, with warm colours. " * 5,
)  # texts on which two ways to run one model are compared


def find(folder: ModelFolder, data_dir: Path, int8: bool = False) -> Path | None:
    """The trusted ONNX file of a model, or None if it was not made yet or is damaged."""
    path = _path(folder, data_dir, int8)
    try:
        record = json.loads(path.with_suffix(".json").read_bytes())
        whole = record["writer"] == _WRITER and all(
            path.with_name(name).stat().st_size == size for name, size in record["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return path if whole else None


def export(folder: ModelFolder, data_dir: Path, int8: bool = False) -> Path:
    """Make the ONNX file of a model, ``<data>/onnx/<model_id>.onnx``, or return the one that is there.

    Input ``input_ids`` and ``attention_mask``, int64 (b, s); output ``last_hidden_state``, float32 (b, s, dim). Takes
    well under a second, and some more where torch checks it. Only one process at a time does the work.

    Raises:
        MissingPart: the architecture needs torch's exporter and that cannot run here, or the file made does not give
            the vectors that torch gives.
        BadFile: the model is damaged.
        NotReady: memory ran out.
        StorageError: the data folder cannot be written.
    """
    exact = export(folder, data_dir) if int8 else None  # the one it is compared with
    target = _path(folder, data_dir, int8)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(target.with_suffix(".lock")):
            found = find(folder, data_dir, int8)
            if found:
                return found
            for left in target.parent.glob(f".{target.stem}.*"):  # of a killed process: we hold the lock
                shutil.rmtree(left, ignore_errors=True)
            draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.stem}."))
            try:
                _make(folder, draft / target.name, exact)
                _install(draft, target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise StorageError(f"{target.parent} cannot be written ({error.strerror}); free space or fix it") from error
    return target


def forget(folder: ModelFolder, data_dir: Path, int8: bool = False) -> None:
    """Distrust a model's ONNX file, so that the next `export` makes it anew."""
    with contextlib.suppress(OSError):
        _path(folder, data_dir, int8).with_suffix(".json").unlink()


def _path(folder: ModelFolder, data_dir: Path, int8: bool) -> Path:
    return data_dir / "onnx" / f"{folder.model_id}{INT8 if int8 else ''}.onnx"


def _make(folder: ModelFolder, path: Path, exact: Path | None) -> None:
    """Write the ONNX file into the draft folder and check it there; in 8 bits against ``exact``, if that is given."""
    config = json.loads((folder.path / "config.json").read_bytes())
    data = path.with_suffix(".data")
    with data.open("wb") as file:
        graph = write(config, Weights(folder.path / WEIGHTS), file, data.name, int8=exact is not None)
    ids, mask = _sample(folder)
    reference: NDArray[np.float32] | None = None
    checker = "own"
    if graph is not None:
        path.write_bytes(graph)
        if exact is not None:
            reference, checker = _in_onnx(folder, exact, ids, mask), "float32"
        elif can_use_torch():
            # Without a process for torch the graph still stands on its own: the tests compare each family with torch.
            with contextlib.suppress(MissingPart):
                reference = _in_torch(folder, ids, mask, None)
    elif exact is not None:
        raise MissingPart(f"{folder.name} has an architecture that is not written in 8 bits")
    else:
        data.unlink()
        _require_exporter(folder)
        reference = _in_torch(folder, ids, mask, path)
    states = _in_onnx(folder, path, ids, mask)
    if not np.isfinite(states).all():
        raise MissingPart(f"The ONNX export of {folder.name} gives no finite numbers; choose another encoder")
    if reference is not None:
        checker = "torch" if exact is None else checker
        worst = float(_cosines(_mean(states, mask), _mean(reference, mask)).min())
        if worst < (MIN_COSINE if exact is None else MIN_COSINE_INT8):
            raise MissingPart(f"The ONNX export of {folder.name} differs from {checker} (cosine {worst:.5f})")
    files = {file.name: file.stat().st_size for file in path.parent.iterdir() if file.suffix in (".onnx", ".data")}
    path.with_suffix(".json").write_text(
        json.dumps({"writer": _WRITER, "files": files, "checked": checker}), encoding="utf-8"
    )


def _install(draft: Path, target: Path) -> None:
    """Move the files into place; the record, which makes them count, comes last."""
    for suffix in (".data", ".onnx", ".json"):
        source = draft / target.with_suffix(suffix).name
        if source.exists():
            os.replace(source, target.with_suffix(suffix))


def runtime() -> Any:
    """The module onnxruntime, told to send nothing.

    Its official builds report every model that is loaded to Microsoft: on Windows, and from 1.29 on everywhere. There
    the variable counts, if it is set before the import; where the host was first, the call ends it.

    Raises:
        MissingPart: it is not installed, or does not load: its build does not suit this numpy or system.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime

        onnxruntime.disable_telemetry_events()
    except (ImportError, OSError, AttributeError) as error:
        raise MissingPart(f"onnxruntime does not load ({error})") from error
    return onnxruntime


def can_use_torch() -> bool:
    """Whether torch and transformers are installed (they are not imported)."""
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "transformers"))


def _require_exporter(folder: ModelFolder) -> None:
    lacking = [name for name in ("torch", "transformers", "onnx") if importlib.util.find_spec(name) is None]
    if lacking:
        raise MissingPart(
            f"{folder.name} has an architecture that only torch can export, and {', '.join(lacking)} is not installed; "
            "install it or choose a BERT-like encoder"
        )
    if folder.size > _GRAPH_LIMIT:
        raise MissingPart(f"{folder.name} is too large for an ONNX file; choose a smaller encoder")


def _sample(folder: ModelFolder) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    tokenizer = Tokenizer(folder)
    rows = [[*tokenizer.prefix, *found.ids[: tokenizer.room], *tokenizer.suffix] for found in tokenizer(SAMPLE)]
    return fill(rows, folder.pad)


def _in_torch(
    folder: ModelFolder, ids: NDArray[np.int64], mask: NDArray[np.int64], export_to: Path | None
) -> NDArray[np.float32]:
    """Token states by torch in a process of its own, which also exports the model if asked to."""
    with tempfile.TemporaryDirectory(prefix="lorarec-") as place:
        request, answer = Path(place) / "request.npz", Path(place) / "answer.npy"
        np.savez(request, input_ids=ids, attention_mask=mask)
        script = Path(__file__).with_name("torch_worker.py")
        # Not as a plain script: that would put this folder, with its tokenize.py, before the standard library.
        start = "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
        command = [sys.executable or "python", "-c", start, str(script), str(folder.path), str(request), str(answer)]
        command += [str(export_to)] if export_to else []
        options: dict[str, Any] = {
            "cwd": place,
            "timeout": _WORKER_SECONDS,
            "creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0),  # no console flashes up on Windows
        }
        env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        try:
            done = subprocess.run(command, env=env, capture_output=True, check=False, **options)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MissingPart(f"torch could not be started to export {folder.name} ({error})") from error
        if done.returncode or not answer.exists():
            last = done.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
            raise MissingPart(f"torch could not export {folder.name} ({last or 'no message'})")
        return np.asarray(np.load(answer), np.float32)


def _in_onnx(folder: ModelFolder, path: Path, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, {"input_ids": ids, "attention_mask": mask})[0], np.float32)
    except Exception as error:  # onnxruntime raises a private class per kind of failure
        if out_of_memory(error):  # nothing is wrong with the model
            raise NotReady(f"memory ran out while {folder.name} was prepared; close other programs") from error
        raise BadFile(f"ONNX Runtime cannot run the export of {folder.name} ({error})") from error


def _mean(states: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float64]:
    weights = mask[..., None].astype(np.float64)
    return np.asarray((states * weights).sum(1) / weights.sum(1))


def _cosines(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)))
