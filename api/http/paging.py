"""Pagination: the page size, and opaque cursors.

A cursor contains the time and the id of the last row of a page; in a ranked list the order, the
rank and the id. It needs no signature: a forged one starts elsewhere in the same list, under the
same access rules.
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
from api.http.parameters import value_of
from api.http.problems import Problem, invalid_parameter
from api.openapi.operations import Parameter
from ledger.reports.lists import PagePosition, RankPosition

T = TypeVar("T")

ROWS_MAX: Final = 100
ROWS_DEFAULT: Final = 20
NUMBER_DIGITS_MAX: Final = 18
CURSOR_CHARACTERS_MAX: Final = 8 * ID_CHARACTERS_MAX

CURSOR: Final = Parameter("cursor", "The `nextCursor` of the previous page, unchanged.")


def row_limit(default: int = ROWS_DEFAULT, maximum: int = ROWS_MAX) -> Parameter:
    """Declare the page size of a list."""
    schema = {"type": "integer", "minimum": 1, "maximum": maximum, "default": default}
    return Parameter("limit", "The number of rows on a page.", schema)


LIMIT: Final = row_limit()

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_RANK_MAX: Final = 10**38
_decoder: Final = msgspec.json.Decoder(tuple[int, str])
_rank_decoder: Final = msgspec.json.Decoder(tuple[str, int, str])


def limit_of(request: web.Request, limit: Parameter = LIMIT) -> int:
    """Return the requested page size; raises the 400 Problem."""
    text, maximum = value_of(request, limit), int(limit.schema["maximum"])
    if text is None:
        return int(limit.default)
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and 1 <= int(text) <= maximum):
        raise invalid_parameter(limit.name, f"must be a whole number from 1 to {maximum}")
    return int(text)


def cursor_of(
    request: web.Request, is_key: Callable[[str], bool] = is_identifier
) -> PagePosition | None:
    """Return the requested position in a list; raises the 400 Problem.

    `is_key` checks the id of a row.
    """
    position = _decode_cursor(request, _decoder)
    if position is None:
        return None
    since_us, key = position
    try:
        moment = _EPOCH + since_us * _MICROSECOND
    except OverflowError:
        raise _invalid_cursor() from None
    if not is_key(key):
        raise _invalid_cursor()
    return PagePosition(moment, key)


def rank_cursor_of(request: web.Request, order: str) -> RankPosition | None:
    """Return the requested position in a list with that order; raises the 400 Problem."""
    position = _decode_cursor(request, _rank_decoder)
    if position is None:
        return None
    cursor_order, rank, key = position
    if cursor_order != order or abs(rank) >= _RANK_MAX or not is_identifier(key):
        raise _invalid_cursor()
    return RankPosition(rank, key)


def _decode_cursor(request: web.Request, decoder: msgspec.json.Decoder[T]) -> T | None:
    """Return the content of the requested cursor; raises the 400 Problem."""
    text = value_of(request, CURSOR)
    if not text:
        return None
    try:
        if len(text) > CURSOR_CHARACTERS_MAX:
            raise _invalid_cursor()
        padded = text + "=" * (-len(text) % 4)
        return decoder.decode(urlsafe_b64decode(padded.encode("ascii")))
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise _invalid_cursor() from None


def row_number_of(request: web.Request) -> int | None:
    """Return the requested position in a numbered list; raises the 400 Problem."""
    text = value_of(request, CURSOR)
    if text is None:
        return None
    if not is_row_number(text):
        raise _invalid_cursor()
    return int(text)


def is_row_number(text: str) -> bool:
    """Return whether a text is the number of a row."""
    return text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS_MAX


def cursor(position: PagePosition) -> str:
    """Return a position as an opaque cursor."""
    since_us = (position.time - _EPOCH) // _MICROSECOND
    return _encode_cursor((since_us, position.key))


def rank_cursor(order: str, position: RankPosition) -> str:
    """Return a position in a list with an order as an opaque cursor."""
    return _encode_cursor((order, *position))


def _encode_cursor(content: tuple[int | str, ...]) -> str:
    return urlsafe_b64encode(msgspec.json.encode(content)).decode().rstrip("=")


def page(
    rows: Sequence[T], limit: int, position: Callable[[T], PagePosition]
) -> tuple[Sequence[T], str | None]:
    """Return the rows of a page and the cursor of the next page, if there is one.

    `rows` has one row more than `limit` if there is a next page.
    """
    return page_with_cursor(rows, limit, lambda row: cursor(position(row)))


def page_with_cursor(
    rows: Sequence[T], limit: int, cursor_after: Callable[[T], str]
) -> tuple[Sequence[T], str | None]:
    """Return the rows of a page as `page` does, with the cursor after its last row."""
    if len(rows) <= limit:
        return rows, None
    shown = rows[:limit]
    return shown, cursor_after(shown[-1])


def _invalid_cursor() -> Problem:
    return invalid_parameter("cursor", "must be the `nextCursor` of an earlier response, unchanged")
