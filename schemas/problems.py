"""The body of a failed request, and its error codes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

ProblemCode = Literal[
    "bad_request",  # not a valid HTTP request
    "invalid_parameter",  # in the path or the query; `error` names it
    "invalid_body",  # the body or one of its fields; `error` names it
    "invalid_json",  # an event that is not UTF-8 JSON
    "invalid_event",  # an event that the stream would refuse; `error` names the field
    "too_old",  # an event that happened too long ago
    "too_large",  # an event above the size limit
    "unauthorized",  # a missing or invalid bearer token
    "forbidden",  # another user's or unknown; the same code on purpose
    "foreign_source",  # an event with a source of another service
    "call_finished",  # the call cannot start: it has ended or was charged
    "cost_recorded",  # a cost to reserve is recorded already
    "price_conflict",  # the catalogue or the decision about the proposal differs
    "plan_conflict",  # there is another charge plan of the same scope and time
    "erasure_refused",  # not confirmed, a user id that is not in the data, or writers are busy
    "too_many_budgets",  # the user has as many scoped budgets as are allowed
    "not_found",  # no such route, or no such proposal
    "method_not_allowed",  # the route exists, see the `Allow` header
    "request_timeout",  # the body did not arrive in time
    "payload_too_large",  # a body above the size limit
    "unsupported_media_type",  # a `Content-Encoding` or `Content-Type` that is not read
    "uri_too_long",  # a query above the length limit
    "expectation_failed",  # an `Expect` header other than 100-continue
    "upgrade_required",  # the route is a WebSocket
    "rate_limited",  # too many requests; see the `Retry-After` header
    "internal_error",  # a server error; `error` contains its id in the log
    "unavailable",  # a dependency is unavailable; see the `Retry-After` header
    "not_ready",  # the process cannot serve yet; `error` says why
]


class Failure(Struct, kw_only=True):
    """`{"success": false, "error": "a sentence", "code": "snake_case"}`."""

    success: bool = False
    error: str
    code: ProblemCode
