"""Reads the parts of a path and a query, each refused by its name where it makes no sense."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import unquote_to_bytes

from aiohttp import web

from api.identifiers import ID_CHARACTERS_MOST, is_identifier
from api.problems import invalid_parameter

_ID_RULE: Final = f"must have 1 to {ID_CHARACTERS_MOST} characters"


def check_path(request: web.Request) -> None:
    """Raise the 400 Problem unless every variable part of the path can be an id."""
    whole = "%" not in request.rel_url.raw_path or _is_utf8(request.rel_url.raw_path)
    for name, value in request.match_info.items():
        if not whole or not is_identifier(value):
            raise invalid_parameter(name, _ID_RULE)


def _is_utf8(quoted: str) -> bool:
    try:
        unquote_to_bytes(quoted).decode()
    except UnicodeDecodeError:
        return False
    return True


def one_of(request: web.Request, name: str) -> str | None:
    """Return a parameter of the query that may be given once; raises the 400 Problem."""
    values = request.query.getall(name, [])
    if len(values) > 1:
        raise invalid_parameter(name, "may be given only once")
    return values[0] if values else None


def day_of(request: web.Request, name: str) -> date:
    """Return the UTC day of a required date or ISO time; raises the 400 Problem."""
    day = day_or_none(request, name)
    if day is None:
        raise invalid_parameter(name, "is needed for a custom period")
    return day


def day_or_none(request: web.Request, name: str) -> date | None:
    """Return the UTC day of a date or ISO time, where one is given; raises the 400 Problem.

    A time without an offset is taken as UTC.
    """
    text = one_of(request, name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()
    except (ValueError, OverflowError):
        raise invalid_parameter(name, "must be a date such as 2025-11-19 or an ISO time") from None


def start_of(day: date) -> datetime:
    """Return the first moment of a UTC day."""
    return datetime.combine(day, time(tzinfo=UTC))


def end_of(day: date) -> datetime:
    """Return the first moment after a UTC day; of the last day there is, its last moment."""
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return start_of(day + timedelta(days=1))
