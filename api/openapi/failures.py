"""Descriptions of error responses: status, codes and headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, get_args

from api.openapi.operations import JSON
from schemas.problems import ProblemCode


class FailureStatus(NamedTuple):
    """An error status."""

    name: str
    description: str
    codes: tuple[ProblemCode, ...]
    headers: tuple[str, ...] = ()


FAILURES: Final[Mapping[int, FailureStatus]] = {
    400: FailureStatus(
        "BadRequest",
        "The request is invalid; `error` names the parameter or the field.",
        (
            "invalid_parameter",
            "invalid_body",
            "bad_request",
            "invalid_json",
            "invalid_event",
            "too_old",
            "too_large",
        ),
    ),
    401: FailureStatus(
        "Unauthorized",
        "The token is missing or invalid.",
        ("unauthorized",),
        ("WWW-Authenticate",),
    ),
    403: FailureStatus(
        "Forbidden",
        "The resource belongs to another user or does not exist; both get the same response.",
        ("forbidden", "foreign_source"),
    ),
    404: FailureStatus("NotFound", "The resource does not exist.", ("not_found",)),
    408: FailureStatus("RequestTimeout", "The body did not arrive in time.", ("request_timeout",)),
    409: FailureStatus(
        "Conflict",
        "The call has ended, the cost is recorded, there are too many budgets, the erasure is not "
        "confirmed, or another price, plan or decision is in force.",
        (
            "call_finished",
            "cost_recorded",
            "price_conflict",
            "plan_conflict",
            "erasure_refused",
            "too_many_budgets",
        ),
    ),
    413: FailureStatus("PayloadTooLarge", "The body has too many bytes.", ("payload_too_large",)),
    415: FailureStatus(
        "UnsupportedMediaType",
        "The body's `Content-Encoding` is neither `gzip` nor `deflate`, or traces have another "
        "`Content-Type` than those of OTLP/HTTP.",
        ("unsupported_media_type",),
        ("Accept-Encoding",),
    ),
    426: FailureStatus(
        "UpgradeRequired", "The route is a WebSocket.", ("upgrade_required",), ("Upgrade",)
    ),
    429: FailureStatus(
        "TooManyRequests",
        "Too many requests; retry later.",
        ("rate_limited",),
        ("Retry-After",),
    ),
    500: FailureStatus(
        "InternalError",
        "An internal error; `error` contains the id under which it is logged.",
        ("internal_error",),
    ),
    503: FailureStatus(
        "Unavailable",
        "A dependency is unavailable; retry.",
        ("unavailable", "not_ready"),
        ("Retry-After",),
    ),
}
FOR_ALL_ROUTES: Final = (400, 500)
"""Error statuses of any route."""
FOR_GUARDED_ROUTES: Final = (401, 403, 429, 503)
"""Further error statuses of any route that requires a token."""
FOR_ROUTES_WITH_BODY: Final = (408, 413, 415)
"""Further error statuses of any route with a body."""
OTHER_FAILURES: Final = "Failure"
"""The name of the response to errors before routing."""

HEADERS: Final[Mapping[str, dict[str, Any]]] = {
    "Accept-Encoding": {"description": "The supported encodings.", "schema": {"type": "string"}},
    "Content-Disposition": {"description": "The file's name.", "schema": {"type": "string"}},
    "ETag": {
        "description": "Identifies the body; send it back as `If-None-Match`.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next request.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Upgrade": {"description": "The protocol to upgrade to.", "schema": {"const": "websocket"}},
    "WWW-Authenticate": {
        "description": "What is wrong with the token (RFC 6750).",
        "schema": {"type": "string"},
    },
}


def headers(*names: str) -> dict[str, Any]:
    """Return references to response headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def statuses(*, guarded: bool, has_body: bool, others: tuple[int, ...]) -> list[int]:
    """Return the error statuses of a route."""
    all_statuses = (
        *FOR_ALL_ROUTES,
        *(FOR_GUARDED_ROUTES if guarded else ()),
        *(FOR_ROUTES_WITH_BODY if has_body else ()),
        *others,
    )
    return sorted({*all_statuses})


def responses() -> dict[str, Any]:
    """Return the shared error responses; their bodies differ in their codes only."""
    named = {status.name: _response(status) for status in FAILURES.values()}
    other = FailureStatus(
        OTHER_FAILURES,
        "Any other error, such as a query of more than 2 KiB (414).",
        get_args(ProblemCode),
    )
    return {**named, OTHER_FAILURES: _response(other)}


def _response(status: FailureStatus) -> dict[str, Any]:
    failure = {"$ref": "#/components/schemas/Failure"}
    codes = {"properties": {"code": {"enum": [*status.codes]}}}
    schema = failure if status.name == OTHER_FAILURES else {"allOf": [failure, codes]}
    return {
        "description": status.description,
        **({"headers": headers(*status.headers)} if status.headers else {}),
        "content": {JSON: {"schema": schema}},
    }
