"""Sentence encoders that satisfy `types.Encoder`: ONNX Runtime, plain torch, sentence-transformers.

All three give the same vectors for the same model: pooled token states, L2-normalised, after Reimers and Gurevych 2019
(Sentence-BERT). Only the forward pass differs; the windows, batches and pooling around it are in pooling.py.
An empty text says nothing: its vector is all zeros, so that its similarity to anything is 0.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from ..errors import BadFile, MissingPart, NotReady, StorageError
from ..graphics import out_of_memory
from ..types import Encoder
from . import onnx_export
from .models import ModelFolder
from .pooling import PooledEncoder, normalize
from .tokenize import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_WORKERS = 8  # forward passes at once; beyond that memory grows faster than throughput


def open_encoder(
    folder: ModelFolder,
    data_dir: Path,
    *,
    threads: int = 1,
    workers: int = 0,
    allow_export: bool = True,
    no_onnx: str = "",
    int8: bool = False,
) -> Encoder:
    """Open a model in the best way that this machine offers.

    ONNX Runtime where it is installed (the ONNX file is made on first use unless ``allow_export`` is False), else a
    plain forward on torch; sentence-transformers only for models with parts of their own.

    Args:
        folder: the model, see `models.find`.
        data_dir: where ONNX files are kept.
        threads: CPU threads of one forward pass.
        workers: forward passes at once when encoding many texts; 0 = what the processor offers.
        allow_export: whether an ONNX file may be made now.
        no_onnx: why none can be made, where that is known.
        int8: in 8 bits: for queries of those who ask for it, never for what is stored.

    Raises:
        MissingPart: no installed package can run this model; the text names what to install.
        BadFile: a file of the model is damaged.
        NotReady: its ONNX file was not made yet and must not be made now.
    """
    if folder.exotic:
        if not _installed("sentence_transformers"):
            raise MissingPart(
                f"{folder.name} has {folder.exotic}, which only sentence-transformers can run; "
                "install it or choose another encoder"
            )
        return SentenceTransformerEncoder(folder)
    lacking = [name for name in ("onnxruntime", "tokenizers") if not _installed(name)]
    reason = f"{' and '.join(lacking)} not installed" if lacking else no_onnx
    if not reason:
        try:
            return _open_onnx(folder, data_dir, threads, workers, allow_export, int8)
        except (MissingPart, StorageError) as error:
            reason = str(error)
    if onnx_export.can_use_torch():
        return TorchEncoder(folder)
    raise MissingPart(
        f"{folder.name} cannot be run: {reason}; run `pip install onnxruntime tokenizers`, or install torch and "
        "transformers"
    )


def can_use_onnx() -> bool:
    """Whether plain models can run on ONNX Runtime here."""
    return _installed("onnxruntime") and _installed("tokenizers")


def _open_onnx(
    folder: ModelFolder, data_dir: Path, threads: int, workers: int, allow_export: bool, int8: bool
) -> Encoder:
    path = onnx_export.find(folder, data_dir, int8)
    named = msgspec.structs.replace(folder, model_id=folder.model_id + onnx_export.INT8) if int8 else folder
    if path:
        try:
            return OnnxEncoder(named, path, threads=threads, workers=workers)
        except BadFile:  # made by another release of ONNX Runtime, or damaged: it can be made anew
            onnx_export.forget(folder, data_dir, int8)
    if not allow_export:
        raise NotReady(f"{folder.name} is being prepared")
    return OnnxEncoder(named, onnx_export.export(folder, data_dir, int8), threads=threads, workers=workers)


class OnnxEncoder(PooledEncoder):
    """An encoder on ONNX Runtime, on the CPU. Safe to use from many threads; they share one copy of the weights."""

    def __init__(self, folder: ModelFolder, path: Path, *, threads: int = 1, workers: int = 0) -> None:
        """Load an ONNX file made by `onnx_export.export`.

        Raises:
            BadFile: ONNX Runtime cannot load the file, or the tokenizer is damaged.
            NotReady: memory ran out.
            MissingPart: onnxruntime does not load, or the package tokenizers is not installed.
        """
        onnxruntime = onnx_export.runtime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads must not burn a core
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises a private class per kind of failure
            if out_of_memory(error):  # nothing is wrong with the file
                raise NotReady(f"memory ran out while {folder.name} was loaded; close other programs") from error
            raise BadFile(f"{path} cannot be loaded by ONNX Runtime ({error}); delete it") from error
        self._trimming = onnxruntime.RunOptions()
        self._trimming.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        super().__init__(folder, Tokenizer(folder), workers or max(1, min(MAX_WORKERS, _cores() // threads)))

    def forward(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Token states of a batch, (b, s) -> (b, s, dim)."""
        states = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return np.asarray(states, np.float32)

    def trim(self) -> None:
        """Shrink the session's arena, which otherwise stays as large as the largest batches made it."""
        one = np.ones((1, 1), np.int64)
        self._session.run(None, {"input_ids": one, "attention_mask": one}, self._trimming)


class TorchEncoder(PooledEncoder):
    """An encoder on the host's torch and transformers, float32 on the CPU, for where ONNX Runtime is missing."""

    def __init__(self, folder: ModelFolder) -> None:
        """Load a model.

        Raises:
            MissingPart: the installed transformers cannot load it.
            BadFile: the tokenizer is damaged.
        """
        from .torch_worker import load

        try:
            self._model = load(str(folder.path))
        except (OSError, ValueError, ImportError) as error:
            raise MissingPart(f"{folder.name} cannot be loaded by transformers ({error})") from error
        super().__init__(folder, Tokenizer(folder), 1)  # torch spreads one pass over the cores by itself

    def forward(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Token states of a batch, (b, s) -> (b, s, dim)."""
        import torch

        with torch.inference_mode():
            states = self._model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))[0]
            return np.asarray(states.numpy(), np.float32)


class SentenceTransformerEncoder:
    """A model with modules of its own (Dense, other pooling, prompts), run by sentence-transformers on the CPU.

    Its token states are not the space of its vectors, so spans are encoded as texts of their own.
    """

    def __init__(self, folder: ModelFolder) -> None:
        """Load a model.

        Raises:
            MissingPart: sentence-transformers cannot load it, for instance because it wants to run code of its own.
        """
        try:
            from sentence_transformers import SentenceTransformer

            self._model: Any = SentenceTransformer(str(folder.path), device="cpu").float()
        except (OSError, ValueError, ImportError, AttributeError, TypeError) as error:
            raise MissingPart(f"{folder.name} cannot be loaded by sentence-transformers ({error})") from error
        self._tokenizer = Tokenizer(folder)
        self.model_id = folder.model_id
        self.dim: int = len(self._model.encode("a", show_progress_bar=False))
        self.window = folder.window

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Encode texts, shape (n, dim); see `types.Encoder`."""
        parts: list[str] = []
        owners: list[int] = []
        weights: list[int] = []
        for number, (text, tokens) in enumerate(zip(texts, self._tokenizer(texts, offsets=True), strict=True)):
            for start, end in tokens.windows:
                parts.append(text[tokens.offsets[start][0] : tokens.offsets[end - 1][1]])
                owners.append(number)
                weights.append(end - start)
        vectors = np.zeros((len(texts), self.dim), np.float32)
        if parts:
            states = self._model.encode(parts, batch_size=32, convert_to_numpy=True, show_progress_bar=False)
            np.add.at(vectors, owners, states * np.asarray(weights, np.float32)[:, None])
        if progress:
            progress(len(texts))
        return normalize(vectors)

    def encode_spans(
        self, text: str, spans: Sequence[tuple[int, int]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Encode a text and parts of it; see `types.Encoder`."""
        vectors = self.encode([text, *(text[start:end] for start, end in spans)])
        return vectors[0], vectors[1:]


def _installed(module: str) -> bool:
    try:
        return module in sys.modules or importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _cores() -> int:
    allowed = getattr(os, "sched_getaffinity", None)  # Linux: containers and taskset may allow fewer than there are
    return len(allowed(0)) if allowed else os.cpu_count() or 1
