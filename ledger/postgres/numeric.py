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
