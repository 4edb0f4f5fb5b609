"""How far calls and days were looked through for anomalies: one row, whose lock is the turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("anomalies/anomalies")


class SweepPosition(NamedTuple):
    """Where the sweep stands; `round_to` is where the present round will have come to, if any."""

    swept_to: datetime
    deep_to: datetime
    closed_on: date
    round_to: datetime | None
    is_deep: bool
    user_id: str


async def lock_sweep(connection: Connection) -> SweepPosition | None:
    """Return where the sweep stands, None where another process has its turn.

    The turn lasts to the end of the caller's transaction.
    """
    row = await connection.fetchrow(_SQL["take_turn"])
    return None if row is None else SweepPosition(*row)


async def store_sweep_position(connection: Connection, sweep: SweepPosition) -> None:
    """Note where the sweep stands."""
    await connection.execute(*_SQL.bind("note_sweep", **sweep._asdict()))


async def next_users(connection: Connection, after: str, since: date, most: int) -> list[str]:
    """Return the next users who had a call on the day `since` or later."""
    rows = await connection.fetch(*_SQL.bind("next_users", after=after, since=since, most=most))
    return [row["user_id"] for row in rows]


async def changed_calls(
    connection: Connection,
    user_ids: Sequence[str],
    begun_since: datetime,
    after: datetime,
    until: datetime,
) -> list[str]:
    """Return the calls of users that last changed after a moment and not later than another."""
    rows = await connection.fetch(
        *_SQL.bind(
            "changed_calls",
            user_ids=user_ids,
            begun_since=begun_since,
            after=after,
            until=until,
        )
    )
    return [row["call_id"] for row in rows]


async def changed_since_found(
    connection: Connection, found_since: datetime, after: datetime, most: int
) -> list[str]:
    """Return calls with something that stands, found lately, that changed after a moment."""
    rows = await connection.fetch(
        *_SQL.bind("changed_since_found", found_since=found_since, after=after, most=most)
    )
    return [row["subject"] for row in rows]
