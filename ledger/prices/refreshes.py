"""Stores the results of price refreshes, and allows one refresh at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("prices/refreshes")

SOURCE_STALE_AFTER: Final = timedelta(days=2)
"""Sources are read daily; one that was not read for this long is stale."""
_SHOWN_FOR: Final = timedelta(days=30)


class RefreshAttempt(NamedTuple):
    """A finished refresh from a source; `error` is a sentence if it failed."""

    source: str
    started_at: datetime
    verified: int
    added: int
    proposed: int
    error: str | None


class SourceState(NamedTuple):
    """The last attempt to read a source, and the last successful one.

    `error` is a sentence if the last attempt failed.
    """

    name: str
    tried_at: datetime
    error: str | None
    read_at: datetime | None

    def stale(self, at: datetime) -> bool:
        """Return whether the source was not read for too long."""
        return self.read_at is None or self.read_at + SOURCE_STALE_AFTER < at


async def list_sources(connection: Connection, at: datetime) -> list[SourceState]:
    """Return the sources that were tried in the last 30 days, by name."""
    rows = await connection.fetch(*_SQL.bind("sources", since=at - _SHOWN_FOR))
    return [SourceState(**row) for row in rows]


async def lock_refreshes(connection: Connection) -> bool:
    """Lock price refreshes until the connection is closed; False if another session does them."""
    return bool(await connection.fetchval(_SQL["lock"]))


async def was_read_since(connection: Connection, source: str, since: datetime) -> bool:
    """Return whether a source was read successfully since a time."""
    return bool(await connection.fetchval(*_SQL.bind("was_read_since", source=source, since=since)))


async def store_attempt(connection: Connection, attempt: RefreshAttempt) -> None:
    """Store the result of a refresh."""
    await connection.execute(*_SQL.bind("store_attempt", **attempt._asdict()))
