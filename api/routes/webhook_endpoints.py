"""Endpoints of vendors' webhooks, for administrators: `/api/admin/webhooks`."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_json
from api.http.options import RequestLimits
from api.http.parameters import path_number
from api.http.problems import invalid_body, not_found
from api.http.replies import reply, tagged_reply
from api.openapi.operations import Operation, Tag
from api.webhooks.endpoint_checks import InvalidEndpointError, prepare, prepare_secret
from ledger.operations.webhooks import (
    ENDPOINTS_MAX,
    ListedEndpoint,
    TooManyEndpointsError,
    add_endpoint,
    add_secret,
    delete_endpoint,
    delete_secret,
    find_endpoint,
    list_endpoints,
)
from ledger.postgres.database import Connection
from ledger.postgres.viewers import ReaderPool
from schemas.webhooks import (
    NewWebhookEndpoint,
    WantedWebhookEndpoint,
    WantedWebhookSecret,
    WebhookEndpointItem,
    WebhookEndpointList,
    WebhookSecretItem,
)

_PATH: Final = "/api/admin/webhooks"
_OF_ENDPOINT: Final = f"{_PATH}/{{endpointId}}"
_SECRETS: Final = f"{_OF_ENDPOINT}/secrets"
_LIST: Final = Operation(
    name="listWebhookEndpoints",
    tag=Tag.WEBHOOKS,
    summary="List the endpoints of vendors' webhooks",
    response=WebhookEndpointList,
    has_etag=True,
)
_CREATE: Final = Operation(
    name="createWebhookEndpoint",
    tag=Tag.WEBHOOKS,
    summary="Create an endpoint for a vendor's webhooks",
    response=NewWebhookEndpoint,
    body=WantedWebhookEndpoint,
    example={"provider": "vapi", "name": "Vapi, production"},
)
_DELETE: Final = Operation(
    name="deleteWebhookEndpoint",
    tag=Tag.WEBHOOKS,
    summary="Delete an endpoint with its secrets",
    response=WebhookEndpointItem,
    error_statuses=(404,),
)
_ADD_SECRET: Final = Operation(
    name="addWebhookSecret",
    tag=Tag.WEBHOOKS,
    summary="Add a secret; of the older ones only the newest stays valid",
    response=NewWebhookEndpoint,
    body=WantedWebhookSecret,
    example={},
    error_statuses=(404,),
)
_DELETE_SECRET: Final = Operation(
    name="deleteWebhookSecret",
    tag=Tag.WEBHOOKS,
    summary="Delete a secret",
    response=WebhookEndpointItem,
    error_statuses=(404,),
)


class WebhookEndpointRoutes:
    """The routes of endpoints."""

    def __init__(self, readers: ReaderPool, limits: RequestLimits) -> None:
        self._readers = readers
        self._limits = limits

    def routes(self) -> tuple[Route, ...]:
        remove_secret = f"{_SECRETS}/{{secretId}}"
        return (
            Route("GET", _PATH, Access.ADMIN, self.list, _LIST),
            Route("POST", _PATH, Access.ADMIN, self.create, _CREATE),
            Route("DELETE", _OF_ENDPOINT, Access.ADMIN, self.delete, _DELETE),
            Route("POST", _SECRETS, Access.ADMIN, self.add_secret, _ADD_SECRET),
            Route("DELETE", remove_secret, Access.ADMIN, self.delete_secret, _DELETE_SECRET),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return all endpoints, without their secrets."""
        async with self._readers.reading(request[CALLER].viewer) as connection:
            endpoints = await list_endpoints(connection)
        return tagged_reply(request, WebhookEndpointList(endpoints=[*map(item, endpoints)]))

    async def create(self, request: web.Request) -> web.Response:
        """Create an endpoint; only this response contains a generated secret."""
        wanted = await read_json(request, self._limits, WantedWebhookEndpoint)
        caller = request[CALLER]
        try:
            fields, secret, generated = prepare(wanted)
            async with self._readers.writing(caller.viewer) as connection:
                added = await add_endpoint(connection, fields, secret, created_by=caller.author)
        except InvalidEndpointError as error:
            raise invalid_body(str(error)) from None
        except TooManyEndpointsError:
            raise invalid_body(
                f"There are {ENDPOINTS_MAX} endpoints, the maximum. Delete one first."
            ) from None
        return reply(NewWebhookEndpoint(item=item(added), secret=generated))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete an endpoint; its deliveries are refused within a second."""
        endpoint_id = request.match_info["endpointId"]
        async with self._readers.writing(request[CALLER].viewer) as connection:
            found = await _require_endpoint(connection, endpoint_id)
            await delete_endpoint(connection, endpoint_id)
        return reply(item(found))

    async def add_secret(self, request: web.Request) -> web.Response:
        """Add a secret; only this response contains a generated one."""
        wanted = await read_json(request, self._limits, WantedWebhookSecret)
        caller, endpoint_id = request[CALLER], request.match_info["endpointId"]
        async with self._readers.writing(caller.viewer) as connection:
            found = await _require_endpoint(connection, endpoint_id)
            try:
                secret, generated = prepare_secret(found.fields.provider, wanted.secret)
            except InvalidEndpointError as error:
                raise invalid_body(str(error)) from None
            await add_secret(connection, endpoint_id, secret, created_by=caller.author)
            changed = await _require_endpoint(connection, endpoint_id)
        return reply(NewWebhookEndpoint(item=item(changed), secret=generated))

    async def delete_secret(self, request: web.Request) -> web.Response:
        """Delete a secret; deliveries that are signed with it are refused within a second."""
        endpoint_id, secret_id = (
            request.match_info["endpointId"],
            path_number(request, "secretId", "a secret"),
        )
        async with self._readers.writing(request[CALLER].viewer) as connection:
            await _require_endpoint(connection, endpoint_id)
            if not await delete_secret(connection, endpoint_id, secret_id):
                raise not_found(f"The endpoint has no secret {secret_id}.")
            changed = await _require_endpoint(connection, endpoint_id)
        return reply(item(changed))


def item(endpoint: ListedEndpoint) -> WebhookEndpointItem:
    """Return an endpoint as a list item."""
    fields = endpoint.fields
    return WebhookEndpointItem(
        id=endpoint.endpoint_id,
        provider=fields.provider,
        name=fields.name,
        path=f"/api/webhooks/{fields.provider}/{endpoint.endpoint_id}",
        user_path=fields.user_path,
        call_path=fields.call_path,
        replay_window_seconds=fields.replay_seconds,
        settings=dict(fields.settings),
        created_by=endpoint.created_by,
        created_at=endpoint.created_at,
        accepted_at=endpoint.accepted_at,
        refused_at=endpoint.refused_at,
        refusal=endpoint.refusal,
        secrets=[
            WebhookSecretItem(
                id=secret.secret_id, created_by=secret.created_by, created_at=secret.created_at
            )
            for secret in endpoint.secrets
        ],
    )


async def _require_endpoint(connection: Connection, endpoint_id: str) -> ListedEndpoint:
    """Return an endpoint; raises the 404 Problem."""
    found = await find_endpoint(connection, endpoint_id)
    if found is None:
        raise not_found("There is no such endpoint.")
    return found
