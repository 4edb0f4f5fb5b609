"""An export reads each archived cost a few times, however many calls its month has."""

from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from ledger.operations.archives import Archiver
from ledger.operations.verification import rebuild
from ledger.postgres.partitions import ensure_months
from ledger.postgres.statements import statements
from tests.support.long_calls import EVENTS, CountingConnection

START, END = datetime(2025, 10, 1, tzinfo=UTC), datetime(2025, 11, 1, tzinfo=UTC)
MONTH = {"since": START, "until": END, "user_id": None, "processor": "stripe"}
COSTS_OF_A_CALL = 17
READS_OF_AN_EVENT_MAX = 3


async def test_work_is_linear_in_calls(database_url: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(database_url, connection_class=CountingConnection)
    try:
        await ensure_months(connection, [(2025, month) for month in range(1, 13)])
        for calls in (250, 1_000):
            await connection.execute(
                "TRUNCATE call_cost_events, calls, sealed_calls, sealed_voids, archived_costs"
            )
            await connection.execute(EVENTS, COSTS_OF_A_CALL, START, calls)
            await rebuild(database_url)
            await Archiver(database_url, tmp_path / str(calls)).archive(END.date())
            await ensure_months(connection, [(2025, 10)])
            await connection.execute("ANALYZE")
            connection.reads = 0
            rows = await connection.fetch(*statements("reports/focus").bind("costs", **MONTH))
            assert len(rows) == calls
            reads = connection.reads / (calls * COSTS_OF_A_CALL)
            assert reads < READS_OF_AN_EVENT_MAX, f"{calls} calls"
    finally:
        await connection.close()
