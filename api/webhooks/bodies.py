"""Decodes the bodies of deliveries. Unknown fields are ignored: vendors add fields at any time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from api.intake.json_bodies import decode_json
from schemas.numbers import Number, read_number
from schemas.refusals import Refused

T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_any: Final = msgspec.json.Decoder(float_hook=Decimal)


def body_decoder(kind: type[T]) -> Callable[[bytes], T]:
    """Return a function that decodes JSON into `kind`, with exact numbers; it raises Refused."""
    decoder = msgspec.json.Decoder(kind, dec_hook=read_number, float_hook=Decimal)
    return lambda body: decode_json(decoder.decode, body)


def read_document(body: bytes) -> Any:
    """Return decoded JSON of any form, with exact numbers; raises Refused."""
    return decode_json(_any.decode, body)


def time_from_ms(milliseconds: Number | None) -> datetime | None:
    """Return a Unix time in milliseconds; raises Refused."""
    if milliseconds is None:
        return None
    try:
        return _EPOCH + int(milliseconds) * _MILLISECOND
    except (OverflowError, ValueError):
        raise Refused("invalid_event", "A time in the body is out of range.") from None


def utc(moment: datetime | None) -> datetime | None:
    """Return a time in UTC, a time without an offset as UTC; raises Refused."""
    if moment is None:
        return None
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise Refused("invalid_event", "A time in the body is out of range.") from None


def seconds_between(start: datetime | None, end: datetime | None) -> Decimal:
    """Return the seconds from `start` to `end`, to a millisecond; 0 if one is unknown."""
    if start is None or end is None:
        return Decimal(0)
    return Decimal(max((end - start) // _MILLISECOND, 0)).scaleb(-3)
