"""ONNX: a protobuf, read as far as the initializers of its graph (onnx/onnx.proto)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from engines.memory import Tensor
from engines.model_files.reader import ModelFileError, Reader, kept

GRAPH, INITIALIZER = 7, 5  # of ModelProto, of GraphProto
DIMS, DATA_TYPE, NAME = 1, 2, 8  # of TensorProto
VARINT, BYTES = 0, 2
FIXED_BYTES = {1: 8, 5: 4}
# Bytes of a value by TensorProto.DataType; 8 is text, 21 and 22 are two to a byte.
VALUE_BYTES = {
    1: 4,
    2: 1,
    3: 1,
    4: 2,
    5: 2,
    6: 4,
    7: 8,
    8: 0,
    9: 1,
    10: 2,
    11: 8,
    12: 4,
    13: 8,
    16: 2,
    21: 0.5,
    22: 0.5,
}
FLOATS = (1, 10, 11, 16)


@kept
def read_onnx(path: Path) -> list[Tensor]:
    """Return the initializers, also those whose values lie in a file beside it."""
    with path.open("rb") as file:
        reader = Reader(file)
        graphs = [
            [
                _tensor(reader, end)
                for field, _value, end in _fields(reader, graph_end)
                if field == INITIALIZER
            ]
            for part, _value, graph_end in _fields(reader, reader.size)
            if part == GRAPH
        ]
    if not graphs:
        raise ModelFileError("not an ONNX model")
    return graphs[0]


def _fields(reader: Reader, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (field, value, end) of a message: a number has a value, bytes begin where the reader is."""
    while reader.at < end:
        key = _varint(reader)
        field, wire = key >> 3, key & 7
        if wire == VARINT:
            yield field, _varint(reader), reader.at
            continue
        length = _varint(reader) if wire == BYTES else FIXED_BYTES[wire]
        begin = reader.at
        yield field, 0, begin + length
        reader.at = begin
        reader.skip(length)


def _varint(reader: Reader) -> int:
    value = shift = 0
    while (byte := reader.one("B")) >= 0x80:
        value |= (byte & 0x7F) << shift
        shift += 7
    return value | byte << shift


def _tensor(reader: Reader, end: int) -> Tensor:
    shape: list[int] = []
    kind, name = 0, ""
    for field, value, stop in _fields(reader, end):
        if field == DIMS:
            packed = reader.at < stop
            while packed and reader.at < stop:
                shape.append(_varint(reader))
            if not packed:
                shape.append(value)
        elif field == DATA_TYPE:
            kind = value
        elif field == NAME:
            name = reader.bytes(stop - reader.at).decode()
    return Tensor(name, tuple(shape), math.ceil(math.prod(shape) * VALUE_BYTES[kind]), kind in FLOATS)
