"""Costs are read by the index of calls, also before the table has statistics."""

import json
from datetime import UTC, datetime

import pytest

from ledger.postgres.database import connected
from ledger.postgres.partitions import ensure_months
from ledger.postgres.statements import statements
from tests.support.query_plans import plan_nodes
from tests.support.recording import fetch

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
COSTS = """
    INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id, call_id,
                                  service, operation, usage, unit, cost_nano, price_id)
    SELECT gen_random_uuid(), 's', n::text, 'cost.recorded', $1::timestamptz - n * interval '2 minutes',
           'user', 'call-' || n / 10, 'twilio', 'outbound_call', n, 'minutes', n, 1
    FROM generate_series(0, 19999) AS n"""
REQUESTED = 500


@pytest.mark.parametrize(
    ("topic", "name"), [("repricing/repricing", "counted"), ("recording/recording", "voidable")]
)
async def test_only_events_of_the_calls_are_read(database_url: str, topic: str, name: str) -> None:
    async with connected(database_url, name="tests") as connection:
        await ensure_months(connection, [(2025, 10), (2025, 11)])
        await connection.execute(COSTS, NOW)
    query = "SELECT identity, call_id FROM call_cost_events ORDER BY time DESC LIMIT $1"
    requested = await fetch(database_url, query, REQUESTED)
    text, *bound = statements(topic).bind(
        name,
        identities=[row["identity"] for row in requested],
        call_ids=[row["call_id"] for row in requested],
    )
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {text}"
    [(plan,)] = await fetch(database_url, explain, *bound)
    scans = [
        node for node in plan_nodes(json.loads(plan)[0]["Plan"])
        if str(node.get("Relation Name", "")).startswith("call_cost_events")
    ]  # fmt: skip
    read = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in scans
    )
    assert scans
    assert read <= 2 * REQUESTED
