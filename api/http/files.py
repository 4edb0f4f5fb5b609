"""Files served from memory, compressed once, with ETags."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from typing import Final

from aiohttp import ETag, hdrs, web

IMMUTABLE: Final = "public, max-age=31536000, immutable"
NO_CACHE: Final = "no-cache"
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file's content, also gzipped, with its ETag and cache policy."""

    content: bytes
    gzipped: bytes | None
    content_type: str
    tag: str
    caching: str

    @classmethod
    def of(cls, content: bytes, content_type: str, caching: str = NO_CACHE) -> CachedFile:
        """Return a file; with gzipped content if that is smaller."""
        gzipped = gzip.compress(content, mtime=0)
        return cls(
            content=content,
            gzipped=gzipped if len(gzipped) < len(content) else None,
            content_type=content_type,
            tag=blake2b(content, digest_size=16).hexdigest(),
            caching=caching,
        )

    def answer(
        self, request: web.Request, headers: Mapping[str, str] = _NO_HEADERS
    ) -> web.Response:
        """Answer with the content, gzipped if the client accepts that, or with 304."""
        sent_headers = {**headers, hdrs.CACHE_CONTROL: self.caching, hdrs.ETAG: f'"{self.tag}"'}
        if any(known.value in {self.tag, "*"} for known in _known(request)):
            return web.Response(status=304, headers=sent_headers)
        body = self.content
        sent_headers[hdrs.CONTENT_TYPE] = self.content_type
        if self.gzipped is not None:
            sent_headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
            if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower():
                sent_headers[hdrs.CONTENT_ENCODING] = "gzip"
                body = self.gzipped
        return web.Response(body=body, headers=sent_headers)


def _known(request: web.Request) -> tuple[ETag, ...]:
    """Return the ETags that the client has cached."""
    return (request.if_none_match or ()) if hdrs.IF_NONE_MATCH in request.headers else ()
