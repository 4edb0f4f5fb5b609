"""Calls with very many events, and how many rows a query reads of them."""

import json
from collections import Counter
from typing import Any

import asyncpg

EVENTS = """
    INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id, call_id, service,
                                  operation, usage, unit, cost_nano, voids)
    SELECT md5(call || ' ' || n)::uuid, 'test', n::text,
           CASE WHEN n % 50 = 0 THEN 'cost.voided' ELSE 'cost.recorded' END,
           $2::timestamptz + n * interval '1 second', 'alice', 'call-' || call, 'twilio',
           'outbound_call', 1, 'minutes', CASE WHEN n % 50 = 0 THEN 0 ELSE 14 END,
           CASE WHEN n % 50 = 0 THEN md5(call || ' ' || n - 1)::uuid END
    FROM generate_series(1, $3::integer) AS call, generate_series(1, $1::integer) AS n
"""
"""$1 events, one a second from $2, of each of $3 calls; one of 50 voids the cost before it."""
DECISIONS = """
    INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id, call_id, data)
    SELECT md5('decision ' || call_id)::uuid, 'test', call_id, 'call.settled', min(time), 'alice', call_id,
           '{"infrastructure":{"vultr":1},"defaultCharge":0,"defaultFee":0,"version":2}'
    FROM call_cost_events GROUP BY call_id
"""
"""The decision of the ledger about each call."""


def events_read(plan: dict[str, Any]) -> Counter[str]:
    """Return how many rows a plan read of each partition of `call_cost_events` that it searched."""
    found: Counter[str] = Counter()
    for child in plan.get("Plans", []):
        found.update(events_read(child))
    table = plan.get("Relation Name", "")
    if table.startswith("call_cost_events") and plan["Actual Loops"]:
        removed = plan.get("Rows Removed by Filter", 0)
        found[table] += int((plan["Actual Rows"] + removed) * plan["Actual Loops"])
    return found


def rows_read(plan: dict[str, Any]) -> int:
    """Return the number of rows that all nodes of a plan produced or removed."""
    own = plan["Actual Rows"] + sum(
        number for name, number in plan.items() if name.startswith("Rows Removed by")
    )
    return int(own * plan["Actual Loops"]) + sum(map(rows_read, plan.get("Plans", [])))


class CountingConnection(asyncpg.Connection):
    """Counts the rows that the plan of each query reads."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.reads = 0

    async def fetch(self, query: str, *values: Any, **options: Any) -> Any:
        plan = await super().fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *values, **options)
        self.reads += rows_read(json.loads(plan[0][0])[0]["Plan"])
        return await super().fetch(query, *values, **options)
