"""`GET /openapi.json`: the OpenAPI document, generated once and served from memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from aiohttp import web

from api.http.access import Access, Route
from api.http.files import CachedFile
from api.openapi.document import document
from api.openapi.operations import JSON, BareBody, Operation, Tag

_PACKAGE: Final = "cost-analytics"
_NO_VERSION: Final = "0"
_OPERATION: Final = Operation(
    name="getOpenApi",
    tag=Tag.SERVICE,
    summary="Get this document",
    response=BareBody("An OpenAPI document.", {"type": "object"}),
    has_etag=True,
)


class OpenApiRoutes:
    """The route of the OpenAPI document."""

    def __init__(self, described_routes: Sequence[Route]) -> None:
        self._route = Route("GET", "/openapi.json", Access.ANYONE, self.read, _OPERATION)
        description = document([*described_routes, self._route], product_version())
        content = json.dumps(description, ensure_ascii=False, separators=(",", ":")).encode()
        self._file = CachedFile.of(content, JSON)

    def routes(self) -> tuple[Route, ...]:
        return (self._route,)

    async def read(self, request: web.Request) -> web.Response:
        """Return the routes, types and errors of this API as an OpenAPI document."""
        return self._file.answer(request)


def product_version() -> str:
    """Return the version of the installed package; `0` if it is not installed."""
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:
        return _NO_VERSION
