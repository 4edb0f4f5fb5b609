"""Reads and writes of the anomaly sweep; a lock of its row ensures that one process sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("anomalies/anomalies")


class SweepPosition(NamedTuple):
    """The position of the sweep.

    Recent calls that changed until `swept_to` are checked. Calls of several days are checked once a
    day, by a deep round: those that changed until `deep_to`, last on the day `closed_on`. The
    current round, if any, checks changes until `round_to`; `user_id` is the last user it checked.
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
    began_since: datetime,
    changed_after: datetime,
    changed_until: datetime,
) -> list[str]:
    """Return the users' calls that began since a time and whose last change is in a range."""
    rows = await connection.fetch(
        *_SQL.bind(
            "changed_calls",
            user_ids=user_ids,
            began_since=began_since,
            changed_after=changed_after,
            changed_until=changed_until,
        )
    )
    return [row["call_id"] for row in rows]


async def changed_calls_with_anomaly(
    connection: Connection, detected_since: datetime, changed_after: datetime, limit: int
) -> list[str]:
    """Return calls that changed after `changed_after` and have a recent open anomaly."""
    rows = await connection.fetch(
        *_SQL.bind(
            "changed_calls_with_anomaly",
            detected_since=detected_since,
            changed_after=changed_after,
            limit=limit,
        )
    )
    return [row["subject"] for row in rows]
