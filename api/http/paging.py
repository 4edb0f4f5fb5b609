"""Pages of a list: how many rows, and a cursor that says after which row the next page begins.

A cursor is an opaque position. It holds nothing but the
time and the id of a row its reader was just shown, so it needs no signature: one that was tampered
with only begins elsewhere in the same list, behind the same walls.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from api.http.identifiers import ID_CHARACTERS_MAX, is_identifier
from api.http.parameters import one_of
from api.http.problems import Problem, invalid_parameter
from api.openapi.operations import Parameter
from ledger.reports.lists import PagePosition

T = TypeVar("T")

ROWS_MAX: Final = 100
ROWS_USUALLY: Final = 20
NUMBER_DIGITS_MAX: Final = 18
CURSOR_CHARACTERS_MAX: Final = 8 * ID_CHARACTERS_MAX

CURSOR: Final = Parameter(
    "cursor", "Where the page begins: the `nextCursor` of the page before, unchanged."
)


def row_limit(usually: int = ROWS_USUALLY, most: int = ROWS_MAX) -> Parameter:
    """Declare how many rows a page may have."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": usually}
    return Parameter("limit", "How many rows a page has.", schema)


LIMIT: Final = row_limit()

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_decoder: Final = msgspec.json.Decoder(tuple[int, str])


def limit_of(request: web.Request, limit: Parameter = LIMIT) -> int:
    """Return how many rows the query asks for; raises the 400 Problem."""
    text, most = one_of(request, limit), int(limit.schema["maximum"])
    if text is None:
        return int(limit.usually)
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and 1 <= int(text) <= most):
        raise invalid_parameter("limit", f"must be a whole number from 1 to {most}")
    return int(text)


def cursor_of(
    request: web.Request, is_key: Callable[[str], bool] = is_identifier
) -> PagePosition | None:
    """Return where the page begins that the query asks for; raises the 400 Problem.

    `is_key` says whether a text can be the id of a row.
    """
    text = one_of(request, CURSOR)
    if not text:
        return None
    try:
        if len(text) > CURSOR_CHARACTERS_MAX:
            raise _foreign()
        padded = text + "=" * (-len(text) % 4)
        since_us, key = _decoder.decode(urlsafe_b64decode(padded.encode("ascii")))
        moment = _EPOCH + since_us * _MICROSECOND
    except (ValueError, OverflowError, binascii.Error, msgspec.MsgspecError):
        raise _foreign() from None
    if not is_key(key):
        raise _foreign()
    return PagePosition(moment, key)


def number_of(request: web.Request) -> int | None:
    """Return where the page of a numbered list begins; raises the 400 Problem."""
    text = one_of(request, CURSOR)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS_MAX):
        raise _foreign()
    return int(text)


def cursor(position: PagePosition) -> str:
    """Return a position as a query can carry it."""
    since_us = (position.time - _EPOCH) // _MICROSECOND
    text = msgspec.json.encode((since_us, position.key))
    return urlsafe_b64encode(text).decode().rstrip("=")


def page(
    rows: Sequence[T], limit: int, position: Callable[[T], PagePosition]
) -> tuple[Sequence[T], str | None]:
    """Return the rows of a page and the cursor of the next one, where there is one.

    `rows` are one more than the limit where there are more.
    """
    if len(rows) <= limit:
        return rows, None
    shown = rows[:limit]
    return shown, cursor(position(shown[-1]))


def _foreign() -> Problem:
    return invalid_parameter("cursor", "must be the `nextCursor` of an earlier answer, unchanged")
