"""Keys of services, for administrators: `/api/admin/keys`."""

from __future__ import annotations

from typing import Final, cast

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_json
from api.http.identifiers import identifier_error
from api.http.options import RequestLimits
from api.http.parameters import path_number
from api.http.problems import invalid_body, not_found
from api.http.replies import reply, tagged_reply
from api.openapi.operations import Operation, Tag
from ledger.operations.api_keys import (
    ACTIVE_KEYS_MAX,
    ApiKey,
    ReportedCallRow,
    TooManyKeysError,
    add_key,
    list_keys,
    read_report,
    revoke_key,
)
from ledger.postgres.viewers import ReaderPool
from schemas.api_keys import (
    ApiKeyItem,
    ApiKeyList,
    ApiKeyReport,
    NewApiKey,
    RefusedEvent,
    ReportedCall,
    WantedApiKey,
)
from schemas.events import CallStatus
from schemas.money import Usd

_PATH: Final = "/api/admin/keys"
_LIST: Final = Operation(
    name="listApiKeys",
    tag=Tag.KEYS,
    summary="List the keys of services",
    response=ApiKeyList,
    has_etag=True,
)
_REPORT: Final = Operation(
    name="getApiKeyReport",
    tag=Tag.KEYS,
    summary="Get a key and its last report of events",
    response=ApiKeyReport,
    error_statuses=(404,),
)
_CREATE: Final = Operation(
    name="createApiKey",
    tag=Tag.KEYS,
    summary="Create a key for a service",
    response=NewApiKey,
    body=WantedApiKey,
    example={"service": "voice-bot", "scopes": ["ingest"]},
)
_REVOKE: Final = Operation(
    name="revokeApiKey",
    tag=Tag.KEYS,
    summary="Revoke a key",
    response=ApiKeyItem,
    error_statuses=(404,),
)


class ApiKeyRoutes:
    """The routes of keys."""

    def __init__(self, readers: ReaderPool, limits: RequestLimits) -> None:
        self._readers = readers
        self._limits = limits

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", _PATH, Access.ADMIN, self.list, _LIST),
            Route("POST", _PATH, Access.ADMIN, self.create, _CREATE),
            Route("GET", f"{_PATH}/{{keyId}}", Access.ADMIN, self.report, _REPORT),
            Route("DELETE", f"{_PATH}/{{keyId}}", Access.ADMIN, self.revoke, _REVOKE),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return all keys, without their secrets."""
        async with self._readers.reading(request[CALLER].viewer) as connection:
            keys = await list_keys(connection)
        return tagged_reply(request, ApiKeyList(keys=[*map(item, keys)]))

    async def create(self, request: web.Request) -> web.Response:
        """Create a key; only this response contains it."""
        wanted = await read_json(request, self._limits, WantedApiKey)
        if (flaw := identifier_error(wanted.service)) is not None:
            raise invalid_body(f"`service` {flaw}.")
        caller = request[CALLER]
        try:
            async with self._readers.writing(caller.viewer) as connection:
                key, created = await add_key(
                    connection, wanted.service, wanted.scopes, created_by=caller.author
                )
        except TooManyKeysError:
            raise invalid_body(
                f"`service` has {ACTIVE_KEYS_MAX} active keys, the maximum. Revoke one first."
            ) from None
        return reply(NewApiKey(key=key, item=item(created)))

    async def report(self, request: web.Request) -> web.Response:
        """Return a key with its last report: counted, held, refused, or on its way."""
        key_id = path_number(request, "keyId", "a key")
        async with self._readers.reading(request[CALLER].viewer) as connection:
            found = await read_report(connection, key_id)
        if found is None:
            raise not_found(f"There is no key {key_id}.")
        call, event = found.call, found.refused
        return reply(
            ApiKeyReport(
                item=item(found.key),
                call_id=found.key.accepted_call_id,
                call=None if call is None else _call(call),
                refused_event=None if event is None else RefusedEvent(**event._asdict()),
            )
        )

    async def revoke(self, request: web.Request) -> web.Response:
        """Revoke a key; it is refused within a second."""
        caller, key_id = request[CALLER], path_number(request, "keyId", "a key")
        async with self._readers.writing(caller.viewer) as connection:
            revoked = await revoke_key(connection, key_id, revoked_by=caller.author)
        if revoked is None:
            raise not_found(f"There is no key {key_id}.")
        return reply(item(revoked))


def item(key: ApiKey) -> ApiKeyItem:
    """Return a key as a list item."""
    return ApiKeyItem(
        id=key.key_id,
        hint=key.hint,
        service=key.service,
        scopes=key.scopes,
        created_by=key.created_by,
        created_at=key.created_at,
        revoked_by=key.revoked_by,
        revoked_at=key.revoked_at,
        accepted_at=key.accepted_at,
        refused_at=key.refused_at,
        refusal=key.refusal,
    )


def _call(call: ReportedCallRow) -> ReportedCall:
    return ReportedCall(
        call_id=call.call_id,
        user_id=call.user_id,
        status=cast(CallStatus, call.status),
        events=call.event_count,
        held_events=call.held_count,
        total_cost=Usd(call.cost_nano),
    )
