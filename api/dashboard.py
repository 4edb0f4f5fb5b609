"""Serves the dashboard: the files that `tools/web` built from web/, held in memory.

One small page whose scripts and styles carry a hash of their content in their names: those are kept
by browsers for ever, the page itself is asked for each time. No token is needed to get it, because
nothing in it is anybody's data; it asks the API for those with the token it was given.
"""

from __future__ import annotations

import gzip
import mimetypes
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from aiohttp import ETag, hdrs, web

from api.access import Access, Route

PAGES: Final = (
    "/",
    "/spending",
    "/outlook",
    "/calls/{callId}",
    "/budget",
    "/everyone",
    "/prices",
)
"""The addresses that the page itself makes sense of, so that each can be reloaded and shared."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_EACH_TIME: Final = "no-cache"
_NOT_BUILT: Final = """\
The dashboard has not been built here.

    tools/web build

builds it in a checkout (`make run` does so by itself); then start this process again.
Everything else works: see /health, and the routes below /api.
"""


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    gzipped: bytes | None
    content_type: str
    tag: str
    caching: str

    def answer(self, request: web.Request) -> web.Response:
        """Answer with the content, gzipped where that is welcome, or 304."""
        headers = _HEADERS | {hdrs.CACHE_CONTROL: self.caching, hdrs.ETAG: f'"{self.tag}"'}
        if any(known.value in {self.tag, "*"} for known in _known(request)):
            return web.Response(status=304, headers=headers)
        body = self.content
        headers[hdrs.CONTENT_TYPE] = self.content_type
        if self.gzipped is not None:
            headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
            if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower():
                headers[hdrs.CONTENT_ENCODING] = "gzip"
                body = self.gzipped
        return web.Response(body=body, headers=headers)


class Dashboard:
    """The routes of the page and of its parts."""

    def __init__(self, directory: Path) -> None:
        """Read all files; where there are none, the page says how to make them."""
        self._files = {
            path.relative_to(directory).as_posix(): _read(path, directory)
            for path in sorted(directory.rglob("*"))
            if path.is_file()
        }

    def routes(self) -> tuple[Route, ...]:
        """Return the routes."""
        pages = (Route("GET", path, Access.ANYONE, self.page) for path in PAGES)
        return (*pages, Route("GET", "/assets/{name}", Access.ANYONE, self.asset))

    async def page(self, request: web.Request) -> web.Response:
        """Answer with the page, whichever of its addresses was asked for."""
        page = self._files.get("index.html")
        if page is None:
            return web.Response(
                status=503, text=_NOT_BUILT, headers={hdrs.CACHE_CONTROL: "no-store"}
            )
        return page.answer(request)

    async def asset(self, request: web.Request) -> web.Response:
        """Answer with a script, a style or a picture of the page."""
        asset = self._files.get(f"assets/{request.match_info['name']}")
        if asset is None:
            raise web.HTTPNotFound
        return asset.answer(request)


def _read(path: Path, directory: Path) -> _File:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    gzipped = gzip.compress(content, mtime=0)
    return _File(
        content=content,
        gzipped=gzipped if len(gzipped) < len(content) else None,
        content_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        tag=blake2b(content, digest_size=16).hexdigest(),
        caching=_FOR_EVER if path.parent != directory else _ASK_EACH_TIME,
    )


def _known(request: web.Request) -> tuple[ETag, ...]:
    """Return the tags of what the browser has already."""
    return (request.if_none_match or ()) if hdrs.IF_NONE_MATCH in request.headers else ()
