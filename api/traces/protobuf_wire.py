"""Reads the fields of an encoded protobuf message without decoding their content.

The generated classes decode a whole message, whose objects may take a hundred times the memory of
its bytes. This reader finds the spans in a request, so that each is decoded alone, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES_MAX: Final = 10
_FIXED_BYTES: Final = {_FIXED64: 8, _FIXED32: 4}


class WireError(ValueError):
    """Bytes that are not a protobuf message."""


def submessages(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield number and content of each field with a length, and skip all others.

    Raises WireError.
    """
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise WireError("a field has the number 0")
        if wire_type == _VARINT:
            _, position = _varint(message, position)
            continue
        length = _FIXED_BYTES.get(wire_type)
        if wire_type == _BYTES:
            length, position = _varint(message, position)
        if length is None:
            raise WireError(f"a field has the wire type {wire_type}")
        if length > end - position:
            raise WireError("a field is longer than its message")
        if wire_type == _BYTES:
            yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return a variable-length integer and the position after it."""
    value = shift = 0
    for byte in message[position : position + _VARINT_BYTES_MAX]:
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise WireError("an integer has no end")
