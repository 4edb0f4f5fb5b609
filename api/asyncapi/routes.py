"""`GET /asyncapi.json`: the AsyncAPI document, generated once and served from memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from api.asyncapi.document import document
from api.http.access import Access, Route
from api.http.files import CachedFile
from api.openapi.operations import JSON, BareBody, Operation, Tag
from api.openapi.routes import product_version

_OPERATION: Final = Operation(
    name="getAsyncApi",
    tag=Tag.SERVICE,
    summary="Get the description of the Kafka topics and of the live feed's messages",
    response=BareBody("An AsyncAPI document.", {"type": "object"}),
    has_etag=True,
)


class AsyncApiRoutes:
    """The route of the AsyncAPI document."""

    def __init__(self, described_routes: Sequence[Route]) -> None:
        description = document(described_routes, product_version())
        content = json.dumps(description, ensure_ascii=False, separators=(",", ":")).encode()
        self._file = CachedFile.of(content, JSON)

    def routes(self) -> tuple[Route, ...]:
        return (Route("GET", "/asyncapi.json", Access.ANYONE, self.read, _OPERATION),)

    async def read(self, request: web.Request) -> web.Response:
        """Return the topics, the live feed and their messages as an AsyncAPI document."""
        return self._file.answer(request)
