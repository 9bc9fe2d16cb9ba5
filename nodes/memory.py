"""Graphics memory inside ComfyUI: borrowed so that it knows and can evict us, and only while nothing runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..lorarec.graphics import ManagedMemory
from . import host

PATIENCE = 1.0  # seconds for the queue's lock, which others hold for microseconds


def comfy_memory() -> ManagedMemory:
    """ComfyUI's `GraphicsMemory`."""
    return ManagedMemory(_management, _patcher, idle, _queue_held)


def idle() -> bool:
    """Whether no prompt runs or waits."""
    queue = host.prompt_queue()
    return queue is not None and not queue.currently_running and not queue.queue


@contextlib.contextmanager
def _queue_held() -> Iterator[bool]:
    """Keep a prompt from starting; False if one runs, waits, or the queue cannot be had."""
    mutex = getattr(host.prompt_queue(), "mutex", None)
    if mutex is None or not mutex.acquire(timeout=PATIENCE):
        yield False
        return
    try:
        yield idle()
    finally:
        mutex.release()


def _management() -> Any:
    import comfy.model_management

    return comfy.model_management


def _patcher() -> Any:
    # The static kind: the dynamic one of newer ComfyUIs pages weights of its own layers, which plain modules lack.
    from comfy.model_patcher import ModelPatcher

    return ModelPatcher
