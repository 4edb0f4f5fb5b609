"""Reads parameters of paths and queries; errors name the parameter.

A parameter is read through its declaration, and only if its route declares it, so the OpenAPI
document lists all parameters. Undeclared parameters are refused: ignoring a misspelt one would
answer another question.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from aiohttp import web

from api.http.access import ROUTE
from api.http.identifiers import ID_CHARACTERS_MAX, NOT_UTF8, identifier_error, is_identifier
from api.http.problems import Problem, invalid_parameter
from api.openapi.operations import Operation, Parameter

NAME: Final[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": ID_CHARACTERS_MAX}
"""JSON Schema of an id or a name."""
DATE_OR_TIME: Final[dict[str, Any]] = {
    "type": "string",
    "examples": ["2025-11-19", "2025-11-19T12:00:00Z"],
}
"""JSON Schema of a date or an ISO time."""
REPEATS_MAX: Final = 20
"""The maximum number of values of a repeated parameter."""
_UNKNOWN_CHARACTERS_MAX: Final = 60
_NUMBER_DIGITS_MAX: Final = 9
_DATE: Final = "a date, or an ISO time whose UTC day counts"

SERVICE: Final = Parameter("service", "Filters by service.", NAME)
FIRST_DAY: Final = Parameter("startDate", f"The first UTC day: {_DATE}.", DATE_OR_TIME)
LAST_DAY: Final = Parameter("endDate", f"The last UTC day, included: {_DATE}.", DATE_OR_TIME)


def flag(name: str, description: str, *, default: bool) -> Parameter:
    """Declare a boolean parameter."""
    return Parameter(name, description, {"type": "boolean", "default": default})


DRY_RUN: Final = flag("dryRun", "Whether to preview only.", default=True)


def choice(
    name: str, description: str, choices: Sequence[str], default: str | None = None
) -> Parameter:
    """Declare an enum parameter."""
    schema = {"type": "string", "enum": [*choices]}
    return Parameter(name, description, schema | ({"default": default} if default else {}))


def repeated(name: str, description: str, items: dict[str, Any]) -> Parameter:
    """Declare a parameter that may be given several times."""
    schema = {"type": "array", "items": items, "maxItems": REPEATS_MAX}
    return Parameter(name, f"{description} May be repeated.", schema)


def check_path(request: web.Request) -> None:
    """Raise the 400 Problem for the first path variable that is not a valid id."""
    broken = _broken_parts(request) if "%" in request.rel_url.raw_path else ()
    for name, value in request.match_info.items():
        flaw = NOT_UTF8 if name in broken else identifier_error(value)
        if flaw is not None:
            raise invalid_parameter(name, flaw)


def _broken_parts(request: web.Request) -> Sequence[str]:
    """Return the names of path variables that are not UTF-8, which aiohttp decodes anyway."""
    resource = request.match_info.route.resource
    if resource is None or _is_utf8(request.rel_url.raw_path):
        return ()
    # Slashes inside a variable are percent-encoded, so both paths split into the same parts.
    parts = zip(resource.canonical.split("/"), request.rel_url.raw_path.split("/"), strict=True)
    return [name.strip("{}") for name, part in parts if not _is_utf8(part)]


def _is_utf8(quoted: str) -> bool:
    try:
        unquote_to_bytes(quoted).decode()
    except UnicodeDecodeError:
        return False
    return True


def path_number(request: web.Request, name: str, what: str) -> int:
    """Return a path variable that is the number of `what`; raises the 400 Problem."""
    text = request.match_info[name]
    if not (text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX):
        raise invalid_parameter(name, f"must be the number of {what}")
    return int(text)


def check_query(request: web.Request, operation: Operation) -> None:
    """Raise the 400 Problem for the first undeclared parameter."""
    if not request.rel_url.raw_query_string:
        return
    declared = [parameter.name for parameter in operation.query]
    for name in request.query:
        if name not in declared:
            raise invalid_parameter(name[:_UNKNOWN_CHARACTERS_MAX], _suggestion(name, declared))


def _suggestion(name: str, declared: Sequence[str]) -> str:
    """Return the rest of the error sentence, with the closest declared parameter."""
    if not declared:
        return "is unknown; this route has no parameters"
    nearest = get_close_matches(name, declared, n=1)
    if nearest:
        return f"is unknown; the nearest parameter is `{nearest[0]}`"
    names = ", ".join(f"`{name}`" for name in declared)
    return f"is unknown; the parameters of this route are {names}"


def value_of(request: web.Request, parameter: Parameter) -> str | None:
    """Return the value of a parameter that may be given once; raises the 400 Problem.

    Raises LookupError for a parameter that the route does not declare: a programming error.
    """
    _check_declared(request, parameter)
    values = request.query.getall(parameter.name, [])
    if len(values) > 1:
        raise invalid_parameter(parameter.name, "may be given only once")
    return values[0] if values else None


def values_of(request: web.Request, parameter: Parameter) -> tuple[str, ...]:
    """Return the different values of a `repeated` parameter; raises the 400 Problem.

    Raises LookupError like `value_of`.
    """
    _check_declared(request, parameter)
    values = tuple(dict.fromkeys(request.query.getall(parameter.name, [])))
    if len(values) > REPEATS_MAX:
        raise invalid_parameter(parameter.name, f"may be given at most {REPEATS_MAX} times")
    return values


def is_given(request: web.Request, parameter: Parameter) -> bool:
    """Return whether the query has the parameter; raises LookupError like `value_of`."""
    _check_declared(request, parameter)
    return parameter.name in request.query


def _check_declared(request: web.Request, parameter: Parameter) -> None:
    route = request.get(ROUTE)
    if route is not None and not (route.operation and parameter in route.operation.query):
        raise LookupError(f"{route.method} {route.path} does not declare `{parameter.name}`")


def choice_of(request: web.Request, parameter: Parameter) -> str | None:
    """Return the value of an enum parameter, or its default; raises the 400 Problem."""
    text = value_of(request, parameter)
    if text is None or (not text and parameter.default):
        return None if parameter.default is None else str(parameter.default)
    if text not in parameter.choices:
        raise invalid_parameter(parameter.name, f"must be one of {', '.join(parameter.choices)}")
    return text


def flag_of(request: web.Request, parameter: Parameter) -> bool:
    """Return the value of a boolean parameter, or its default; raises the 400 Problem."""
    text = value_of(request, parameter)
    if text is None:
        return bool(parameter.default)
    if text not in {"true", "false"}:
        raise invalid_parameter(parameter.name, "must be true or false")
    return text == "true"


def service_of(request: web.Request) -> str | None:
    """Return the requested service; raises the 400 Problem."""
    service = value_of(request, SERVICE)
    if service is not None and not is_identifier(service):
        raise invalid_parameter(SERVICE.name, "must be the name of a service")
    return service


def day_of(request: web.Request, parameter: Parameter) -> date:
    """Return the UTC day of a required date or ISO time; raises the 400 Problem."""
    day = day_or_none(request, parameter)
    if day is None:
        raise invalid_parameter(parameter.name, "is required for a custom period")
    return day


def day_or_none(request: web.Request, parameter: Parameter) -> date | None:
    """Return the UTC day of an optional date or ISO time; raises the 400 Problem.

    A time without an offset is read as UTC.
    """
    text = value_of(request, parameter)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()
    except (ValueError, OverflowError):
        raise invalid_time(parameter) from None


def invalid_time(parameter: Parameter) -> Problem:
    """Return the 400 Problem of a text that is neither a date nor a time."""
    return invalid_parameter(parameter.name, "must be a date such as 2025-11-19 or an ISO time")


def optional_days_of(request: web.Request) -> tuple[date | None, date | None]:
    """Return the requested FIRST_DAY and LAST_DAY; raises the 400 Problem."""
    first, last = day_or_none(request, FIRST_DAY), day_or_none(request, LAST_DAY)
    if first and last and last < first:
        raise invalid_parameter(LAST_DAY.name, f"must not be before `{FIRST_DAY.name}`")
    return first, last


def start_of(day: date) -> datetime:
    """Return the start of a UTC day."""
    return datetime.combine(day, time(tzinfo=UTC))


def end_of(day: date) -> datetime:
    """Return the end of a UTC day (exclusive); for the last possible day, its last moment."""
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return start_of(day + timedelta(days=1))
