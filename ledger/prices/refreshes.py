"""Stores the results of price refreshes, and allows one refresh at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("prices/refreshes")


class RefreshAttempt(NamedTuple):
    """A finished refresh from a source; `error` is a sentence if it failed."""

    source: str
    started_at: datetime
    verified: int
    added: int
    proposed: int
    error: str | None


async def lock_refreshes(connection: Connection) -> bool:
    """Return whether no other session refreshes prices, until the connection is closed."""
    return bool(await connection.fetchval(_SQL["lock"]))


async def was_read_since(connection: Connection, source: str, since: datetime) -> bool:
    """Return whether a source was read successfully since a time."""
    return bool(await connection.fetchval(*_SQL.bind("was_read_since", source=source, since=since)))


async def store_attempt(connection: Connection, attempt: RefreshAttempt) -> None:
    """Store the result of a refresh."""
    await connection.execute(*_SQL.bind("store_attempt", **attempt._asdict()))
