"""How long filters and groups of many calls take, from the calls and from the sums of periods."""

import os
import time
from datetime import UTC, datetime, timedelta

from ledger.postgres.partitions import ensure_months, month_of
from ledger.postgres.viewers import slow_reader_pool
from ledger.reports.summing import sum_periods
from tests.support.api import ApiClient, served, token
from tests.support.ledger_rows import LedgerRowWriter, rows
from tests.support.logins import as_login
from tests.support.parts import figures

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
USER, ALL_USERS = "/api/costs/user/alice", "/api/admin/costs/analytics"
ROOT = token("root", role="admin")
MANY = int(os.environ.get("GROUPED_CALLS", "10000"))
SECONDS_MAX = 20.0
"""For a report of many calls, on a busy machine."""


async def test_many_calls_are_grouped_in_time(database_url: str) -> None:
    """`GROUPED_CALLS=1000000` prints the figures of the benchmark."""
    async with (
        rows(database_url) as ledger,
        slow_reader_pool(as_login(database_url, "api")) as readers,
        served(readers, today=NOW.date()) as api,
    ):
        await write_many(ledger)
        await assert_answers(api, f"{USER}/spending", MANY // 100, "of a user")
        if MANY <= 100_000:
            await assert_answers(api, ALL_USERS, MANY, "from the calls")
        began = time.monotonic()
        periods = await sum_periods(ledger.connection, datetime.now(UTC))
        size = await ledger.connection.fetchval("SELECT pg_total_relation_size('period_sums')")
        took = time.monotonic() - began
        figures.append(f"{MANY} calls, {periods} periods summed: {took:.1f} s, {size} bytes")
        await assert_answers(api, ALL_USERS, MANY, "from sums")
        late = f"UPDATE calls SET first_at = first_at - interval '1 ms' WHERE call_id = 'call-{MANY // 2}'"
        await ledger.connection.execute(late)
        await assert_answers(api, ALL_USERS, MANY, "from sums, a call of a day changed")


async def assert_answers(api: ApiClient, path: str, calls: int, source: str) -> None:
    """Assert that groups and filters answer in time, and report their seconds."""
    for query in ("groupBy=tag:campaign", "groupBy=model", "tag=campaign:c20&tag=campaign:c21"):
        took = []
        for _ in range(3):
            began = time.monotonic()
            body = (await api.ask("GET", f"{path}?{query}", bearer=ROOT)).data
            took.append(time.monotonic() - began)
        if "tag:" in query:
            listed = len(body["groups"]["groups"])
            assert (body["totalCalls"], listed) == (calls, 2 if path.startswith(USER) else 20)
        figures.append(f"{calls} calls {source}, {query}: {sorted(took)[1] * 1000:.0f} ms")
        assert min(took) < SECONDS_MAX * max(1, MANY // 100_000)


async def write_many(ledger: LedgerRowWriter) -> None:
    """Write MANY calls of all users in 29 days, each hundredth of alice."""
    await ledger.connection.execute(
        """
        INSERT INTO calls (call_id, user_id, status, duration_ms, first_at, updated_at, costs, charges, tags)
        SELECT 'call-' || n, CASE WHEN n % 100 = 0 THEN 'alice' ELSE 'user-' || n % 1000 END, 'completed',
               n % 700 * 1000, at, at,
               jsonb_build_object(at::date, jsonb_build_object(
                   'twilio', n, 'deepgram', 2, 'cerebras', 3, 'elevenlabs', n % 1013, 'raindrop', 4,
                   'vultr', 5, 'vercel', 6, 'stripe', 7)),
               jsonb_build_object(at::date, jsonb_build_array(n % 499, 0)),
               jsonb_build_object('campaign', 'c' || n % 40, 'team', 't' || n % 5)
          FROM (SELECT n, $1::timestamptz - n * interval '29 days' / $2::integer AS at
                  FROM generate_series(1, $2::integer) AS n) AS numbers
        """,
        NOW,
        MANY,
    )
    await ensure_months(ledger.connection, {month_of(NOW - timedelta(days=n)) for n in range(31)})
    await ledger.connection.execute(
        """
        INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id, call_id, service, operation,
                                      model, usage, unit, cost_nano, price_id)
        SELECT gen_random_uuid(), 'many', call_id || place, 'cost.recorded', first_at, user_id, call_id,
               service, 'x', model, 1, 'requests', 1, 1
          FROM calls, (VALUES (1, 'cerebras', 'llama3.1-8b'), (2, 'cerebras', 'llama3.1-70b'),
                              (3, 'deepgram', 'nova-2'), (4, 'deepgram', 'nova-2')) AS s (place, service, model)
         ORDER BY first_at
        """
    )
    await ledger.connection.execute("ANALYZE calls, call_cost_events")
