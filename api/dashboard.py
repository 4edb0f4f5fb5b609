"""Serves the dashboard: the files that `tools/web` built from web/, compressed and in memory.

Scripts and styles carry a hash of their content in their names, so browsers cache them for
a year; the page itself is revalidated at each request. The files need no token, because they
contain no data: the page requests data from the API with the user's token.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from api.http.access import Access, Route
from api.http.files import IMMUTABLE, NO_CACHE, CachedFile

PAGES: Final = (
    "/",
    "/spending",
    "/outlook",
    "/calls/{callId}",
    "/budget",
    "/everyone",
    "/prices",
    "/connect",
    "/control",
    "/docs",
    "/docs/messages",
)
"""The paths that the page handles itself, so that each can be reloaded and shared."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ASSET_HEADERS: Final = {"Cross-Origin-Resource-Policy": "same-origin"}
_HEADERS: Final = {
    **_ASSET_HEADERS,
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
}
_HTML: Final = "text/html"
_BROTLI: Final = ".br"
"""The suffix of the Brotli file that the build writes beside each file."""
_NOT_BUILT: Final = """\
The dashboard has not been built here.

    tools/web build

builds it in a checkout (`make run` does so by itself); then start this process again.
Everything else works: see /health, /openapi.json, and the routes below /api.
"""


class DashboardRoutes:
    """The routes of the page and of its parts."""

    def __init__(self, directory: Path) -> None:
        """Read all files into memory; without any, the page explains how to build them."""
        self._files = {
            path.relative_to(directory).as_posix(): _read(path, directory)
            for path in sorted(directory.rglob("*"))
            if path.is_file() and path.suffix != _BROTLI
        }

    def routes(self) -> tuple[Route, ...]:
        pages = (Route("GET", path, Access.ANYONE, self.page) for path in PAGES)
        return (*pages, Route("GET", "/assets/{name}", Access.ANYONE, self.asset))

    async def page(self, request: web.Request) -> web.Response:
        """Answer any of the page's paths with the page."""
        page = self._files.get("index.html")
        if page is None:
            return web.Response(
                status=503, text=_NOT_BUILT, headers={hdrs.CACHE_CONTROL: "no-store"}
            )
        return page.answer(request, _HEADERS)

    def page_not_found(self, request: web.Request) -> web.Response | None:
        """Answer a browser with the page, which says that the address is wrong; else None.

        Clients of the API get a problem as JSON.
        """
        page = self._files.get("index.html")
        is_get = request.method in {hdrs.METH_GET, hdrs.METH_HEAD}
        is_page = not request.path.startswith(("/api/", "/assets/"))
        if page is None or not (is_get and is_page and _HTML in request.headers.get("Accept", "")):
            return None
        return web.Response(
            status=404,
            body=page.content,
            headers={
                **_HEADERS,
                hdrs.CONTENT_TYPE: page.content_type,
                hdrs.CACHE_CONTROL: NO_CACHE,
            },
        )

    async def asset(self, request: web.Request) -> web.Response:
        """Answer with a script, a style or an image of the page."""
        asset = self._files.get(f"assets/{request.match_info['name']}")
        if asset is None:
            raise web.HTTPNotFound
        return asset.answer(request, _ASSET_HEADERS)


def _read(path: Path, directory: Path) -> CachedFile:
    brotli = path.with_name(path.name + _BROTLI)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return CachedFile.of(
        path.read_bytes(),
        f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        IMMUTABLE if path.parent != directory else NO_CACHE,
        brotli=brotli.read_bytes() if brotli.exists() else None,
    )
