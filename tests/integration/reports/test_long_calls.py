"""The work of reading a call is linear in its events."""

import json
from datetime import UTC, datetime
from typing import Any

import asyncpg

from ledger.postgres.partitions import ensure_months
from ledger.postgres.statements import statements
from tests.support.long_calls import EVENTS, rows_read

AT = datetime(2025, 11, 19, tzinfo=UTC)
READS: dict[str, tuple[str, dict[str, Any]]] = {
    "reports/costs": ("call", {"lines_max": 1_000}),
    "reports/lists": ("events", {"after_time": None, "after_key": None, "limit": 100_000}),
}
ALICE = {"call_id": "call-1", "viewer_id": "alice", "reads_all": False}


async def test_reading_a_call_is_linear_in_its_events(database_url: str) -> None:
    """Four times the events make four times the rows to read, also with four times the voids."""
    connection = await asyncpg.connect(database_url)
    reads: dict[str, list[float]] = {name: [] for name in READS}
    try:
        await ensure_months(connection, [(2025, 11)])
        await connection.execute(
            "INSERT INTO calls (call_id, user_id, first_at, updated_at) "
            "VALUES ('call-1', 'alice', $1, $1)",
            AT,
        )
        for events in (1_000, 4_000):
            await connection.execute("TRUNCATE call_cost_events")
            await connection.execute(EVENTS, events, AT, 1)
            for module, (name, values) in READS.items():
                statement, *bound = statements(module).bind(name, **ALICE, **values)
                explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
                [(plan,)] = await connection.fetch(explain, *bound)
                reads[module].append(rows_read(json.loads(plan)[0]["Plan"]) / events)
    finally:
        await connection.close()
    for module, (of_short, of_long) in reads.items():
        assert of_long < 2 * of_short, module
