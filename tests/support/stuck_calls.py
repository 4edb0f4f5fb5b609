"""Checks for stuck calls as a worker does, at chosen times."""

from datetime import UTC, datetime, timedelta

import asyncpg

from ledger.postgres.database import connected
from ledger.prices.price_book import PriceBook
from ledger.stuck_calls.detection import StuckCallDetector, StuckCalls
from ledger.stuck_calls.rules import CallLimits
from tests.support.recording import fetch

LIMITS = CallLimits(timedelta(seconds=120), timedelta(hours=4))


def detector(*, ends_calls: bool = False) -> StuckCallDetector:
    """Return a detector that knows of no call yet."""
    return StuckCallDetector(LIMITS, "charged", ends_calls=ends_calls)


async def check_calls(
    database_url: str, until: datetime, using: StuckCallDetector | None = None
) -> StuckCalls:
    """Check all due calls of a stream that is counted until a time."""
    prices = PriceBook()
    async with connected(database_url, name="stuck calls") as connection:
        await prices.refresh(connection)
        return await (using or detector()).run_once(
            connection, prices.catalogue, until, datetime.now(UTC)
        )


async def call_row(database_url: str, call_id: str | None = None) -> asyncpg.Record:
    """Return the row of a call, by default of the only one."""
    rows = await fetch(
        database_url, "SELECT * FROM calls WHERE $1::text IS NULL OR call_id = $1", call_id
    )
    assert len(rows) == 1
    return rows[0]
