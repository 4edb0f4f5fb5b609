"""`verify` reads each event a few times, however many calls there are."""

from datetime import UTC, datetime, timedelta

import asyncpg

from ledger.operations.verification import verify_on
from ledger.postgres.partitions import ensure_months
from tests.support.long_calls import DECISIONS, EVENTS, CountingConnection

DAY = datetime(2025, 11, 19, tzinfo=UTC)
READS_OF_AN_EVENT_MAX = 400
"""By all comparisons together, several of which read every event for each of their parts."""
SHAPES = [(3, 1_000), (1_000, 4), (4_000, 4)]
"""Calls, and events of each."""
LARGE = "UPDATE pg_class SET reltuples = 100 * reltuples WHERE relname LIKE 'call_cost_events_20%'"
"""Lets the planner expect a large ledger."""


async def test_work_is_linear_in_events_and_calls(database_url: str) -> None:
    connection = await asyncpg.connect(database_url, connection_class=CountingConnection)
    try:
        await ensure_months(connection, [(2025, 11)])
        for calls, events in SHAPES:
            await connection.execute("TRUNCATE call_cost_events")
            await connection.execute(EVENTS, events, DAY - timedelta(days=1), calls)
            await connection.execute(DECISIONS)
            await connection.execute("ANALYZE")
            await connection.execute(LARGE)
            connection.reads = 0
            found = await verify_on(connection)
            assert found.differences >= calls, "the calls have no totals"
            reads = connection.reads / (calls * events)
            assert reads < READS_OF_AN_EVENT_MAX, f"{calls} calls of {events} events"
    finally:
        await connection.close()
