"""Reads the parts of a path and a query, each refused by its name where it makes no sense.

A parameter is read by the object that declares it, and only where its route declares it too: so the
document of the interface has all that is understood, and nothing else. What no route declares is
refused, because a misspelt parameter that is ignored gives an answer to another question.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from aiohttp import web

from api.http.access import ROUTE
from api.http.identifiers import ID_CHARACTERS_MAX, NOT_UTF8, flaw_of, is_identifier
from api.http.problems import Problem, invalid_parameter
from api.openapi.operations import Operation, Parameter

NAME: Final[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": ID_CHARACTERS_MAX}
"""The schema of an id or a name."""
MOMENT: Final[dict[str, Any]] = {
    "type": "string",
    "examples": ["2025-11-19", "2025-11-19T12:00:00Z"],
}
"""The schema of a date or an ISO time."""
_UNKNOWN_CHARACTERS_MAX: Final = 60
_DATE: Final = "a date, or an ISO time whose UTC day counts"

SERVICE: Final = Parameter("service", "Only what is about this service.", NAME)
FIRST_DAY: Final = Parameter("startDate", f"The first UTC day: {_DATE}.", MOMENT)
LAST_DAY: Final = Parameter("endDate", f"The last UTC day, included: {_DATE}.", MOMENT)


def flag(name: str, says: str, *, usually: bool) -> Parameter:
    """Declare a parameter that is true or false."""
    return Parameter(name, says, {"type": "boolean", "default": usually})


def choice(name: str, says: str, choices: Sequence[str], usually: str | None = None) -> Parameter:
    """Declare a parameter that is one of some words."""
    schema = {"type": "string", "enum": [*choices]}
    return Parameter(name, says, schema | ({"default": usually} if usually else {}))


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


def check_query(request: web.Request, operation: Operation) -> None:
    """Raise the 400 Problem for the first parameter that the operation does not declare."""
    if not request.rel_url.raw_query_string:
        return
    declared = [parameter.name for parameter in operation.query]
    for name in request.query:
        if name not in declared:
            raise invalid_parameter(name[:_UNKNOWN_CHARACTERS_MAX], _way_out(name, declared))


def _way_out(name: str, declared: Sequence[str]) -> str:
    """Return the end of a sentence that names the parameter which was probably meant."""
    if not declared:
        return "is unknown; this route has no parameters"
    nearest = get_close_matches(name, declared, n=1)
    if nearest:
        return f"is unknown; the nearest parameter is `{nearest[0]}`"
    names = ", ".join(f"`{one}`" for one in declared)
    return f"is unknown; the parameters of this route are {names}"


def one_of(request: web.Request, parameter: Parameter) -> str | None:
    """Return a parameter of the query that may be given once; raises the 400 Problem.

    Raises LookupError for one that the route does not declare: that is a fault of ours.
    """
    _check_declared(request, parameter)
    values = request.query.getall(parameter.name, [])
    if len(values) > 1:
        raise invalid_parameter(parameter.name, "may be given only once")
    return values[0] if values else None


def is_given(request: web.Request, parameter: Parameter) -> bool:
    """Return whether the query has the parameter; raises LookupError like `one_of`."""
    _check_declared(request, parameter)
    return parameter.name in request.query


def _check_declared(request: web.Request, parameter: Parameter) -> None:
    route = request.get(ROUTE)
    if route is not None and not (route.operation and parameter in route.operation.query):
        raise LookupError(f"{route.method} {route.path} does not declare `{parameter.name}`")


def choice_of(request: web.Request, parameter: Parameter) -> str | None:
    """Return which of its words a parameter is, or usually is; raises the 400 Problem."""
    text = one_of(request, parameter)
    if text is None or (not text and parameter.usually):
        return None if parameter.usually is None else str(parameter.usually)
    if text not in parameter.choices:
        raise invalid_parameter(parameter.name, f"must be one of {', '.join(parameter.choices)}")
    return text


def flag_of(request: web.Request, parameter: Parameter) -> bool:
    """Return whether a parameter is true, or usually is; raises the 400 Problem."""
    text = one_of(request, parameter)
    if text is None:
        return bool(parameter.usually)
    if text not in {"true", "false"}:
        raise invalid_parameter(parameter.name, "must be true or false")
    return text == "true"


def service_of(request: web.Request) -> str | None:
    """Return which service the query asks for; raises the 400 Problem."""
    service = one_of(request, SERVICE)
    if service is not None and not is_identifier(service):
        raise invalid_parameter(SERVICE.name, "must be the name of a service")
    return service


def day_of(request: web.Request, parameter: Parameter) -> date:
    """Return the UTC day of a required date or ISO time; raises the 400 Problem."""
    day = day_or_none(request, parameter)
    if day is None:
        raise invalid_parameter(parameter.name, "is needed for a custom period")
    return day


def day_or_none(request: web.Request, parameter: Parameter) -> date | None:
    """Return the UTC day of a date or ISO time, where one is given; raises the 400 Problem.

    A time without an offset is taken as UTC.
    """
    text = one_of(request, parameter)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()
    except (ValueError, OverflowError):
        raise no_moment(parameter) from None


def no_moment(parameter: Parameter) -> Problem:
    """400 for a text that is no date and no time."""
    return invalid_parameter(parameter.name, "must be a date such as 2025-11-19 or an ISO time")


def start_of(day: date) -> datetime:
    """Return the first moment of a UTC day."""
    return datetime.combine(day, time(tzinfo=UTC))


def end_of(day: date) -> datetime:
    """Return the first moment after a UTC day; of the last day there is, its last moment."""
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return start_of(day + timedelta(days=1))
