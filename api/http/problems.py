"""Everything that can go wrong with a request, as an exception and as the one body it becomes."""

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
"""A limit of the API: requests that it refuses are counted under its name."""

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_CHALLENGE: Final = 'Bearer realm="cost-analytics"'


class Problem(Exception):  # noqa: N818 - an answer, not a fault
    """A request that ends in a failure body."""

    def __init__(
        self,
        status: int,
        code: ProblemCode,
        message: str,
        headers: Mapping[str, str] = _NO_HEADERS,
        limit: LimitName | None = None,
    ) -> None:
        """`limit` names the limit that refuses the request."""
        super().__init__(f"{status} {code}")
        self.status = status
        self.code: ProblemCode = code
        self.message = message
        self.headers = headers
        self.limit = limit

    def body(self) -> bytes:
        """Return the JSON that says what went wrong."""
        return encode(Failure(error=self.message, code=self.code))

    def response(self) -> web.Response:
        """Return the answer; nothing may keep it."""
        headers = {"Cache-Control": "no-store", **self.headers}
        return web.Response(
            status=self.status, body=self.body(), content_type=JSON_TYPE, headers=headers
        )


def unauthorized(message: str, *, sent_token: bool = True) -> Problem:
    """401: `message` says what is wrong with the token, never what is in it."""
    error = f', error="invalid_token", error_description="{message}"' if sent_token else ""
    return Problem(401, "unauthorized", message, {"WWW-Authenticate": _CHALLENGE + error})


def forbidden() -> Problem:
    """403: word for word the same for what is another user's and for what does not exist."""
    return Problem(403, "forbidden", "This does not exist, or you may not see it.")


def foreign_origin() -> Problem:
    """403: a page opens a socket that is not among those that may."""
    return Problem(403, "forbidden", "No page of this origin may connect; see CORS_ORIGINS.")


def invalid_parameter(name: str, why: str) -> Problem:
    """400 for a part of the path or of the query."""
    return Problem(400, "invalid_parameter", f"`{name}` {why}.")


def invalid_body(message: str) -> Problem:
    """400 for a body, or for a field that `message` names."""
    return Problem(400, "invalid_body", message)


def refused(refusal: Refused) -> Problem:
    """400 for an event that the stream would refuse, with the code under which it would."""
    code = _OF_REFUSAL.get(refusal.code, "invalid_event")
    return Problem(400, code, refusal.message)


def price_conflict(message: str) -> Problem:
    """409: the catalogue has another price, or a proposal was decided otherwise."""
    return Problem(409, "price_conflict", message)


def not_found(message: str) -> Problem:
    """404 for something that only administrators may request."""
    return Problem(404, "not_found", message)


def rate_limited(
    retry_after_seconds: int, limit: LimitName | None = None, message: str = "Too many requests."
) -> Problem:
    """429 with the time until the next request is welcome; `message` says which limit it is."""
    return Problem(
        429,
        "rate_limited",
        f"{message} Come back in {retry_after_seconds} s.",
        {"Retry-After": str(retry_after_seconds)},
        limit,
    )


def unavailable(what: str, limit: LimitName | None = None) -> Problem:
    """503: something that every answer depends on is gone."""
    return Problem(
        503,
        "unavailable",
        f"{what} is not available right now. Please try again.",
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
        limit,
    )


def internal_error(error_id: str) -> Problem:
    """500: nothing but an id by which the log can be searched."""
    return Problem(500, "internal_error", f"Something went wrong on our side. Error id {error_id}.")


def payload_too_large(bytes_max: int) -> Problem:
    """413: the body is above the limit."""
    return Problem(413, "payload_too_large", f"A body may have at most {bytes_max} bytes.")


_OF_REFUSAL: Final[Mapping[RefusalCode, ProblemCode]] = MappingProxyType(
    {
        "invalid_json": "invalid_json",
        "invalid_event": "invalid_event",
        "too_old": "too_old",
        "too_large": "too_large",
    }
)
_OF_STATUS: Final[Mapping[int, tuple[ProblemCode, str]]] = MappingProxyType(
    {
        404: ("not_found", "There is no such route."),
        405: ("method_not_allowed", "The route does not know this method; see the Allow header."),
        408: ("request_timeout", "The request did not arrive in time."),
        413: ("payload_too_large", "The body has too many bytes."),
        414: ("uri_too_long", "The query is too long."),
        417: ("expectation_failed", "The only expectation that can be met is 100-continue."),
    }
)
_MALFORMED: Final[tuple[ProblemCode, str]] = ("bad_request", "The request cannot be understood.")


def problem_of_status(status: int, headers: Mapping[str, str] = _NO_HEADERS) -> Problem:
    """Return the problem that a bare 4xx status stands for."""
    code, message = _OF_STATUS.get(status, _MALFORMED)
    return Problem(status, code, message, headers)


def problem_of(error: web.HTTPException) -> Problem:
    """Return the problem that one of the framework's own 4xx answers stands for."""
    allow = error.headers.get("Allow")
    return problem_of_status(error.status, {"Allow": allow} if allow else _NO_HEADERS)
