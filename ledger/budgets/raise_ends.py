"""Ends temporary raises of limits, and sends the alerts that are due by the lower limits."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from ledger.budgets.alert_rows import limits_of
from ledger.budgets.alerting import Alerting
from ledger.budgets.scoped import without_ended_raises
from ledger.budgets.settings import read_active_calls, write_budgets
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer

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
            viewer = Viewer(limits.user_id, reads_all=True)
            await write_budgets(connection, viewer, limits)
            calls = await read_active_calls(connection, viewer, limits.user_id, now)
            messages += await alerting.review_user(connection, limits, calls, now)
