"""Reads and writes of the anomaly sweep; the lock of its row lets one process sweep at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("anomalies/anomalies")


class SweepPosition(NamedTuple):
    """The position of the sweep.

    All changes of calls until `swept_to` are checked, and those of several days until `deep_to`,
    by a round of the day `closed_on`. The current round, if any, checks changes until `round_to`;
    `user_id` is its last user.
    """

    swept_to: datetime
    deep_to: datetime
    closed_on: date
    round_to: datetime | None
    is_deep: bool
    user_id: str


async def lock_sweep(connection: Connection) -> SweepPosition | None:
    """Lock and return the sweep's position; None if another process has locked it.

    The lock lasts to the end of the caller's transaction.
    """
    row = await connection.fetchrow(_SQL["lock_sweep"])
    return None if row is None else SweepPosition(*row)


async def store_sweep_position(connection: Connection, sweep: SweepPosition) -> None:
    """Store the sweep's position."""
    await connection.execute(*_SQL.bind("store_position", **sweep._asdict()))


async def next_users(connection: Connection, after: str, since: date, limit: int) -> list[str]:
    """Return the next users with a call on or after the day `since`."""
    rows = await connection.fetch(*_SQL.bind("next_users", after=after, since=since, limit=limit))
    return [row["user_id"] for row in rows]


async def changed_calls(
    connection: Connection,
    user_ids: Sequence[str],
    begun_since: datetime,
    after: datetime,
    until: datetime,
) -> list[str]:
    """Return the calls of users that last changed after `after`, up to `until`."""
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
    connection: Connection, found_since: datetime, after: datetime, limit: int
) -> list[str]:
    """Return calls with a recent open anomaly that changed after `after`."""
    rows = await connection.fetch(
        *_SQL.bind("changed_since_found", found_since=found_since, after=after, limit=limit)
    )
    return [row["subject"] for row in rows]
