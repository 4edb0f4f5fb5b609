"""Reads the spend of all users, of services and of tags over all users."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from ledger.budgets.scope_rows import read_tag_spend
from ledger.budgets.scoped import SERVICE, SpendScope
from ledger.budgets.windows import SpendWindow
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from schemas.alerts import SpendBasis

_SQL: Final = statements("budgets/everyone")


async def read_everyone_spend(
    connection: Connection, windows: Sequence[SpendWindow], basis: SpendBasis
) -> list[int]:
    """Return the spend of windows of whole UTC days, in nano-dollars; of a service its cost."""
    if not windows:
        return []
    scopes = [window.scope for window in windows if window.scope is not None]
    statement = _SQL.bind(
        "spent",
        dimensions=[scope.dimension for scope in scopes],
        values=[scope.value for scope in scopes],
        first_days=[window.start.date() for window in windows],
        end_days=[window.end.date() for window in windows],
        by_cost=basis == "cost",
    )
    return [int(row["nano"]) for row in await connection.fetch(*statement)]


async def read_everyone_spend_since(
    connection: Connection, scope: SpendScope, since: datetime, basis: SpendBasis
) -> int:
    """Return the spend of all users or of a tag since a time in UTC, in nano-dollars.

    0 for a service: its cost is only kept by day.
    """
    if scope.selects_calls:
        return await read_tag_spend(connection, scope, since, basis)
    if scope.dimension == SERVICE:
        return 0
    first_day = since.date()
    statement = _SQL.bind("spent_since", since=since, first_day=first_day, by_cost=basis == "cost")
    return int(await connection.fetchval(*statement))


async def read_everyone_costs(connection: Connection, first: date, end: date) -> dict[str, int]:
    """Return the cost of all users from a UTC day to before another, by service."""
    statement = _SQL.bind("costs", first_day=first, end_day=end)
    return {row["service"]: row["nano"] for row in await connection.fetch(*statement)}
