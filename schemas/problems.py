"""What every failed answer of the REST interface looks like, and the codes it may carry."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

ProblemCode = Literal[
    "bad_request",  # the request is no HTTP that we understand
    "invalid_parameter",  # a part of the path or of the query; the sentence names it
    "invalid_body",  # the body, or a field of it; the sentence names it
    "invalid_json",  # an event that is not UTF-8 JSON
    "invalid_event",  # an event that the stream would refuse; the sentence names the field
    "too_old",  # an event that the stream would refuse: it happened too long ago
    "too_large",  # more bytes than one event may have
    "unauthorized",  # no bearer token, or one that is not valid
    "forbidden",  # another user's, or it does not exist: the two look alike on purpose
    "foreign_source",  # an event of a source that belongs to another service
    "call_finished",  # the call has ended or was charged, so it cannot start any more
    "price_conflict",  # the catalogue has another price, or the proposal was decided otherwise
    "not_found",  # no such route, or no such proposal
    "method_not_allowed",  # the route exists, see the `Allow` header
    "request_timeout",  # the body did not arrive in time
    "payload_too_large",  # more bytes than a body may have
    "unsupported_media_type",  # a `Content-Encoding` other than gzip and deflate
    "uri_too_long",  # more characters than a query may have
    "expectation_failed",  # an `Expect` header other than 100-continue
    "upgrade_required",  # the route is a WebSocket
    "rate_limited",  # too many requests; `Retry-After` says when to come back
    "internal_error",  # a fault of ours; the sentence carries the id it is logged with
    "unavailable",  # something we depend on is gone; `Retry-After` says when to come back
    "not_ready",  # the process is up but cannot serve yet; the sentence says what is missing
]


class Failure(Struct, kw_only=True):
    """`{"success": false, "error": "a sentence", "code": "snake_case"}`."""

    success: bool = False
    error: str
    code: ProblemCode
