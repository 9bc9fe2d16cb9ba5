"""Thousands of texts on the graphics device while the host does not need it, and on the CPU whenever it does.

The weights go there in half precision when the host is idle and has room to spare, and come back before the next batch
as soon as it works or asks. A batch for which memory runs out is done again in halves; one whose weights the host
evicted is done again on the CPU. Nothing that was asked for is lost, and nobody who encodes notices.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MissingPart
from ..graphics import GraphicsMemory, empty_cache, out_of_memory
from .models import ModelFolder
from .onnx_export import SAMPLE, can_use_torch
from .pooling import PooledEncoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

WORTH = 1000  # texts; loading the weights again costs more than fewer would save
RETRY = 5.0  # seconds on the CPU before the device is asked for again
MIN_COSINE = 0.9999
# float16 first: its vectors are nearer to float32's than bfloat16's (1 - cosine 8e-7 against 6e-5 on MiniLM, where
# scores move by .0002 and .003), and sentence encoders stay far from the ends of its range.
PRECISIONS = {"auto": ("float16", "float32")}
_KINDS = frozenset({"cuda"})  # used unasked; elsewhere half precision, memory figures or stability differ by driver
_LEAST, _MOST = 1024, 65_536  # tokens of a batch
_SHARE = 0.5  # of the memory left, for activations
_PATIENCE = 3  # failures of a job on the device before it stays on the CPU
_FIRST_TOKENS = 4096  # of a batch until memory was measured


class BulkEncoder(PooledEncoder):
    """An encoder of the same vectors as ``cpu``, for one job."""

    def __init__(
        self,
        folder: ModelFolder,
        cpu: PooledEncoder,
        graphics: GraphicsMemory,
        precision: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is loaded before the first texts come.

        Args:
            folder: the model.
            cpu: what gives its vectors on the CPU.
            graphics: the host's.
            precision: "auto", "float16", "bfloat16" or "float32"; whichever is asked for, vectors that differ from the
                CPU's by more than `MIN_COSINE` are not accepted and float32 is used.
            clock: seconds, rising.
        """
        super().__init__(folder, cpu._tokenizer, 1)
        self._folder, self._cpu, self._graphics, self._clock = folder, cpu, graphics, clock
        self._precisions = list(PRECISIONS.get(precision, dict.fromkeys((precision, "float32"))))
        self._module: Any = None
        self._lock = threading.RLock()
        self._asked_back = threading.Event()
        self._down_since = float("-inf")
        self._failures = 0
        self.batch_texts = 4096
        self.batch_tokens = _FIRST_TOKENS
        self.resident = False  # whether the weights are on the device
        self.bytes = 0  # of the weights there
        self.why = ""  # why it is on the CPU

    @property
    def precision(self) -> str:
        """Of the weights on the device."""
        return self._precisions[0] if self._precisions else "float32"

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Encode texts, shape (n, dim), wherever that is best now; see `types.Encoder`."""
        return super().encode(texts, progress) if self._climb() else self._cpu.encode(texts, progress)

    def forward(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Token states of a batch, on the device if it may still be used."""
        with self._lock:
            if self.resident and (self._asked_back.is_set() or not self._graphics.idle()):
                self._come_down("the host works")
            if not self.resident:
                return self._cpu.states(ids, mask)
            try:
                return self._run(ids, mask)
            except Exception as error:  # torch raises RuntimeError for an evicted weight as for all else
                if out_of_memory(error):
                    raise
                self._come_down(f"the host took its memory back ({type(error).__name__})")
                self._failures += 1
                if self._failures >= _PATIENCE:  # no host is that restless: the device itself fails
                    self._precisions = []
                    _log.warning("%s cannot be run on the graphics device: %s", self._folder.name, error)
            return self._cpu.states(ids, mask)

    def relieve(self) -> None:
        """Memory ran out: smaller batches from now on."""
        with self._lock:
            self.batch_tokens = max(_LEAST, self.batch_tokens // 2)
            empty_cache(self._graphics.device().name)

    def rescue(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """A single text does not fit: the CPU does it, and what follows."""
        with self._lock:
            self._come_down("graphics memory ran out")
        return self._cpu.states(ids, mask)

    def make_way(self, timeout: float) -> None:
        """Have the device free: at once if nothing runs there, else after the batch in flight."""
        self._asked_back.set()
        if self.resident and self._lock.acquire(timeout=timeout):
            try:
                if self.resident:
                    self._come_down("the host works")
            finally:
                self._lock.release()

    def close(self) -> None:
        """End of the job: give everything back."""
        with self._lock:
            if self.resident:
                self._come_down("done")
            self._module = None
            self._precisions = []

    # -- inside -----------------------------------------------------------------------------------------------------

    def _climb(self) -> bool:
        """Whether the weights are on the device, after trying to get them there."""
        with self._lock:
            if self.resident:
                return True
            if not self._precisions or self._clock() - self._down_since < RETRY or not self._graphics.idle():
                return False
            self._asked_back.clear()
            try:
                while self._precisions and not self.resident:
                    if not self._borrow():
                        self._down_since = self._clock()
                        return False
            except (OSError, ValueError, ImportError, RuntimeError, MissingPart) as error:
                # Whatever this host's torch or driver cannot do, the CPU can.
                _log.warning("%s cannot use the graphics device: %s", self._folder.name, error)
                self._come_down(f"the device failed ({type(error).__name__})")
                self._precisions, self._module = [], None
            return self.resident

    def _borrow(self) -> bool:
        """Try the first precision; False if there is no room. One whose vectors are not good enough is struck off."""
        import torch

        if self._module is None:
            self._module = _module(self._folder, getattr(torch, self.precision))
        size = sum(weight.numel() * weight.element_size() for weight in self._module.parameters())
        device = self._graphics.device().name
        self.why = "no room" if self._graphics.free() < size + _least_activations(self._folder) else ""
        if self.why or not self._graphics.borrow(self._module):
            self.why = self.why or "the host works"
            return False
        self.resident, self.bytes = True, size
        good = self._agrees()
        if not self.resident:  # the host wanted it meanwhile
            return False
        if not good:
            self._come_down(f"{self.precision} is not exact enough here")
            self._precisions.pop(0)
            self._module = None
            self._down_since = float("-inf")
            return True
        self.batch_tokens = self._fitting_batch(device)
        return True

    def _agrees(self) -> bool:
        """Compare vectors of a few texts with the CPU's."""
        theirs = self._cpu.encode(SAMPLE)
        try:
            ours = super().encode(SAMPLE)
        finally:
            self.batch_tokens = _FIRST_TOKENS
        return bool(np.isfinite(ours).all()) and float((ours * theirs).sum(1).min()) >= MIN_COSINE

    def _fitting_batch(self, device: str) -> int:
        """Tokens of a batch that a share of the free memory holds, by what one batch took at its peak."""
        import torch

        if not device.startswith("cuda") or not self.resident:
            return 16_384 if self.resident else _FIRST_TOKENS
        tokens = min(self.window, 128)
        ids = np.full((_FIRST_TOKENS // tokens, tokens), self._pad, np.int64)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        self.states(ids, np.ones_like(ids))
        each = max(1, torch.cuda.max_memory_allocated(device) - before) / ids.size
        return int(min(_MOST, max(_LEAST, _SHARE * self._graphics.free() / each)))

    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            device = self._graphics.device().name
            inputs = (torch.from_numpy(array).to(device) for array in (ids, mask))
            return np.asarray(self._module(*inputs).float().cpu().numpy(), np.float32)

    def _come_down(self, why: str) -> None:
        if self._module is not None:
            self._graphics.give_back(self._module)
        self.resident, self.bytes, self.why = False, 0, why
        self._down_since = self._clock()


def _module(folder: ModelFolder, dtype: Any) -> Any:
    """A model on the CPU inside a plain module: hosts write attributes such as ``device`` onto what they manage, which
    transformers' own classes do not let them.
    """
    import torch

    from .torch_worker import load

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = load(str(folder.path), fast=True).to(dtype)

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
            return self.encoder(input_ids=ids, attention_mask=mask)[0]

    return States().eval().requires_grad_(False)


def may_use(graphics: GraphicsMemory | None, wish: str) -> bool:
    """Whether bulk work may go to this host's device: ``wish`` is the setting `gpu`."""
    if graphics is None or wish == "off" or not can_use_torch():
        return False
    device = graphics.device()
    return bool(device.name) and (wish == "on" or device.kind in _KINDS)


def _least_activations(folder: ModelFolder) -> int:
    """Bytes that the smallest batch takes at most: a dozen float32 states of each token at its widest."""
    return 12 * 4 * 4 * folder.dim * max(_FIRST_TOKENS, folder.window)
