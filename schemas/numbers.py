"""Numbers in requests and events: JSON numbers, or text that is written like one.

`Decimal` also accepts `1_000`, surrounding blanks and the digits of every script. These are
refused, because two parsers could interpret them differently.
"""

from __future__ import annotations

import numbers
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    Number: TypeAlias = int | Decimal
else:
    # msgspec cannot decode this type itself, so it calls `read_number`. int and Decimal are
    # instances of it.
    Number = numbers.Number

UNSIGNED_PATTERN: Final = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
"""The pattern of a number without its sign, in the syntax that JSON Schema supports, too."""

_is_numeric: Final = re.compile(f"[+-]?{UNSIGNED_PATTERN}").fullmatch
_JSON_NAMES: Final[dict[type, str]] = {type(None): "null", list: "array", dict: "object"}


def decimal_from(text: str) -> Decimal:
    """Return the number written in a text; raises ValueError for any other text."""
    if not _is_numeric(text):
        raise ValueError("Expected a number in plain digits such as `12.5`")
    return Decimal(text)


def number_from(value: Any) -> int | Decimal:
    """Return a decoded JSON value as a number; raises ValueError for any other value."""
    if isinstance(value, Decimal) or type(value) is int:  # a bool is an instance of int
        return value
    if isinstance(value, str):
        return decimal_from(value)
    kind = type(value)
    raise ValueError(f"Expected `int | decimal`, got `{_JSON_NAMES.get(kind, kind.__name__)}`")


def read_number(kind: Any, value: Any) -> int | Decimal:
    """Return a value as a `Number`: the `dec_hook` of decoders that have `float_hook=Decimal`.

    Raises ValueError if the value is not a number, NotImplementedError if `kind` is not `Number`.
    """
    if kind is not Number:
        raise NotImplementedError(kind.__name__)
    value_type = type(value)
    # The first case saves a call for each event.
    return value if value_type is Decimal or value_type is int else number_from(value)
