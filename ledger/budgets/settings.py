"""Reads and writes users' settings, and the active calls that a change of them concerns.

The caller has opened the transaction, and locked the settings before it writes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ledger.budgets.active_calls import call_of_row
from ledger.budgets.alert_rows import limits_of
from ledger.budgets.call_steps import stored_steps
from ledger.budgets.limits import Limits
from ledger.budgets.scoped import raise_ends_at, stored_budgets
from ledger.budgets.thresholds import CALL_CLOSES_AFTER
from ledger.calls.call import Call
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer

_SQL: Final = statements("budgets/budgets")

ACTIVE_CALLS_MAX: Final = 1_000


async def read_settings(connection: Connection, viewer: Viewer, user_id: str) -> Limits:
    """Return a user's limits; none for a viewer without access."""
    row = await connection.fetchrow(*_SQL.bind("settings", user_id=user_id, **viewer.parameters))
    return Limits(user_id=user_id) if row is None else limits_of(row)


async def lock_settings(connection: Connection, viewer: Viewer, user_id: str) -> Limits:
    """Lock a user's settings against batches and other changes, and return the limits."""
    of_user = {"user_id": user_id, **viewer.parameters}
    lock = _SQL.bind("lock_settings", **of_user)
    row = await connection.fetchrow(*lock)
    if row is None:
        await connection.execute(*_SQL.bind("open_settings", **of_user))
        row = await connection.fetchrow(*lock)
    return Limits(user_id=user_id) if row is None else limits_of(row)


async def write_settings(connection: Connection, viewer: Viewer, limits: Limits) -> None:
    """Store a user's settings, except for scoped budgets."""
    await connection.execute(
        *_SQL.bind(
            "change_settings",
            user_id=limits.user_id,
            **viewer.parameters,
            daily_nano=limits.daily_nano,
            monthly_nano=limits.monthly_nano,
            call_nano=limits.call_nano,
            daily_version=limits.daily_version,
            monthly_version=limits.monthly_version,
            call_version=limits.call_version,
            warning_percent=limits.warning_percent,
            thresholds=list(limits.extra_thresholds),
            timezone=limits.timezone,
            auto_cutoff=limits.auto_cutoff,
            call_steps=stored_steps(limits.call_steps),
        ),
    )


async def write_budgets(connection: Connection, viewer: Viewer, limits: Limits) -> None:
    """Store a user's scoped budgets."""
    await connection.execute(
        *_SQL.bind(
            "change_budgets",
            user_id=limits.user_id,
            **viewer.parameters,
            budgets=stored_budgets(limits.budgets),
            raise_ends_at=raise_ends_at(limits.budgets),
        )
    )


async def read_active_calls(
    connection: Connection, viewer: Viewer, user_id: str, now: datetime
) -> list[Call]:
    """Return a user's active calls, the latest first, with costs, persona and tags only."""
    rows = await connection.fetch(
        *_SQL.bind(
            "active_calls",
            user_id=user_id,
            **viewer.parameters,
            since=now - CALL_CLOSES_AFTER,
            limit=ACTIVE_CALLS_MAX,
        )
    )
    return [call_of_row(row) for row in rows]
