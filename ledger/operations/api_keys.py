"""Keys of services: made by administrators, stored as digests, revocable at any time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer
from schemas.api_keys import KEY_PREFIX, KeyScope

_SQL: Final = statements("operations/api_keys")
_NO_VIEWER: Final = Viewer("")

ACTIVE_KEYS_MAX: Final = 20
"""The maximum number of active keys of a service."""
LISTED_MAX: Final = 1_000
REFUSED_WITHIN: Final = timedelta(minutes=1)
"""How long before a report is noted its events may have been refused."""
_SECRET_BYTES: Final = 32
_HINT_CHARACTERS: Final = len(KEY_PREFIX) + 4


class TooManyKeysError(Exception):
    """The service already has the maximum number of active keys."""


class ApiKey(NamedTuple):
    """A key without its secret; `hint` are its first characters."""

    key_id: int
    hint: str
    service: str
    scopes: list[KeyScope]
    created_by: str
    created_at: datetime
    revoked_by: str | None
    revoked_at: datetime | None
    accepted_at: datetime | None
    accepted_call_id: str | None
    refused_at: datetime | None
    refusal: str | None


class ReportedCallRow(NamedTuple):
    """The call of a report: without a user, its events are held."""

    call_id: str
    user_id: str | None
    status: str
    event_count: int
    held_count: int
    cost_nano: int


class RefusedEventRow(NamedTuple):
    """An event that was accepted, and refused when it was to be counted."""

    code: str
    message: str
    refused_at: datetime


class KeyReport(NamedTuple):
    """A key, the call of its last accepted report, and a refused event of that call."""

    key: ApiKey
    call: ReportedCallRow | None = None
    refused: RefusedEventRow | None = None


class KeyHolder(NamedTuple):
    """The service of a key, and what it permits; a revoked key permits nothing."""

    key_id: int
    service: str
    scopes: frozenset[KeyScope]
    is_revoked: bool = False


class KeyStore:
    """Finds keys, and notes their reports. Raises StoreUnavailableError."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers

    async def find(self, digest: bytes) -> KeyHolder | None:
        """Return the holder of a key, also of a revoked one; None if it is unknown."""
        rows = await self._readers.read(_NO_VIEWER, *_SQL.bind("find", digest=digest))
        if not rows:
            return None
        key_id, service, scopes, is_revoked = rows[0]
        return KeyHolder(key_id, service, frozenset(scopes), is_revoked)

    async def note(self, key_id: int, call_id: str | None, refusal: str | None) -> None:
        """Store that a key reported events of a call, or why its report was refused."""
        note = _SQL.bind("note", key_id=key_id, call_id=call_id, refusal=refusal)
        await self._readers.read(_NO_VIEWER, *note)


def digest_of(key: str) -> bytes:
    """Return the digest that is stored in place of a key."""
    return sha256(key.encode()).digest()


async def add_key(
    connection: Connection, service: str, scopes: Collection[KeyScope], *, created_by: str
) -> tuple[str, ApiKey]:
    """Store a new key; returns its text, which is not stored. Raises TooManyKeysError."""
    key = KEY_PREFIX + token_urlsafe(_SECRET_BYTES)
    added = _SQL.bind(
        "add",
        digest=digest_of(key),
        hint=key[:_HINT_CHARACTERS],
        service=service,
        scopes=sorted(set(scopes)),
        created_by=created_by,
        limit=ACTIVE_KEYS_MAX,
    )
    row = await connection.fetchrow(*added)
    if row is None:
        raise TooManyKeysError
    return key, ApiKey(*row)


async def list_keys(connection: Connection) -> list[ApiKey]:
    """Return active keys, then revoked ones, at most LISTED_MAX."""
    rows = await connection.fetch(*_SQL.bind("list", limit=LISTED_MAX))
    return [ApiKey(*row) for row in rows]


async def revoke_key(connection: Connection, key_id: int, *, revoked_by: str) -> ApiKey | None:
    """Revoke a key and return it, None for an unknown one. A revoked key stays as it is."""
    await connection.execute(*_SQL.bind("revoke", key_id=key_id, revoked_by=revoked_by))
    row = await connection.fetchrow(*_SQL.bind("key", key_id=key_id))
    return None if row is None else ApiKey(*row)


async def unconfirmed_keys(connection: Connection) -> list[ApiKey]:
    """Return active keys that may have been revoked, because a restore undoes revocations.

    These are the keys that are older than the last restore or recovery and were not confirmed
    since.
    """
    return [ApiKey(*row) for row in await connection.fetch(_SQL["unconfirmed"])]


async def confirm_keys(connection: Connection, key_ids: Collection[int]) -> set[int]:
    """Store that keys are not revoked; returns those of them that are active."""
    confirm = _SQL.bind("confirm", key_ids=list(key_ids))
    return {row["key_id"] for row in await connection.fetch(*confirm)}


async def may_read_keys(connection: Connection) -> bool:
    """Return whether the login of the session may read keys."""
    return bool(await connection.fetchval(_SQL["may_read"]))


async def read_report(connection: Connection, key_id: int) -> KeyReport | None:
    """Return what became of a key's last report; None if there is no such key."""
    row = await connection.fetchrow(*_SQL.bind("key", key_id=key_id))
    if row is None:
        return None
    key = ApiKey(*row)
    if key.accepted_at is None or key.accepted_call_id is None:
        return KeyReport(key)
    call = await connection.fetchrow(*_SQL.bind("reported_call", call_id=key.accepted_call_id))
    since = key.accepted_at - REFUSED_WITHIN
    event = _SQL.bind("refused_event", call_id=key.accepted_call_id, since=since)
    refused = await connection.fetchrow(*event)
    return KeyReport(
        key,
        None if call is None else ReportedCallRow(*call),
        None if refused is None else RefusedEventRow(*refused),
    )
