"""Exact numbers other than money in JSON: without exponent and padding zeros."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

MILLISECOND_PLACES: Final = 3


class Exact:
    """A finite number in a JSON body: a duration, a usage, a price per unit or a ratio."""

    __slots__ = ("value",)

    def __init__(self, value: int | Decimal) -> None:
        self.value = Decimal(value)

    @classmethod
    def of_milliseconds(cls, milliseconds: int) -> Exact:
        """Return a duration in seconds."""
        return cls(Decimal(milliseconds).scaleb(-MILLISECOND_PLACES))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exact) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"Exact({exact_text(self.value)})"

    def raw(self) -> msgspec.Raw:
        """Return the number as JSON, ready to be embedded in a larger message."""
        return msgspec.Raw(exact_text(self.value).encode())


def exact_text(value: Decimal) -> str:
    """Return a finite number in plain digits: `0.0000001`, not `1E-7`; `5`, not `5.0`.

    The caller limits the exponent; raises ValueError for a number that is not finite.
    """
    if not value.is_finite():
        raise ValueError(f"{value} has no JSON form")
    if not value:
        return "0"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
