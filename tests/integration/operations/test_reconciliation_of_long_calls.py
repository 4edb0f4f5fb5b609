"""Reconciliation reads each event a few times, however many events a call has."""

import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ledger.postgres.partitions import ensure_months
from ledger.postgres.statements import statements
from tests.support.long_calls import DECISIONS, EVENTS, rows_read

DAY = datetime(2025, 11, 19, tzinfo=UTC)
WEEK = {"reads_all": True, "since": DAY - timedelta(days=6), "until": DAY + timedelta(days=1)}
READS_OF_AN_EVENT_MAX = 30
SHAPES = [(3, 1_000), (3, 4_000), (1_000, 4), (4_000, 4)]
"""Calls, and events of each."""


async def reads_of_an_event(database_url: str, calls: int, events: int, analyze: bool) -> float:
    """Return how often a row is read for each event of `calls` calls of `events` events."""
    connection = await asyncpg.connect(database_url)
    try:
        await ensure_months(connection, [(2025, 11)])
        await connection.execute("TRUNCATE call_cost_events")
        await connection.execute(EVENTS, events, DAY - timedelta(days=1), calls)
        await connection.execute(DECISIONS)
        if analyze:
            await connection.execute("ANALYZE")
        statement, *values = statements("operations/reconciliation").bind("from_events", **WEEK)
        [(plan,)] = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
        counted = await connection.fetch(statement, *values)
    finally:
        await connection.close()
    costs = events - 2 * (events // 50)
    assert sum(row["cost_nano"] for row in counted) == calls * (costs * 14 + 1)
    assert sum(row["calls"] for row in counted) == calls
    return rows_read(json.loads(plan)[0]["Plan"]) / (calls * events)


@pytest.mark.parametrize("analyze", [False, True], ids=["without statistics", "with statistics"])
async def test_work_is_linear_in_events_and_calls(database_url: str, analyze: bool) -> None:
    for calls, events in SHAPES:
        reads = await reads_of_an_event(database_url, calls, events, analyze)
        assert reads < READS_OF_AN_EVENT_MAX, f"{calls} calls of {events} events"
