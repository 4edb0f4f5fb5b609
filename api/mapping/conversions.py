"""Converts found values to text, exact numbers and times; raises DocumentError with the place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import Any, Final

import msgspec

from api.mapping.errors import DocumentError
from schemas.numbers import Number, number_from

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT: Final = Context(prec=200, traps=[Inexact, InvalidOperation])
_SHOWN_MAX: Final = 60
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?(?:([Zz])|([+-]\d\d):?(\d\d))?",
    re.ASCII,
)
_OFFSET: Final = re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII)
_MICROSECOND_DIGITS: Final = 6
_UNIX_EXPONENTS: Final[Mapping[str, int]] = {
    "unix": 6,
    "unix_ms": 3,
    "unix_us": 0,
    "unix_ns": -3,
}
"""The power of ten by which a unit of each format is longer than a microsecond."""

FORMATS: Final = ("rfc3339", *_UNIX_EXPONENTS)


def show(value: Any) -> str:
    """Return a value as error messages show it."""
    text = repr(str(value)) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


def as_text(value: Any, place: str) -> str:
    """Return a text; whole numbers become text, as ids are often numbers."""
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise DocumentError(f"{place} is {show(value)} and not a text.")
    if "\0" in value:
        raise DocumentError(f"{place} contains a NUL character.")
    return value


def as_any(value: Any, place: str) -> Any:
    """Return any JSON value."""
    if b"\\u0000" in _encode(value).replace(b"\\\\", b""):
        raise DocumentError(f"{place} contains a NUL character.")
    return value


def as_flag(value: Any, place: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise DocumentError(f"{place} is {show(value)} and not true or false.")
    return value


def as_number(value: Any, place: str) -> Number:
    """Return a number, or a text of plain digits as a number."""
    try:
        return number_from(value)
    except ValueError:
        raise DocumentError(f"{place} is {show(value)} and not a number.") from None


def subtract(value: Number, parts: list[Number], places: str) -> Number:
    """Return a whole minus its parts, exactly."""
    rest: Decimal | int = value
    try:
        for part in parts:
            rest = (
                rest - part
                if isinstance(rest, int) and isinstance(part, int)
                else _EXACT.subtract(Decimal(rest), Decimal(part))
            )
    except DecimalException:
        raise DocumentError(f"{places} have too many digits to subtract.") from None
    if rest < 0:
        raise DocumentError(f"{places}: the parts are more than the whole.")
    return rest


def move_point(value: Number, decimals: int) -> Number:
    """Return a number with its decimal point moved to the left, exactly."""
    if not decimals:
        return value
    number = Decimal(value)
    sign, digits, exponent = number.as_tuple()
    # `scaleb` would round to the precision of the context.
    return Decimal((sign, digits, exponent - decimals)) if isinstance(exponent, int) else number


def time_reader(form: str, offset: timezone | None) -> Callable[[Any, str], datetime]:
    """Return a function that reads times of a format; `offset` is for times without one."""
    if form in _UNIX_EXPONENTS:
        return lambda value, place: _unix_time(as_number(value, place), form, place)
    return lambda value, place: _rfc3339(value, place, offset)


def read_offset(text: str) -> timezone | None:
    """Return the offset written as `Z`, `UTC` or `+02:00`, None for any other text."""
    if text in {"Z", "UTC"}:
        return UTC
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    hours, minutes = int(match[2]), int(match[3])
    if hours > 23 or minutes > 59:
        return None
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if match[1] == "-" else size)


def _unix_time(value: Number, form: str, place: str) -> datetime:
    try:
        microseconds = int(Decimal(move_point(value, -_UNIX_EXPONENTS[form])))
        return _EPOCH + timedelta(microseconds=microseconds)
    except (OverflowError, ValueError, DecimalException):
        raise DocumentError(f"{place} is {show(value)}, which is not a time as {form}.") from None


def _rfc3339(value: Any, place: str, offset: timezone | None) -> datetime:
    if not isinstance(value, str):
        raise DocumentError(
            f"{place} is {show(value)} and not a text with a time; a number needs a `format`."
        )
    match = _TIME.fullmatch(value)
    if match is None:
        raise DocumentError(
            f"{place} is {show(value)} and not a time such as 2026-11-30T09:30:00Z."
        )
    day, clock, fraction, zulu, hours, minutes = match.groups()
    zone = "+00:00" if zulu else f"{hours}:{minutes}" if hours else ""
    if not zone and offset is None:
        raise DocumentError(f"{place} is {show(value)}, a time without offset: give its `offset`.")
    digits = (fraction or "").ljust(_MICROSECOND_DIGITS, "0")[:_MICROSECOND_DIGITS]
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}.{digits}{zone}")
        return (moment if zone else moment.replace(tzinfo=offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise DocumentError(f"{place} is {show(value)}, which is not a time.") from None
