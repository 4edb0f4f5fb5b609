"""Numbers as they come in: JSON numbers, or text that is written like one.

`Decimal` itself also reads `1_000`, blanks around a number and the digits of every script. These
are refused: a figure that two readers may read differently is no figure.
"""

from __future__ import annotations

import numbers
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    Number: TypeAlias = int | Decimal
else:
    # No type that msgspec reads itself, so that it asks `read_number`; ints and decimals both are.
    Number = numbers.Number

UNSIGNED: Final = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
"""The text of a number without its sign, as a regular expression that JSON Schema has, too."""

_is_numeric: Final = re.compile(f"[+-]?{UNSIGNED}").fullmatch
_JSON_NAMES: Final[dict[type, str]] = {type(None): "null", list: "array", dict: "object"}


def decimal_from(text: str) -> Decimal:
    """Return the number that a text is; raises ValueError for any other text."""
    if not _is_numeric(text):
        raise ValueError("Expected a number in plain digits such as `12.5`")
    return Decimal(text)


def number_from(value: Any) -> int | Decimal:
    """Return a decoded JSON value as a number; raises ValueError for what is none."""
    if isinstance(value, Decimal) or type(value) is int:  # `true` is an int, too
        return value
    if isinstance(value, str):
        return decimal_from(value)
    kind = type(value)
    raise ValueError(f"Expected `int | decimal`, got `{_JSON_NAMES.get(kind, kind.__name__)}`")


def read_number(kind: Any, value: Any) -> int | Decimal:
    """Return a value as a `Number`: the `dec_hook` of decoders, with `float_hook=Decimal`.

    Raises ValueError for what is no number, NotImplementedError for another kind.
    """
    if kind is not Number:
        raise NotImplementedError(kind.__name__)
    found = type(value)
    return value if found is Decimal or found is int else number_from(value)
