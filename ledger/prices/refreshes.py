"""Keeps what each look at a source of prices came to, and lets one look at a time happen."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("prices/refreshes")


class RefreshAttempt(NamedTuple):
    """A look at a source that is over; `error` is a sentence where it failed."""

    source: str
    started_at: datetime
    verified: int
    added: int
    proposed: int
    error: str | None


async def one_refresh_at_a_time(connection: Connection) -> bool:
    """Return whether no other session refreshes; the lock lasts as long as the connection."""
    return bool(await connection.fetchval(_SQL["one_at_a_time"]))


async def seen_since(connection: Connection, source: str, since: datetime) -> bool:
    """Return whether a source was read successfully since a moment."""
    return bool(await connection.fetchval(*_SQL.bind("seen_since", source=source, since=since)))


async def note_look(connection: Connection, look: RefreshAttempt) -> None:
    """Keep what a look came to."""
    await connection.execute(*_SQL.bind("note", **look._asdict()))
