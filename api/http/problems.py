"""The errors of the API: exceptions with a status, a code, and a JSON body."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from aiohttp import web

from schemas.jsonio import encode
from schemas.problems import Failure, ProblemCode
from schemas.refusals import RefusalCode, Refused

JSON_TYPE: Final = "application/json"
RETRY_AFTER_SECONDS: Final = 2

LimitName = Literal[
    "requests_per_user",
    "failed_authentications",
    "signature_checks",
    "connections",
    "connections_per_address",
    "concurrent_requests_per_user",
    "concurrent_requests_per_address",
    "database_share",
    "exports",
    "export_pace",
    "reconciliations",
    "sockets",
    "sockets_per_user",
    "sockets_per_address",
    "tickets",
]
"""Names of the API's limits, as in the metrics of refused requests."""

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_CHALLENGE: Final = 'Bearer realm="cost-analytics"'


class Problem(Exception):  # noqa: N818 - a response, not a fault
    """An error response, raised by handlers."""

    def __init__(
        self,
        status: int,
        code: ProblemCode,
        message: str,
        headers: Mapping[str, str] = _NO_HEADERS,
        limit: LimitName | None = None,
    ) -> None:
        """`limit` names the limit that refused the request."""
        super().__init__(f"{status} {code}")
        self.status = status
        self.code: ProblemCode = code
        self.message = message
        self.headers = headers
        self.limit = limit

    def body(self) -> bytes:
        return encode(Failure(error=self.message, code=self.code))

    def response(self) -> web.Response:
        """Return the response, which must not be cached."""
        headers = {"Cache-Control": "no-store", **self.headers}
        return web.Response(
            status=self.status, body=self.body(), content_type=JSON_TYPE, headers=headers
        )


def unauthorized(message: str, *, sent_token: bool = True) -> Problem:
    """Return a 401; `message` describes the token's error, without quoting the token."""
    error = f', error="invalid_token", error_description="{message}"' if sent_token else ""
    return Problem(401, "unauthorized", message, {"WWW-Authenticate": _CHALLENGE + error})


def forbidden() -> Problem:
    """Return a 403, identical for another user's resource and for a missing one."""
    return Problem(403, "forbidden", "Not found, or you don't have access.")


def foreign_origin() -> Problem:
    """Return a 403 for a WebSocket opened by a page of another origin."""
    return Problem(403, "forbidden", "No page of this origin may connect; see CORS_ORIGINS.")


def invalid_parameter(name: str, why: str) -> Problem:
    """Return a 400 for a parameter of the path or of the query."""
    return Problem(400, "invalid_parameter", f"`{name}` {why}.")


def invalid_body(message: str) -> Problem:
    """Return a 400 for a body, or for a field that `message` names."""
    return Problem(400, "invalid_body", message)


def refused(refusal: Refused) -> Problem:
    """Return a 400 for an event that the stream would refuse, with the refusal's code."""
    code = _CODE_OF_REFUSAL.get(refusal.code, "invalid_event")
    return Problem(400, code, refusal.message)


def price_conflict(message: str) -> Problem:
    """Return a 409: another price is in force, or the proposal was decided differently."""
    return Problem(409, "price_conflict", message)


def plan_conflict(message: str) -> Problem:
    """Return a 409: there is another charge plan of the same scope and time."""
    return Problem(409, "plan_conflict", message)


def erasure_refused(message: str) -> Problem:
    """Return a 409: nothing was erased."""
    return Problem(409, "erasure_refused", message)


def not_found(message: str) -> Problem:
    """Return a 404 for a resource that only administrators may request."""
    return Problem(404, "not_found", message)


def rate_limited(
    retry_after_seconds: int, limit: LimitName | None = None, message: str = "Too many requests."
) -> Problem:
    """Return a 429 with `Retry-After`; `message` names the limit."""
    return Problem(
        429,
        "rate_limited",
        f"{message} Retry in {retry_after_seconds} s.",
        {"Retry-After": str(retry_after_seconds)},
        limit,
    )


def unavailable(dependency: str, limit: LimitName | None = None) -> Problem:
    """Return a 503 for a dependency that is unavailable."""
    return Problem(
        503,
        "unavailable",
        f"{dependency} is not available right now. Please try again.",
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
        limit,
    )


def internal_error(error_id: str) -> Problem:
    """Return a 500 with only an error id, which the log can be searched for."""
    return Problem(500, "internal_error", f"Something went wrong on our side. Error id {error_id}.")


def payload_too_large(bytes_max: int) -> Problem:
    """Return a 413 for a body over the limit."""
    return Problem(413, "payload_too_large", f"A body may have at most {bytes_max} bytes.")


_CODE_OF_REFUSAL: Final[Mapping[RefusalCode, ProblemCode]] = MappingProxyType(
    {
        "invalid_json": "invalid_json",
        "invalid_event": "invalid_event",
        "too_old": "too_old",
        "too_large": "too_large",
    }
)
_PROBLEM_OF_STATUS: Final[Mapping[int, tuple[ProblemCode, str]]] = MappingProxyType(
    {
        404: ("not_found", "There is no such route."),
        405: (
            "method_not_allowed",
            "The route does not support this method; see the Allow header.",
        ),
        408: ("request_timeout", "The request did not arrive in time."),
        413: ("payload_too_large", "The body has too many bytes."),
        414: ("uri_too_long", "The query is too long."),
        417: ("expectation_failed", "The only supported expectation is 100-continue."),
    }
)
_MALFORMED: Final[tuple[ProblemCode, str]] = ("bad_request", "The request cannot be understood.")


def problem_of_status(status: int, headers: Mapping[str, str] = _NO_HEADERS) -> Problem:
    """Return the Problem of a 4xx status."""
    code, message = _PROBLEM_OF_STATUS.get(status, _MALFORMED)
    return Problem(status, code, message, headers)


def problem_of(error: web.HTTPException) -> Problem:
    """Return the Problem of an aiohttp 4xx error."""
    allow = error.headers.get("Allow")
    return problem_of_status(error.status, {"Allow": allow} if allow else _NO_HEADERS)
