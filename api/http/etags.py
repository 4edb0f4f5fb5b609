"""Conditional requests: compares the ETags in `If-None-Match`."""

from __future__ import annotations

from aiohttp import web


def client_etags(request: web.Request) -> tuple[str, ...]:
    """Return the ETags of the bodies that the client has; `*` stands for any."""
    return tuple(etag.value for etag in request.if_none_match or ())


def is_current(request: web.Request, tag: str) -> bool:
    """Return whether the client has the body with this ETag."""
    return any(etag in {tag, "*"} for etag in client_etags(request))
