"""How many numbers an ONNX file's weights hold, read from the file itself.

Walks the protocol-buffer wire format (https://protobuf.dev/programming-guides/encoding) down to
``ModelProto.graph`` (field 7), ``GraphProto.initializer`` (5) and ``TensorProto.dims`` (1),
``.data_type`` (2) and ``.data_location`` (14), as numbered in ``onnx.proto``; the onnx package itself
is not needed for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from faceprobe.core.errors import BadInput

FLOATS = (1, 10, 11, 16)
"""``TensorProto.DataType``: FLOAT, FLOAT16, DOUBLE, BFLOAT16. Integer tensors are shapes and indices."""
QUANTISED = (2, 3)
"""UINT8 and INT8 weights of a quantised graph."""


def count_weights(data: bytes, where: str) -> int:
    """Numbers in the initializers of an ONNX model; :class:`BadInput` if the file is not one, or keeps
    its weights in other files (which a hash of this file would not cover).
    """
    total = 0
    try:
        for graph in _messages(memoryview(data), 7):
            for tensor in _messages(graph, 5):
                dims, kind, location = _tensor(tensor)
                if location == 1:
                    raise BadInput(f"{where} keeps its weights in other files; save it as one file")
                if kind in FLOATS or kind in QUANTISED:
                    total += prod(dims)
    except (IndexError, ValueError) as error:
        raise BadInput(f"{where} is not a whole ONNX file; fetch or export it again") from error
    return total


def _tensor(data: memoryview) -> tuple[list[int], int, int]:
    dims: list[int] = []
    kind = location = 0
    for field, value in _fields(data):
        if field == 1:
            dims += [value] if isinstance(value, int) else list(_varints(value))
        elif field == 2 and isinstance(value, int):
            kind = value
        elif field == 14 and isinstance(value, int):
            location = value
    return dims, kind, location


def _messages(data: memoryview, wanted: int) -> Iterator[memoryview]:
    for field, value in _fields(data):
        if field == wanted and not isinstance(value, int):
            yield value


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        field, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield field, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > len(data):
            raise ValueError("cut short")
        yield field, data[at : at + size]
        at += size


def _varints(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number that is too long")
