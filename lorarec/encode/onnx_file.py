"""Writing ONNX files without the ``onnx`` package, which hosts rarely have.

Only what a transformer needs: nodes, constants, attributes. The wire format is Protocol Buffers with the field numbers
of onnx.proto3. Weights go into a second file beside the graph ("external data"), so that ONNX Runtime maps them
instead of reading them: rows of the embedding table that no query touches never occupy memory.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

IR_VERSION = 8  # understood by every ONNX Runtime since 1.11
OPSET = 17  # the first with LayerNormalization
FUSED = "com.microsoft"  # ONNX Runtime's own operators, part of every build of it

_TYPES = {"float32": 1, "int8": 3, "int32": 6, "int64": 7}  # TensorProto.DataType
_ALIGNMENT = 65536  # Windows maps files at multiples of this
_INLINE = 4096  # bytes up to which a constant stays in the graph

Attribute = int | float | Sequence[int]


class Graph:
    """An ONNX graph under construction; the data of large constants is written at once."""

    def __init__(self, data: IO[bytes], location: str) -> None:
        """Start a graph whose large constants are appended to ``data``, a file that will be named ``location``."""
        self._data = data
        self._location = location
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def input(self, name: str, dtype: str, shape: Sequence[str | int]) -> str:
        """Declare an input; a string in the shape is an axis of any size."""
        self._inputs.append(_value_info(name, dtype, shape))
        return name

    def output(self, name: str, source: str, shape: Sequence[str | int]) -> None:
        """Declare a float32 output that carries the value ``source``."""
        self._nodes.append(_text(1, source) + _text(2, name) + _text(4, "Identity"))
        self._outputs.append(_value_info(name, "float32", shape))

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        """Add an operator and return the name of its first output; the input "" stands for one left out."""
        name = self._fresh(op)
        parts = [_text(1, source) for source in inputs]
        parts += [_text(2, name), _text(3, name), _text(4, op)]
        parts += [_field(5, _attribute(key, value)) for key, value in attributes.items()]
        if domain:
            parts.append(_text(7, domain))
        self._nodes.append(b"".join(parts))
        return name

    def constant(self, value: NDArray[Any]) -> str:
        """Add a float32, int8, int32 or int64 array of any shape and return its name."""
        name = self._fresh("constant")
        value = np.ascontiguousarray(value) if value.ndim else value
        parts = [_integer(1, size) for size in value.shape]
        parts += [_integer(2, _TYPES[value.dtype.name]), _text(8, name)]
        if value.nbytes <= _INLINE:
            parts.append(_field(9, value.tobytes()))
        else:
            self._data.write(b"\0" * (-self._data.tell() % _ALIGNMENT))
            place = {"location": self._location, "offset": str(self._data.tell()), "length": str(value.nbytes)}
            parts += [_field(13, _text(1, key) + _text(2, text)) for key, text in place.items()]
            parts.append(_integer(14, 1))  # data_location = EXTERNAL
            self._data.write(value.data)
        self._constants.append(b"".join(parts))
        return name

    def serialize(self) -> bytes:
        """The finished ModelProto."""
        graph = b"".join(
            [
                *(_field(1, node) for node in self._nodes),
                _text(2, "lorarec"),
                *(_field(5, constant) for constant in self._constants),
                *(_field(11, value) for value in self._inputs),
                *(_field(12, value) for value in self._outputs),
            ]
        )
        domains = ((("", OPSET)), (FUSED, 1))
        imports = b"".join(_field(8, _text(1, domain) + _integer(2, version)) for domain, version in domains)
        return _integer(1, IR_VERSION) + _text(2, "lorarec") + _field(7, graph) + imports

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1  # negative numbers are written as their two's complement
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _integer(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _field(field, text.encode())


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        return _text(1, name) + _varint(2 << 3 | 5) + struct.pack("<f", value) + _integer(20, 1)
    if isinstance(value, int):
        return _text(1, name) + _integer(3, value) + _integer(20, 2)
    return _text(1, name) + b"".join(_integer(8, number) for number in value) + _integer(20, 7)


def _value_info(name: str, dtype: str, shape: Sequence[str | int]) -> bytes:
    axes = b"".join(_field(1, _integer(1, a) if isinstance(a, int) else _text(2, a)) for a in shape)
    tensor = _integer(1, _TYPES[dtype]) + _field(2, axes)
    return _text(1, name) + _field(2, _field(1, tensor))
