"""Reads the data of a forecast: a user's days, limits and spend, at one time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from ledger.budgets.budgets import Budgets
from ledger.budgets.settings import read_settings
from ledger.forecasts.forecast import HISTORY_DAYS_MAX, CurrentSpend, DayTotals
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("forecasts/forecast")
_days: Final = msgspec.json.Decoder(list[DayTotals])


class UserDays(NamedTuple):
    """A user's days in order, without empty ones, and the first day ever."""

    first_day: date | None
    days: list[DayTotals]


class ForecastData(NamedTuple):
    """A user's days, and the current spend of the user's budget."""

    history: UserDays
    spend: CurrentSpend


async def read_days(
    connection: Connection, viewer: Viewer, user_id: str, now: datetime
) -> UserDays:
    """Return the days that a forecast learns from; none for a viewer without access."""
    since = now.date() - timedelta(days=HISTORY_DAYS_MAX)
    [row] = await connection.fetch(
        *_SQL.bind("days", user_id=user_id, **viewer.parameters, since=since)
    )
    return UserDays(row["first_day"], _days.decode(row["days"] or "[]"))


async def read_forecast_data(
    readers: ReaderPool, budgets: Budgets, viewer: Viewer, user_id: str, now: datetime
) -> ForecastData:
    """Return the data of a forecast; raises StoreUnavailableError.

    Empty for a viewer without access to the user.
    """
    async with readers.reading_snapshot(viewer) as connection:
        history = await read_days(connection, viewer, user_id, now)
        limits = await read_settings(connection, viewer, user_id)
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
    return ForecastData(history, spend)
