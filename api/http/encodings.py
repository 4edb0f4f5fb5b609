"""Takes the encoding off a body (RFC 9110): bounded, and only off one that is whole.

The framework does not do it here: it takes an encoding that it does not know for none and a part of
a body for all of it, and fails at bytes that are not what they are said to be.
"""

from __future__ import annotations

import zlib
from typing import Final

from aiohttp import hdrs, web

from api.http.problems import Problem, payload_too_large

_GZIP: Final = frozenset({"gzip", "x-gzip"})
_PLAIN: Final = frozenset({"", "identity"})
_TAKEN: Final = "gzip, deflate"
_ZLIB_METHOD: Final = 8
"""The lower half of the first byte of whatever zlib has put its own head before."""


def encoding_of(request: web.Request) -> str:
    """Return the encoding of a body, empty for a plain one; raises the 415 Problem."""
    encoding = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING, ())).strip().lower()
    if encoding in _PLAIN:
        return ""
    if encoding == "deflate" or encoding in _GZIP:
        return encoding
    raise Problem(
        415,
        "unsupported_media_type",
        "A body may be encoded as gzip or deflate; see the header `Content-Encoding`.",
        {hdrs.ACCEPT_ENCODING: _TAKEN},
    )


def decoded(body: bytes, encoding: str, most: int) -> bytes:
    """Return a body without its encoding; raises the Problem for one that is broken or too large.

    `most` is the limit in bytes.
    """
    if not encoding:
        return body
    unpacking = zlib.decompressobj(_window(body, encoding))
    try:
        plain = unpacking.decompress(body, most + 1)
    except zlib.error:
        raise _broken(f"The body is not {encoding}, as its `Content-Encoding` says.") from None
    if len(plain) > most:
        raise payload_too_large(most)
    if not unpacking.eof:
        raise _broken(f"The body is not whole: its {encoding} ends too soon.")
    if unpacking.unused_data:
        raise _broken(f"The body has bytes after the end of its {encoding}.")
    return plain


def _window(body: bytes, encoding: str) -> int:
    """Return what zlib has to expect: the head of gzip, its own, or none, as some clients send."""
    if encoding in _GZIP:
        return zlib.MAX_WBITS | 16
    return zlib.MAX_WBITS if body and body[0] & 15 == _ZLIB_METHOD else -zlib.MAX_WBITS


def _broken(message: str) -> Problem:
    return Problem(400, "bad_request", message)
