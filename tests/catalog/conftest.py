"""LoRA files with sidecars, laid out as the tools leave them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lorarec.catalog.describe import Described, describe
from lorarec.catalog.files import LoraFile

DescribeLora = Callable[..., Described]


def header_bytes(metadata: Any, tensors: dict[str, Any] | None = None) -> bytes:
    whole: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    for name, shape in (tensors or {}).items():
        whole[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [0, 0]}
    text = json.dumps(whole).encode("utf-8")
    return struct.pack("<Q", len(text)) + text


@pytest.fixture
def describe_lora(tmp_path: Path) -> DescribeLora:
    """Write a LoRA with its sidecars ({ending or full name: JSON value or bytes}) and describe it."""

    def make(
        path: str = "folder/robot.safetensors",
        metadata: Any = None,
        tensors: dict[str, Any] | None = None,
        sidecars: dict[str, Any] | None = None,
        content: bytes | None = None,
    ) -> Described:
        full = tmp_path / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(header_bytes(metadata, tensors) + bytes(64) if content is None else content)
        names: list[str] = []
        for ending, value in (sidecars or {}).items():
            name = (full.name if ending.startswith(".rgthree") else full.stem) + ending
            names.append(name)
            full.with_name(name).write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode("utf-8"))
        stat = full.stat()
        return describe(
            LoraFile(
                root=str(tmp_path),
                path=path,
                size=stat.st_size,
                modified_ns=stat.st_mtime_ns,
                sidecars=tuple(name for name in sorted(names) if not name.endswith(".png")),
                previews=tuple(name for name in names if name.endswith(".png")),
            )
        )

    return make
