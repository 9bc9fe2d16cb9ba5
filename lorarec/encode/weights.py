"""Reading the tensors of a safetensors file with numpy alone (format: 8 bytes length, JSON header, raw data)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_HEADER = 100_000_000  # the format's own limit, bytes


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Header of a safetensors file and the offset at which its data begins.

    Raises:
        BadFile: the file is cut short or is not a safetensors file.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= MAX_HEADER:
                raise ValueError("impossible header length")
            header = json.loads(file.read(length))
        if not isinstance(header, dict):
            raise ValueError("the header is not an object")
    except (OSError, ValueError) as error:
        raise BadFile(f"{path} is not a readable safetensors file ({error}); pull the model again") from error
    header.pop("__metadata__", None)
    return header, 8 + length


class Weights:
    """Tensors of a safetensors file by name, converted to float32 when they are read."""

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            BadFile: it is damaged.
        """
        self.path = path
        self._header, start = read_header(path)
        size = path.stat().st_size
        try:
            end = max((int(entry["data_offsets"][1]) for entry in self._header.values()), default=0)
        except (TypeError, KeyError, ValueError, IndexError) as error:
            raise BadFile(f"{path} has a damaged header; pull the model again") from error
        if start + end > size:
            raise BadFile(f"{path} is cut short ({size} of {start + end} bytes); pull the model again")
        self._data = np.memmap(path, np.uint8, "r", offset=start, shape=(size - start,))

    def __contains__(self, name: str) -> bool:
        """Whether there is a tensor of this name."""
        return name in self._header

    def names(self) -> list[str]:
        """Names of all tensors."""
        return list(self._header)

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """One tensor as float32, in its own shape.

        Raises:
            BadFile: there is no such tensor, or it has a type that encoders do not use.
        """
        entry = self._header.get(name)
        if entry is None:
            raise BadFile(f"{self.path} has no tensor {name}")
        begin, end = entry["data_offsets"]
        raw = self._data[begin:end]
        kind = entry["dtype"]
        if kind == "BF16":  # the upper half of a float32
            values = (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        elif kind in ("F32", "F16", "F64"):
            values = raw.view({"F32": np.float32, "F16": np.float16, "F64": np.float64}[kind]).astype(np.float32)
        else:
            raise BadFile(f"{self.path}: tensor {name} has type {kind}; only floating-point weights are supported")
        return np.asarray(values.reshape(entry["shape"]))
