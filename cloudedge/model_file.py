"""The metadata of an .onnx file, read without onnxruntime: in microseconds, long before a session is open."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import BinaryIO

# `metadata_props` of a ModelProto, and `key` and `value` of its entries:
# https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
_METADATA, _KEY, _VALUE = 14, 1, 2
# Kinds of fields, and the bytes of those that are always as long:
# https://protobuf.dev/programming-guides/encoding
_VARINT, _SIZED, _FIXED = 0, 2, {1: 8, 5: 4}
_LARGEST = 1 << 31  # bytes of a message
_MOST = 10_000  # fields of a message; a model has a few dozen, and a file of zeros would have millions


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the metadata of a model file; the graph is passed over.

    Raises ValueError for a file that is not a model, OSError for one that cannot be read.
    """
    with open(path, "rb") as file:
        entries = [dict(_fields(io.BytesIO(entry), {_KEY, _VALUE})) for _, entry in _fields(file, {_METADATA})]
    return {entry.get(_KEY, b"").decode(): entry.get(_VALUE, b"").decode() for entry in entries}


def _fields(message: BinaryIO, wanted: set[int]) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of the fields wanted, which are texts or messages."""
    for _ in range(_MOST):
        if not (first := message.read(1)):
            return
        number, kind = divmod(_varint(message, first), 8)
        if kind == _VARINT:
            _varint(message, message.read(1))
        elif kind == _SIZED and (size := _varint(message, message.read(1))) < _LARGEST:
            if number in wanted:
                yield number, message.read(size)
            else:
                message.seek(size, os.SEEK_CUR)
        elif kind in _FIXED:
            message.seek(_FIXED[kind], os.SEEK_CUR)
        else:
            raise ValueError("is not an ONNX model")
    raise ValueError("has too many fields for an ONNX model")


def _varint(message: BinaryIO, byte: bytes) -> int:
    """Return the number of up to 64 bits that begins with a byte: seven bits each, the lowest first."""
    number = shift = 0
    while byte and shift < 70:
        number |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return number
        byte, shift = message.read(1), shift + 7
    raise ValueError("is not an ONNX model")
