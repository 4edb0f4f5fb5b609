"""Writes a small ledger with every kind of row, months that are archived or expired included."""

from datetime import timedelta
from pathlib import Path

import asyncpg

from cost_analytics.configuration.worker_sections import RetentionSection
from cost_analytics.roots.worker import retention_options
from devkit.simulation.timeline import SimulationPlan, timeline
from ledger.operations.retention import remove_old
from ledger.postgres.database import connected
from tests.integration.archives.test_archiving import calls
from tests.support.archives import NOW, archive
from tests.support.events import Plain, charged, cost, ended, started
from tests.support.logins import as_login
from tests.support.recording import BatchWriter, TopicLog
from tests.support.use_release import USER, events, record, use_api

SPARSE = {"stream_workers"}
"""Tables without rows: workers write theirs while they run."""
_ROWS = (
    "INSERT INTO event_sources (source, subject) VALUES ('/releases', 'service-1') ON CONFLICT DO NOTHING",
    "INSERT INTO payment_processors VALUES ('paypal') ON CONFLICT DO NOTHING",
    """INSERT INTO stream_gaps (cluster, topic, "partition", from_offset, to_offset, reason, closed_at, closed_by, closed_why)
       VALUES ('c', 't', 0, 1, 5, 'records_removed', now(), 'root', 'empty')""",
    "INSERT INTO stream_progress VALUES ('c', 't', 0, now()) ON CONFLICT DO NOTHING",
    "INSERT INTO attached_traces (trace_id) VALUES ('0af7651916cd43dd8448eb211c80319c') ON CONFLICT DO NOTHING",
    "INSERT INTO span_checks (trace_id) VALUES ('0af7651916cd43dd8448eb211c80319c')",
    """INSERT INTO span_costs (identity, trace_id, span_id, parent_id, scope, starts_ns, ends_ns, prompt, reply, source, event_id, call_id, user_id, time)
       VALUES (gen_random_uuid(), '0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331', '', 's', 1, 2, 1, 1, '/v1/traces/s', 'e', 'release-0', 'upgrade-user', now())""",
    """WITH bill AS (INSERT INTO vendor_bills (digest, name, imported_by) VALUES ('\\x01', 'twilio.csv', 'root') RETURNING bill_id)
       INSERT INTO vendor_bill_lines (bill_id, line, service, day, quantity, amount_nano) SELECT bill_id, 1, 'twilio', current_date, 10, 140000000 FROM bill""",
    """INSERT INTO price_refreshes (source, started_at, finished_at, outcome) VALUES ('twilio', now(), now(), 'done')""",
    """INSERT INTO price_proposals (service, class, operation, model, unit, price_usd, per_units, effective_from, source, set_by, in_force_price_id)
       SELECT service, class, operation, model, unit, price_usd * 2, per_units, now(), 'twilio', 'refresh', price_id FROM service_prices WHERE service = 'twilio' LIMIT 1""",
    """WITH channel AS (INSERT INTO notice_channels (user_id, type, address) VALUES ('upgrade-user', 'email', 'a@example.com') RETURNING channel_id),
       code AS (INSERT INTO notice_codes (channel_id, user_id, digest, expires_at) SELECT channel_id, 'upgrade-user', '\\x01', now() FROM channel),
       delivery AS (INSERT INTO notice_deliveries (channel_id, user_id, kind, state, delivered_at) SELECT channel_id, 'upgrade-user', 'alert', 'delivered', now() FROM channel RETURNING delivery_id)
       INSERT INTO notice_attempts (delivery_id, number, user_id, outcome) SELECT delivery_id, 1, 'upgrade-user', 'delivered' FROM delivery""",
    """INSERT INTO cost_anomalies (anomaly_id, user_id, kind, subject, part, day, observed_nano, detected_at, data)
       VALUES ('0f1d1b1e-93f5-44a1-9fd1-6c1bb0f1e4a2', 'upgrade-user', 'call_spike', 'release-1', 'openai', current_date, 5000000000, now(),
               '{"anomalyId":"0f1d1b1e-93f5-44a1-9fd1-6c1bb0f1e4a2","userId":"upgrade-user","kind":"call_spike","service":"openai","leg":null,"callId":"release-1","day":"2026-11-19","observed_usd":5,"expected_usd":1,"score":9.5,"comparedWith":"own_calls","comparedCount":12,"message":"unusual","occurredAt":"2026-11-19T12:00:00Z","detectedAt":"2026-11-19T12:00:00Z","savings_usd":null}')""",
    """INSERT INTO anomaly_dismissals (anomaly_id, user_id, reason, dismissed_by)
       VALUES ('0f1d1b1e-93f5-44a1-9fd1-6c1bb0f1e4a2', 'upgrade-user', 'expected', 'root')""",
    "INSERT INTO alert_reads (alert_id, user_id) SELECT alert_id, user_id FROM budget_alerts LIMIT 1 ON CONFLICT DO NOTHING",
)  # fmt: skip
_TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND NOT relispartition
    ORDER BY 1
"""


async def write_complete_ledger(database_url: str, archive_directory: Path) -> None:
    """Write rows into each table, and archive two months: the details of one are expired."""
    await _record(database_url, _old_calls())
    await archive(database_url, archive_directory, 2)
    days = retention_options(RetentionSection()).days
    async with connected(database_url, name="retention") as connection:
        await remove_old(connection, days, NOW + timedelta(days=440))
    await _record(database_url, calls(12))
    await archive(database_url, archive_directory, 2)
    await _record(database_url, _simulated())
    async with connected(database_url, name="owner") as owner:
        await owner.execute(
            "INSERT INTO user_budget_settings (user_id, daily_limit_nano, monthly_limit_nano, call_limit_nano) "
            "VALUES ($1, 3000000000, 3000000000, 500000000) ON CONFLICT DO NOTHING",
            USER,
        )
        await record(as_login(database_url, "worker"), events("release", NOW - timedelta(hours=3)))
        for statement in _ROWS:
            await owner.execute(statement)
        await use_api(owner, as_login(database_url, "api"), deletes=False)


async def empty_tables(database_url: str) -> set[str]:
    """Return the tables without a row."""
    connection = await asyncpg.connect(database_url)
    try:
        names = [row[0] for row in await connection.fetch(_TABLES)]
        return {
            name
            for name in names
            if not await connection.fetchval(f'SELECT count(*) FROM "{name}"')
        }
    finally:
        await connection.close()


def _old_calls() -> list[Plain]:
    at = NOW - timedelta(days=395)
    found: list[Plain] = []
    for number in range(4):
        of = {"call": f"expired-{number}", "user": "user-0"}
        found += [
            started(**of, time=at),
            cost(**of, time=at, usage="2.5"),
            charged(**of, time=at),
            ended(**of, time=at),
        ]
    return found


def _simulated() -> list[bytes]:
    start = NOW - timedelta(days=1)
    plan = SimulationPlan(
        seed=7, users=4, calls=6, start_ms=int(start.timestamp()) * 1000, spacing_us=1_000_000
    )
    return [one.value for one in timeline(plan)]


async def _record(database_url: str, values: list[Plain] | list[bytes]) -> None:
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        for start in range(0, len(values), 17):
            await writer.record(log.batch(values[start : start + 17]))
        await writer.record(log.batch([b"not JSON"]))
