"""PostgreSQL's binary format of numeric: a header, then base-10000 digits."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Final

_BASE: Final = 10_000
_BASE_DIGITS: Final = 4


def encode_numeric(value: int | Decimal) -> bytes:
    """Return the binary form of a finite number."""
    text = str(value)
    if "E" in text:
        text = f"{value:f}"
    whole, _, fraction = text.partition(".")
    scale = len(fraction)
    after = -(-scale // _BASE_DIGITS)
    # The decimal point lies between two base-10000 digits.
    number = abs(int(whole + fraction.ljust(after * _BASE_DIGITS, "0")))
    groups: list[int] = []
    while number:
        number, group = divmod(number, _BASE)
        groups.append(group)
    count = len(groups)
    sign = 0x4000 if text[0] == "-" else 0
    return struct.pack(f"!hhHH{count}h", count, count - after - 1, sign, scale, *reversed(groups))


def decode_numeric(value: bytes) -> Decimal:
    """Return the decimal of PostgreSQL's binary form; raises ValueError for NaN."""
    count, weight, sign, _ = struct.unpack_from("!hhHH", value)
    if sign not in (0, 0x4000):
        raise ValueError("not a finite number")
    number = 0
    for group in struct.unpack_from(f"!{count}h", value, 8):
        number = number * _BASE + group
    shift = (weight + 1 - count) * _BASE_DIGITS
    return Decimal(f"{'-' if sign else ''}{number}E{shift}")
