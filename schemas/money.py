"""Money as an integer of nano-dollars, and its conversion to and from text.

A nano-dollar (1e-9 USD) is fine enough for the price of a single token, and a sum of integers is
exact: a total is the same in every order of addition. In JSON, money is an exact number without
padding zeros: 900_000_000 nano-dollars are `0.9`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

NANO_PER_USD: Final = 1_000_000_000
"""Nano-dollars in one US dollar."""

_NANO_DIGITS: Final = 9

MAX_EVENT_NANO: Final = 10**18
"""The maximum of one event: a billion dollars, which fits into a signed 64-bit integer."""


class Usd:
    """An amount of money in a JSON body, written as an exact number of US dollars."""

    __slots__ = ("nano",)

    def __init__(self, nano: int) -> None:
        self.nano = nano

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Usd) and other.nano == self.nano

    def __hash__(self) -> int:
        return hash(self.nano)

    def __repr__(self) -> str:
        return f"Usd({usd_text(self.nano)})"


def usd_text(nano: int) -> str:
    """Return nano-dollars as an exact decimal number of dollars, without exponent and padding."""
    if not nano:
        return "0"
    if nano < 0:
        return "-" + usd_text(-nano)
    digits = str(nano).zfill(_NANO_DIGITS + 1)
    fraction = digits[-_NANO_DIGITS:].rstrip("0")
    whole = digits[:-_NANO_DIGITS]
    return f"{whole}.{fraction}" if fraction else whole


def half_even(numerator: int, denominator: int) -> int:
    """Divide two integers, rounding half to even. The denominator must be positive."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient & 1):
        return quotient + 1
    return quotient


def significant(value: int, digits: int) -> int:
    """Return a value rounded half-even to a number of significant digits."""
    step = int(10 ** max(0, len(str(abs(value))) - digits))
    return half_even(value, step) * step


def nano_from_usd(amount: int | Decimal) -> int:
    """Convert finite dollars to nano-dollars, rounded half-even; the caller limits the exponent."""
    if isinstance(amount, int):
        return amount * NANO_PER_USD
    numerator, denominator = amount.as_integer_ratio()
    return half_even(numerator * NANO_PER_USD, denominator)


def percent_text(part: int, whole: int) -> str:
    """Return part ÷ whole as a percentage with two decimals; `0.00%` if the whole is zero."""
    if whole == 0:
        return "0.00%"
    if whole < 0:
        part, whole = -part, -whole
    hundredths = half_even(part * 10_000, whole)
    sign = "-" if hundredths < 0 else ""
    units, rest = divmod(abs(hundredths), 100)
    return f"{sign}{units}.{rest:02d}%"


def ratio_decimal(part: int, whole: int, places: int = 6) -> Decimal:
    """Return part ÷ whole rounded half-even to `places` decimals; 0 if the whole is zero."""
    if whole == 0:
        return Decimal(0)
    if whole < 0:
        part, whole = -part, -whole
    return Decimal(half_even(part * 10**places, whole)).scaleb(-places)


def raw_number(nano: int) -> msgspec.Raw:
    """Return the amount as JSON, ready to be embedded in a larger message."""
    return msgspec.Raw(usd_text(nano).encode())
