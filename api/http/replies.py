"""Success responses: the envelope, and ETags for conditional requests."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from aiohttp import ETag, web
from msgspec import Struct

from api.http.problems import JSON_TYPE
from schemas.jsonio import encode
from schemas.replies import Success

_TAG_BYTES: Final = 16


def reply(data: Struct, status: int = 200) -> web.Response:
    """Return a success response that must not be cached."""
    return _response(encode(Success(data=data)), {"Cache-Control": "no-store"}, status)


def tagged_reply(request: web.Request, data: Struct) -> web.Response:
    """Return 200 with an ETag, or 304 if the client has the current body.

    A client may cache the body but must revalidate it at each request.
    """
    body = encode(Success(data=data))
    tag = blake2b(body, digest_size=_TAG_BYTES).hexdigest()
    headers = {"Cache-Control": "private, no-cache", "ETag": f'"{tag}"'}
    if "If-None-Match" in request.headers and _matches(request.if_none_match, tag):
        return web.Response(status=304, headers=headers)
    return _response(body, headers)


def _matches(given: tuple[ETag, ...] | None, tag: str) -> bool:
    return any(known.value in {tag, "*"} for known in given or ())


def _response(body: bytes, headers: dict[str, str], status: int = 200) -> web.Response:
    return web.Response(status=status, body=body, content_type=JSON_TYPE, headers=headers)
