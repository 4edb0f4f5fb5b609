"""Files served from memory, compressed once, with ETags."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Final

from aiohttp import hdrs, web

from api.http.etags import is_current

IMMUTABLE: Final = "public, max-age=31536000, immutable"
NO_CACHE: Final = "no-cache"
_REFUSED: Final = re.compile(r"q=0(\.0*)?")
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file's content, also compressed, with its ETag and cache policy."""

    content: bytes
    compressed: Mapping[str, bytes]
    """By encoding, the preferred one first; only encodings that make it smaller."""
    content_type: str
    tag: str
    caching: str

    @classmethod
    def of(
        cls,
        content: bytes,
        content_type: str,
        caching: str = NO_CACHE,
        *,
        brotli: bytes | None = None,
    ) -> CachedFile:
        """Return a file; `brotli` is the content as compressed by the build, if it was."""
        encoded = {"br": brotli, "gzip": _gzip(content)}
        return cls(
            content=content,
            compressed={
                name: body
                for name, body in encoded.items()
                if body is not None and len(body) < len(content)
            },
            content_type=content_type,
            tag=blake2b(content, digest_size=16).hexdigest(),
            caching=caching,
        )

    def answer(
        self, request: web.Request, headers: Mapping[str, str] = _NO_HEADERS
    ) -> web.Response:
        """Answer with the content, compressed as the client accepts it, or with 304."""
        sent_headers = {**headers, hdrs.CACHE_CONTROL: self.caching, hdrs.ETAG: f'"{self.tag}"'}
        if is_current(request, self.tag):
            return web.Response(status=304, headers=sent_headers)
        body = self.content
        sent_headers[hdrs.CONTENT_TYPE] = self.content_type
        if self.compressed:
            sent_headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
            accepted = _accepted_encodings(request)
            encoding = next((name for name in self.compressed if name in accepted), None)
            if encoding is not None:
                sent_headers[hdrs.CONTENT_ENCODING] = encoding
                body = self.compressed[encoding]
        return web.Response(body=body, headers=sent_headers)


@lru_cache(maxsize=128)  # tests build the application, with its files, for each case
def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _accepted_encodings(request: web.Request) -> frozenset[str]:
    """Return the encodings that the client accepts; `;q=0` refuses an encoding."""
    accepted = set()
    for item in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower().split(","):
        name, _, parameter = item.partition(";")
        if not _REFUSED.fullmatch(parameter.replace(" ", "")):
            accepted.add(name.strip())
    return frozenset(accepted)
