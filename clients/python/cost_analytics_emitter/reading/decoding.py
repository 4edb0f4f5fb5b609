"""Decodes JSON into result types, with exact numbers."""

from __future__ import annotations

import re
import sys
from dataclasses import is_dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from types import UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_UPPER: Final = re.compile(r"(?<=[a-z0-9])[A-Z]")
_FRACTION: Final = re.compile(r"\.(\d+)")
_MISSING: Final = object()


def decode(result: type[T], value: Any) -> T:
    """Return a result from decoded JSON. Raises ValueError that names the field that is wrong.

    Fields that the type does not have are ignored: a newer server may send them.
    """
    decoded: T = _decode(result, value, "$")
    return decoded


def _decode(wanted: Any, value: Any, at: str) -> Any:
    origin = get_origin(wanted)
    if origin in {Union, UnionType}:
        return _decode_union(get_args(wanted), value, at)
    if origin is list:
        (item,) = get_args(wanted)
        return [_decode(item, each, f"{at}[]") for each in _checked(list, value, at)]
    if origin is dict:
        _, item = get_args(wanted)
        pairs = _checked(dict, value, at).items()
        return {key: _decode(item, each, f"{at}.{key}") for key, each in pairs}
    if origin is Literal:
        return _checked(str, value, at)
    if is_dataclass(wanted):
        return _decode_object(wanted, _checked(dict, value, at), at)
    return _decode_plain(wanted, value, at)


def _decode_union(options: tuple[Any, ...], value: Any, at: str) -> Any:
    if value is None and type(None) in options:
        return None
    others = [option for option in options if option is not type(None)]
    return _decode(others[0], value, at) if len(others) == 1 else value


def _decode_object(wanted: Any, value: dict[str, Any], at: str) -> Any:
    named = {_snake_case(name): each for name, each in value.items()}
    fields = {}
    for name, field_type in _fields(wanted):
        each = named.get(name, _MISSING)
        if each is _MISSING:
            if type(None) not in get_args(field_type):
                raise ValueError(f"`{at}.{name}` is missing")
            each = None
        fields[name] = _decode(field_type, each, f"{at}.{name}")
    return wanted(**fields)


def _decode_plain(wanted: Any, value: Any, at: str) -> Any:
    if wanted is Decimal and type(value) is int:
        return Decimal(value)
    if wanted is datetime:
        return _moment(_checked(str, value, at))
    if wanted is date:
        return date.fromisoformat(_checked(str, value, at))
    return value if wanted is Any else _checked(wanted, value, at)


def _checked(wanted: Any, value: Any, at: str) -> Any:
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise ValueError(f"`{at}` is not of type {wanted.__name__}")
    return value


def _moment(text: str) -> datetime:
    """Return a time; Python 3.10 reads fractions of three or six digits only, and no `Z`."""
    exact = _FRACTION.sub(lambda match: f".{match[1][:6]:0<6}", text)
    return datetime.fromisoformat(exact.replace("Z", "+00:00"))


@lru_cache(maxsize=256)
def _fields(wanted: type) -> tuple[tuple[str, Any], ...]:
    # Without the names of the class itself: a field may have the name of a type, such as `date`.
    names = vars(sys.modules[wanted.__module__])
    return tuple(get_type_hints(wanted, names, names).items())


@lru_cache(maxsize=1024)
def _snake_case(wire_name: str) -> str:
    return _UPPER.sub(lambda match: f"_{match[0].lower()}", wire_name)
