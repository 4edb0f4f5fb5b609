"""Sums periods of calls at once, as a worker does in the background."""

from __future__ import annotations

from datetime import datetime, timedelta

from ledger.postgres.database import connected
from ledger.reports.summing import SummingDelays, sum_periods
from tests.support.recording import fetch

AT_ONCE = SummingDelays(timedelta(0), timedelta(0), timedelta(0))


async def sum_at_once(database_url: str, now: datetime) -> int:
    """Sum all hours and days that are over at `now`; returns the number of summed periods."""
    async with connected(database_url, name="test summing") as connection:
        return await sum_periods(connection, now, delays=AT_ONCE)


async def unchanged_periods(database_url: str) -> int:
    """Return the number of periods whose sums a report reads."""
    query = """SELECT count(*) FROM summed_periods AS p JOIN period_sums USING (starts) WHERE NOT EXISTS (
               SELECT FROM changed_hours AS h
                WHERE h.hour >= p.starts AND h.hour < p.ends OR h.hour = '-infinity')"""
    [(number,)] = await fetch(database_url, query)
    return int(number)
