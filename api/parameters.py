"""Reads the parts of a path and a query, each refused by its name where it makes no sense."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import unquote_to_bytes

from aiohttp import web

from api.identifiers import NOT_UTF8, flaw_of
from api.problems import invalid_parameter


def check_path(request: web.Request) -> None:
    """Raise the 400 Problem for the first variable part of the path that cannot be an id."""
    broken = _broken_parts(request) if "%" in request.rel_url.raw_path else ()
    for name, value in request.match_info.items():
        flaw = NOT_UTF8 if name in broken else flaw_of(value)
        if flaw is not None:
            raise invalid_parameter(name, flaw)


def _broken_parts(request: web.Request) -> Sequence[str]:
    """Return the names of the parts that are not UTF-8, of which the framework makes some text."""
    resource = request.match_info.route.resource
    if resource is None or _is_utf8(request.rel_url.raw_path):
        return ()
    # A part ends at a slash, and one within a part is quoted: the two have the same parts.
    parts = zip(resource.canonical.split("/"), request.rel_url.raw_path.split("/"), strict=True)
    return [name.strip("{}") for name, part in parts if not _is_utf8(part)]


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
