"""Prints the rows of a listing: a line each, or a JSON object each with --json."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from schemas.money import usd_text

T = TypeVar("T")

_NANO: Final = "_nano"
_MERGED: Final = frozenset({"row", "fields"})
"""Fields whose inner fields are shown beside the others."""
_encode: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare --json."""
    parser.add_argument(
        "--json", action="store_true", help="print a JSON object per line, for programs"
    )


def print_rows(
    arguments: argparse.Namespace, rows: Iterable[T], line: Callable[[T], str], *, none: str
) -> int:
    """Print rows as `line` shows them, or as JSON; without rows, print `none` for people."""
    is_empty = True
    for row in rows:
        is_empty = False
        print(as_json(row) if arguments.json else line(row))
    if is_empty and not arguments.json:
        print(none)
    return 0


def print_json(rows: Iterable[object]) -> int:
    """Print rows as JSON."""
    for row in rows:
        print(as_json(row))
    return 0


def as_json(row: object) -> str:
    """Return a row as a JSON object.

    Names are those of its fields in camel case, times are UTC in ISO 8601, and amounts (`costUsd`)
    are exact numbers.
    """
    return _encode(_plain(row)).decode()


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return _object(value._asdict())
    if isinstance(value, msgspec.Struct):
        return _object(msgspec.structs.asdict(value))
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    return value


def _object(fields: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in fields.items():
        if name in _MERGED:
            shown |= _plain(value)
        else:
            shown.update([_field(name, value)])
    return shown


def _field(name: str, value: Any) -> tuple[str, Any]:
    """Return a field's name and value in JSON; stored amounts are in nano-dollars."""
    if name.endswith(_NANO) and value is not None:
        return _camel(f"{name.removesuffix(_NANO)}_usd"), Decimal(usd_text(value))
    return _camel(name), _plain(value)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
