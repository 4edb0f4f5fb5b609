"""Reads for one user use indexes, however much data others have.

Plans are made in a database with many users and calls, by the restricted role under its policies.
"""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from ledger.postgres.partitions import ensure_months
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer, reader_pool
from tests.support.logins import as_login
from tests.support.query_plans import plan_nodes

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=30)
ALICE = Viewer("alice")
BIG = ("calls", "call_cost_events", "user_days", "user_day_costs")
ADVICE = statements("reports/advice")
CALLS = {
    "user_id": "alice",
    **ALICE.parameters,
    "since": SINCE,
    "before": NOW,
    "calls_max": 2_000,
}
USAGES = ADVICE.bind("usages", **CALLS, examples_max=3, input_units=["input_tokens"])
STANDING = statements("budgets/budgets").bind(
    "budget_status",
    user_id="alice",
    **ALICE.parameters,
    by_cost=False,
    day_start=SINCE,
    day_end=NOW,
    month_start=SINCE,
    month_end=NOW,
    since=SINCE,
    calls_max=1_000,
    alerts_max=10,
)
READS: list[tuple[Any, ...]] = [
    STANDING,
    statements("forecasts/forecast").bind(
        "days", user_id="alice", **ALICE.parameters, since=SINCE.date()
    ),
    ADVICE.bind("calls", **CALLS),
    USAGES,
    ADVICE.bind("charges", **CALLS, examples_max=3),
]
MANY = (
    """INSERT INTO calls (call_id, user_id, first_at, updated_at)
       SELECT 'call-' || n, CASE WHEN n % 100 = 0 THEN 'alice' ELSE 'user-' || n % 99 END,
              $1::timestamptz - n * interval '8 minutes', $1
         FROM generate_series(1, 4000) AS n""",
    """INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id, call_id,
                                     service, operation, usage, unit, cost_nano)
       SELECT gen_random_uuid(), 's', n::text, 'cost.recorded', first_at, user_id, call_id,
              'twilio', 'outbound_call', n, 'minutes', n
         FROM calls, generate_series(1, 4) AS n WHERE first_at >= $1""",
    """INSERT INTO user_days SELECT 'user-' || u, $1::timestamptz::date - d, '', 1, 1, 1, 0
         FROM generate_series(1, 100) AS u, generate_series(0, 60) AS d""",
    """INSERT INTO user_day_costs SELECT user_id, day, '', 'twilio', 1 FROM user_days
        WHERE day <= $1::timestamptz::date""",
)  # fmt: skip


@pytest.fixture
async def readers(database_url: str) -> AsyncIterator[ReaderPool]:
    connection = await asyncpg.connect(database_url)
    try:
        await ensure_months(connection, [(2025, 10), (2025, 11)])
        for statement, moment in zip(MANY, (NOW, SINCE, NOW, NOW), strict=True):
            await connection.execute(statement, moment)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    async with reader_pool(as_login(database_url, "api")) as readers:
        yield readers


async def test_no_read_scans_a_whole_table(readers: ReaderPool) -> None:
    for statement, *arguments in READS:
        async with readers.reading(ALICE) as connection:
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            [(text,)] = await connection.fetch(explain, *arguments)
        found = plan_nodes(json.loads(text)[0]["Plan"])
        tables = [node for node in found if str(node.get("Relation Name", "")).startswith(BIG)]
        assert tables, statement
        for node in tables:
            nothing = node["Actual Rows"] == node.get("Rows Removed by Filter", 0) == 0
            assert nothing or "Seq Scan" not in node["Node Type"], (statement, node)
        scans = [node for node in found if "Index Cond" in node]
        assert all(re.search(r"\((user_id|call_id) = ", node["Index Cond"]) for node in scans), (
            statement
        )


async def test_reads_touch_no_events_of_other_users(readers: ReaderPool) -> None:
    """Alice has 40 of 4,000 calls; event rows that are read are hers."""
    async with readers.reading(ALICE) as connection:
        statement, *arguments = USAGES
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
        [(text,)] = await connection.fetch(explain, *arguments)
    plan = json.loads(text)[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 1_500
    [recorded] = [node for node in plan_nodes(plan) if node.get("Subplan Name") == "CTE recorded"]
    assert recorded["Actual Rows"] == 4 * 40
    [lines] = [node for node in plan_nodes(plan) if "hashed SubPlan" in node.get("Filter", "")]
    assert lines["Actual Rows"] == 4 * 40
