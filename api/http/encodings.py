"""Decodes compressed bodies (RFC 9110), with a size limit, and only complete ones.

aiohttp's own decoding is off: it ignores unknown encodings, accepts truncated bodies, and fails on
invalid data.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aiohttp import hdrs, web

from api.http.problems import Problem, payload_too_large

_GZIP: Final = frozenset({"gzip", "x-gzip"})
_PLAIN: Final = frozenset({"", "identity"})
ACCEPTED_ENCODINGS: Final[Mapping[str, str]] = MappingProxyType(
    {hdrs.ACCEPT_ENCODING: "gzip, deflate"}
)
"""The header of a 415 that names the supported encodings."""
_ZLIB_METHOD: Final = 8
"""The lower half of the first byte of a zlib header."""


def encoding_of(request: web.Request) -> str:
    """Return a body's encoding, empty if it has none; raises the 415 Problem."""
    encoding = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING, ())).strip().lower()
    if encoding in _PLAIN:
        return ""
    if encoding == "deflate" or encoding in _GZIP:
        return encoding
    raise Problem(
        415,
        "unsupported_media_type",
        "A body may be encoded as gzip or deflate; see the header `Content-Encoding`.",
        ACCEPTED_ENCODINGS,
    )


def decode_body(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return the decoded body; raises the Problem if it is invalid or over `max_bytes`."""
    if not encoding:
        return body
    decompressor = zlib.decompressobj(_window(body, encoding))
    try:
        plain = decompressor.decompress(body, max_bytes + 1)
    except zlib.error:
        raise _broken(f"The body is not valid {encoding}, as `Content-Encoding` says.") from None
    if len(plain) > max_bytes:
        raise payload_too_large(max_bytes)
    if not decompressor.eof:
        raise _broken(f"The body is incomplete: its {encoding} data ends too soon.")
    if decompressor.unused_data:
        raise _broken(f"The body has bytes after the end of its {encoding} data.")
    return plain


def _window(body: bytes, encoding: str) -> int:
    """Return zlib's window bits for gzip, zlib, or raw deflate, which some clients send."""
    if encoding in _GZIP:
        return zlib.MAX_WBITS | 16
    return zlib.MAX_WBITS if body and body[0] & 15 == _ZLIB_METHOD else -zlib.MAX_WBITS


def _broken(message: str) -> Problem:
    return Problem(400, "bad_request", message)
