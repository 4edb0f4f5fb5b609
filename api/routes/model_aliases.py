"""Aliases of models for administrators: `/api/admin/prices/aliases`."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_json
from api.http.options import RequestLimits
from api.http.parameters import SERVICE, service_of
from api.http.problems import invalid_body
from api.http.replies import reply, tagged_reply
from api.openapi.operations import Operation, Tag
from ledger.postgres.viewers import ReaderPool
from ledger.prices.aliases import InvalidAliasError, enter_aliases, list_aliases, new_alias
from schemas.prices import ModelAlias, ModelAliasEntered, ModelAliasEntry, ModelAliasList

_PATH: Final = "/api/admin/prices/aliases"
_LIST: Final = Operation(
    name="listModelAliases",
    tag=Tag.PRICES,
    summary="List the aliases of models",
    response=ModelAliasList,
    has_etag=True,
    query=(SERVICE,),
)
_ENTER: Final = Operation(
    name="enterModelAlias",
    tag=Tag.PRICES,
    summary="Add or end an alias of a model",
    response=ModelAliasEntered,
    body=ModelAliasEntry,
    example={"service": "openai", "alias": "our-deployment", "model": "gpt-4-turbo"},
)


class ModelAliasRoutes:
    """The routes of aliases."""

    def __init__(self, readers: ReaderPool, limits: RequestLimits) -> None:
        self._readers = readers
        self._limits = limits

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", _PATH, Access.ADMIN, self.list, _LIST),
            Route("POST", _PATH, Access.ADMIN, self.enter, _ENTER),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return past, present and future aliases."""
        service = service_of(request)
        async with self._readers.reading(request[CALLER].viewer) as connection:
            found = await list_aliases(connection, service)
        aliases = [ModelAlias(**alias._asdict()) for alias in found]
        return tagged_reply(request, ModelAliasList(aliases=aliases))

    async def enter(self, request: web.Request) -> web.Response:
        """Add an alias, or end it."""
        entry = await read_json(request, self._limits, ModelAliasEntry)
        caller = request[CALLER]
        fields = {
            "service": entry.service,
            "alias": entry.alias,
            "model": entry.model or "",
            "effective_from": entry.effective_from.isoformat() if entry.effective_from else "",
            "source": entry.source or "",
        }
        try:
            alias = new_alias(fields, source=f"entered by {caller.user_id}")
            async with self._readers.writing(caller.viewer) as connection:
                added, _ = await enter_aliases(connection, [alias], set_by=caller.author)
        except InvalidAliasError as error:
            raise invalid_body(str(error)) from None
        return reply(ModelAliasEntered(result="entered" if added else "known"))
