"""Endpoints of vendors' webhooks: made by administrators, each with up to two valid secrets.

Secrets are stored in clear, because an HMAC cannot be verified with a digest of its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from secrets import token_urlsafe
from typing import Any, Final, NamedTuple

import msgspec

from ledger.postgres.database import Connection, Record, affected_rows
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("operations/webhooks")
_NO_VIEWER: Final = Viewer("")

ENDPOINTS_MAX: Final = 200
SECRETS_MAX: Final = 2
"""The secrets of an endpoint that are valid at a time."""
ENDPOINT_ID_BYTES: Final = 24
"""Random bytes of an endpoint's id: 32 characters."""
_SECRET_BYTES: Final = 32

_decode: Final = msgspec.json.decode
_encode: Final = msgspec.json.Encoder(order="sorted").encode


class TooManyEndpointsError(Exception):
    """The maximum number of endpoints exists already."""


class EndpointFields(NamedTuple):
    """What an administrator decides about an endpoint; `settings` are those of its provider."""

    provider: str
    name: str
    user_path: str
    call_path: str | None
    replay_seconds: int
    settings: Mapping[str, Any]


class EndpointSecret(NamedTuple):
    """A secret without its text."""

    secret_id: int
    created_by: str
    created_at: datetime


class ListedEndpoint(NamedTuple):
    """An endpoint without the texts of its secrets, the newest secret first."""

    endpoint_id: str
    fields: EndpointFields
    created_by: str
    created_at: datetime
    accepted_at: datetime | None
    refused_at: datetime | None
    refusal: str | None
    secrets: list[EndpointSecret]


class WebhookEndpoint(NamedTuple):
    """What is needed to verify and read a delivery; the newest secret is first."""

    endpoint_id: str
    provider: str
    user_path: str
    call_path: str | None
    replay_seconds: int
    settings: Mapping[str, Any]
    secrets: tuple[str, ...]


class WebhookStore:
    """Finds endpoints for deliveries. Methods raise StoreUnavailableError."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers

    async def find(self, endpoint_id: str) -> WebhookEndpoint | None:
        """Return an endpoint with its secrets."""
        bound = _SQL.bind("find", endpoint_id=endpoint_id)
        rows = await self._readers.read(_NO_VIEWER, *bound)
        if not rows:
            return None
        provider, user_path, call_path, replay_seconds, settings, secrets = rows[0]
        return WebhookEndpoint(
            endpoint_id,
            provider,
            user_path,
            call_path,
            replay_seconds,
            _decode(settings),
            tuple(secrets),
        )

    async def note(self, endpoint_id: str, refusal: str | None) -> None:
        """Store that a delivery was accepted, or why it was refused."""
        bound = _SQL.bind("note", endpoint_id=endpoint_id, refusal=refusal)
        await self._readers.read(_NO_VIEWER, *bound)

    async def count_held_events(self, at_most: int) -> int:
        """Return the number of held events, up to `at_most`."""
        bound = _SQL.bind("count_held", at_most=at_most)
        return int(await self._readers.read_value(_NO_VIEWER, *bound))


def new_secret() -> str:
    """Return a random secret."""
    return token_urlsafe(_SECRET_BYTES)


async def add_endpoint(
    connection: Connection, fields: EndpointFields, secret: str | None, *, created_by: str
) -> ListedEndpoint:
    """Store a new endpoint with its first secret, if any; raises TooManyEndpointsError."""
    endpoint_id = _new_id()
    values = fields._asdict() | {"settings": _encode(fields.settings).decode()}
    added = _SQL.bind(
        "add", endpoint_id=endpoint_id, created_by=created_by, limit=ENDPOINTS_MAX, **values
    )
    if not affected_rows(await connection.execute(*added)):
        raise TooManyEndpointsError
    if secret is not None:
        await add_secret(connection, endpoint_id, secret, created_by=created_by)
    return await _read(connection, endpoint_id)


async def list_endpoints(connection: Connection) -> list[ListedEndpoint]:
    """Return all endpoints, the newest first."""
    rows = await connection.fetch(_SQL["list"])
    secrets = await _secrets(connection)
    return [_listed(row, secrets) for row in rows]


async def find_endpoint(connection: Connection, endpoint_id: str) -> ListedEndpoint | None:
    """Return an endpoint, locked to the end of the transaction."""
    row = await connection.fetchrow(*_SQL.bind("endpoint", endpoint_id=endpoint_id))
    return None if row is None else _listed(row, await _secrets(connection))


async def add_secret(
    connection: Connection, endpoint_id: str, secret: str, *, created_by: str
) -> None:
    """Add a secret to an endpoint; of the older secrets only the newest one stays valid."""
    kept = _SQL.bind("drop_older_secrets", endpoint_id=endpoint_id, kept=SECRETS_MAX - 1)
    await connection.execute(*kept)
    added = _SQL.bind("add_secret", endpoint_id=endpoint_id, secret=secret, created_by=created_by)
    await connection.execute(*added)


async def delete_secret(connection: Connection, endpoint_id: str, secret_id: int) -> bool:
    """Delete a secret; returns whether the endpoint had it."""
    bound = _SQL.bind("delete_secret", endpoint_id=endpoint_id, secret_id=secret_id)
    return affected_rows(await connection.execute(*bound)) == 1


async def delete_endpoint(connection: Connection, endpoint_id: str) -> bool:
    """Delete an endpoint with its secrets; returns whether there was one."""
    bound = _SQL.bind("delete", endpoint_id=endpoint_id)
    return affected_rows(await connection.execute(*bound)) == 1


def _new_id() -> str:
    """Return a random id that no command takes for an option."""
    while (endpoint_id := token_urlsafe(ENDPOINT_ID_BYTES)).startswith("-"):
        pass
    return endpoint_id


async def _read(connection: Connection, endpoint_id: str) -> ListedEndpoint:
    found = await find_endpoint(connection, endpoint_id)
    if found is None:
        raise RuntimeError("an endpoint that was just added is missing")
    return found


async def _secrets(connection: Connection) -> dict[str, list[EndpointSecret]]:
    """Return the secrets of all endpoints, which are few."""
    secrets: dict[str, list[EndpointSecret]] = {}
    for row in await connection.fetch(_SQL["list_secrets"]):
        secret = EndpointSecret(row["secret_id"], row["created_by"], row["created_at"])
        secrets.setdefault(row["endpoint_id"], []).append(secret)
    return secrets


def _listed(row: Record, secrets: Mapping[str, list[EndpointSecret]]) -> ListedEndpoint:
    values = dict(row)
    decided = {name: values.pop(name) for name in EndpointFields._fields}
    fields = EndpointFields(**(decided | {"settings": _decode(decided["settings"])}))
    return ListedEndpoint(**values, fields=fields, secrets=secrets.get(values["endpoint_id"], []))
