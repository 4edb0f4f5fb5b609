"""Ends temporary raises of limits: raises the alerts that are due by the limit after a raise."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from ledger.budgets.active_calls import call_of_row
from ledger.budgets.alert_rows import limits_of
from ledger.budgets.alerting import Alerting
from ledger.budgets.budgets import ACTIVE_CALLS_MAX
from ledger.budgets.scoped import raise_ends_at, stored_budgets, without_ended_raises
from ledger.budgets.thresholds import CALL_CLOSES_AFTER
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("budgets/budgets")


async def end_raises(connection: Connection, alerting: Alerting, now: datetime) -> int:
    """End the raises that are over, one user after another.

    Each is ended once, by whichever process locks the user's settings first. Returns the number of
    alerts and commands to send. Raises OSError or a PostgreSQL error.
    """
    messages = 0
    while True:
        async with connection.transaction():
            row = await connection.fetchrow(*_SQL.bind("lock_ended_raise", now=now))
            if row is None:
                return messages
            before = limits_of(row)
            limits = replace(before, budgets=without_ended_raises(before.budgets, now))
            viewer = {"user_id": limits.user_id, "viewer_id": limits.user_id, "reads_all": True}
            budgets = stored_budgets(limits.budgets)
            ends_at = raise_ends_at(limits.budgets)
            change = _SQL.bind("change_budgets", **viewer, budgets=budgets, raise_ends_at=ends_at)
            await connection.execute(*change)
            since = now - CALL_CLOSES_AFTER
            active = _SQL.bind("active_calls", **viewer, since=since, limit=ACTIVE_CALLS_MAX)
            calls = [call_of_row(call) for call in await connection.fetch(*active)]
            messages += await alerting.review_user(connection, limits, calls, now)
