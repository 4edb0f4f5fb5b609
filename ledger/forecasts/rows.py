"""Reads the data of a forecast: a user's days, limits and spend, at one time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from ledger.budgets.budgets import Budgets
from ledger.forecasts.forecast import HISTORY_DAYS_MAX, CurrentSpend, DayTotals
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("forecasts/forecast")
_days: Final = msgspec.json.Decoder(list[DayTotals])


class DayHistory(NamedTuple):
    """A user's days in order, without empty ones, and the spend of the budget."""

    first_day: date | None
    days: list[DayTotals]
    spend: CurrentSpend


class UserDays(NamedTuple):
    """A user's days in order, without empty ones, and the first day ever."""

    first_day: date | None
    days: list[DayTotals]


async def read_days(connection: Connection, user_id: str, now: datetime) -> UserDays:
    """Return the days that a forecast learns from, for a process that reads all users."""
    since = now.date() - timedelta(days=HISTORY_DAYS_MAX)
    viewer = Viewer(user_id)
    [row] = await connection.fetch(
        *_SQL.bind("days", user_id=user_id, **viewer.parameters, since=since)
    )
    return UserDays(row["first_day"], _days.decode(row["days"] or "[]"))


async def history(
    readers: ReaderPool, budgets: Budgets, viewer: Viewer, user_id: str, now: datetime
) -> DayHistory:
    """Return the data of a forecast; raises StoreUnavailableError.

    Empty for a viewer without access to the user.
    """
    since = now.date() - timedelta(days=HISTORY_DAYS_MAX)
    async with readers.comparing(viewer) as connection:
        [row] = await connection.fetch(
            *_SQL.bind("days", user_id=user_id, **viewer.parameters, since=since)
        )
        limits = await budgets.limits(connection, viewer, user_id)
        status = await budgets.read_status_on(connection, viewer, limits, now)
    spend = CurrentSpend(
        limits,
        budgets.basis,
        status.day,
        status.month,
        status.day_nano,
        status.month_nano,
        status.burn_rate,
    )
    return DayHistory(row["first_day"], _days.decode(row["days"] or "[]"), spend)
