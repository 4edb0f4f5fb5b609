"""How each failure is described: its status, the codes it comes with, and what its head says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, get_args

from api.openapi.operations import JSON
from schemas.problems import ProblemCode


class FailureStatus(NamedTuple):
    """A status that tells of a failure."""

    name: str
    says: str
    codes: tuple[ProblemCode, ...]
    headers: tuple[str, ...] = ()


FAILURES: Final[Mapping[int, FailureStatus]] = {
    400: FailureStatus(
        "BadRequest",
        "The request makes no sense; the sentence names the parameter or the field.",
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
        "There is no token, or it is not valid.",
        ("unauthorized",),
        ("WWW-Authenticate",),
    ),
    403: FailureStatus(
        "Forbidden",
        "It is somebody else's, or it does not exist: the two look alike.",
        ("forbidden", "foreign_source"),
    ),
    404: FailureStatus("NotFound", "There is no such thing.", ("not_found",)),
    408: FailureStatus("RequestTimeout", "The body did not arrive in time.", ("request_timeout",)),
    409: FailureStatus(
        "Conflict",
        "The call has ended, or the price was decided otherwise.",
        ("call_finished", "price_conflict"),
    ),
    413: FailureStatus("PayloadTooLarge", "The body has too many bytes.", ("payload_too_large",)),
    415: FailureStatus(
        "UnsupportedMediaType",
        "The body's `Content-Encoding` is neither `gzip` nor `deflate`.",
        ("unsupported_media_type",),
        ("Accept-Encoding",),
    ),
    426: FailureStatus(
        "UpgradeRequired", "The route is a WebSocket.", ("upgrade_required",), ("Upgrade",)
    ),
    429: FailureStatus(
        "TooManyRequests",
        "Too many requests; come back later.",
        ("rate_limited",),
        ("Retry-After",),
    ),
    500: FailureStatus(
        "InternalError",
        "A fault of the service; the sentence has the id it is logged with.",
        ("internal_error",),
    ),
    503: FailureStatus(
        "Unavailable",
        "Something that the answer depends on is away; try again.",
        ("unavailable", "not_ready"),
        ("Retry-After",),
    ),
}
OF_EACH: Final = (400, 500)
"""What any route may answer."""
OF_GUARDED: Final = (401, 403, 429, 503)
"""What any route that asks for a token may answer, too."""
OF_BODIES: Final = (408, 413, 415)
"""What any route with a body may answer, too."""
OTHERWISE: Final = "Failure"
"""The name of the answer to what is wrong before a route is found."""

HEADERS: Final[Mapping[str, dict[str, Any]]] = {
    "Accept-Encoding": {"description": "What is taken.", "schema": {"type": "string"}},
    "Content-Disposition": {"description": "The file's name.", "schema": {"type": "string"}},
    "ETag": {
        "description": "Stands for the body: send it back as `If-None-Match`.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds until the next request is welcome.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Upgrade": {"description": "What to upgrade to.", "schema": {"const": "websocket"}},
    "WWW-Authenticate": {
        "description": "What is wrong with the token (RFC 6750).",
        "schema": {"type": "string"},
    },
}


def headers(*names: str) -> dict[str, Any]:
    """Return references to headers of answers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def statuses(*, guarded: bool, has_body: bool, others: tuple[int, ...]) -> list[int]:
    """Return with which statuses a route may fail."""
    some = (*OF_EACH, *(OF_GUARDED if guarded else ()), *(OF_BODIES if has_body else ()), *others)
    return sorted({*some})


def responses() -> dict[str, Any]:
    """Return the shared answers to failures; their bodies differ in their codes only."""
    named = {one.name: _response(one) for one in FAILURES.values()}
    other = FailureStatus(
        OTHERWISE,
        "Whatever else is wrong with a request, such as a query of more than 2 KiB (414).",
        get_args(ProblemCode),
    )
    return {**named, OTHERWISE: _response(other)}


def _response(of: FailureStatus) -> dict[str, Any]:
    failure = {"$ref": "#/components/schemas/Failure"}
    codes = {"properties": {"code": {"enum": [*of.codes]}}}
    schema = failure if of.name == OTHERWISE else {"allOf": [failure, codes]}
    return {
        "description": of.says,
        **({"headers": headers(*of.headers)} if of.headers else {}),
        "content": {JSON: {"schema": schema}},
    }
