"""CORS: which origins may call the API from a browser; exact origins, never with cookies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

_METHODS: Final = "GET, HEAD, PUT, POST, DELETE, OPTIONS"
_REQUEST_HEADERS: Final = "Authorization, Content-Type, Idempotency-Key, If-None-Match"
_EXPOSED_HEADERS: Final = "Content-Disposition, ETag, Retry-After, WWW-Authenticate"
_MAX_AGE_SECONDS: Final = "600"


class Cors:
    """Answers preflight requests and adds CORS headers; `*` allows every origin.

    Credentials are never allowed: tokens travel in a header that a page must set itself.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origin.rstrip("/") for origin in origins)

    def preflight(self, request: web.Request) -> web.Response | None:
        """Return the response to a preflight request; None for any other request."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        response = web.Response(status=204)
        if self._allows(request.headers.get("Origin")):
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = _REQUEST_HEADERS
            response.headers["Access-Control-Max-Age"] = _MAX_AGE_SECONDS
        return response

    def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the CORS headers if the request's origin is allowed."""
        if not self._origins:
            return
        if not self._any:
            response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin is not None and self._allows(origin):
            response.headers["Access-Control-Allow-Origin"] = "*" if self._any else origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS

    def may_open(self, request: web.Request) -> bool:
        """Return whether the Origin may open a socket: our own page, an allowed one, or none."""
        origin = request.headers.get("Origin")
        if origin is None or self._allows(origin):
            return True
        return origin.partition("://")[2] == request.host

    def _allows(self, origin: str | None) -> bool:
        return origin is not None and (self._any or origin in self._origins)
