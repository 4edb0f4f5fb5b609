"""Metrics from PostgreSQL are correct, fast to read, and contain no user data."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from api.http.options import ApiOptions
from devkit.embedded.tansu import EmbeddedTansu
from ledger.operations.figures import COUNTED_MAX
from ledger.postgres.database import connected
from ledger.postgres.migration_files import migrations
from ledger.postgres.pool import connection_pool
from ledger.postgres.rights import RIGHTS
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer, reader_pool
from ledger.recording.workers import heartbeat, leave
from schemas.refusals import REFUSAL_CODES
from tests.support.api import ApiClient, served
from tests.support.events import cost, started
from tests.support.links import linked
from tests.support.live import live_system
from tests.support.logins import SIGNER, as_login
from tests.support.metrics import Scrape, scrape
from tests.support.query_plans import plan_nodes
from tests.support.recording import STREAM, BatchWriter, TopicLog, fetch

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
UNCACHED = ApiOptions(metrics_cache_seconds=0)
WHERE = {"cluster": STREAM.cluster, "topic": STREAM.topic}


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with (
        reader_pool(as_login(database_url, "api")) as readers,
        served(readers, UNCACHED) as api,
    ):
        yield api


def refused(seen: Scrape) -> dict[str, float]:
    found = seen.of("cost_analytics_dead_letters_total")
    return {dict(labels)["code"]: count for labels, count in found.items()}


async def test_metrics_of_an_empty_database_are_zero(api: ApiClient) -> None:
    seen = await scrape(api)
    assert seen["cost_analytics_database_up"] == 1
    assert seen["cost_analytics_schema_current"] == 1
    assert seen["cost_analytics_schema_version"] == len(migrations())
    for name in ("workers", "partitions_held", "held_events", "unpriced_events", "notices_waiting",
                 "notices_overdue_seconds"):  # fmt: skip
        assert seen[f"cost_analytics_{name}"] == 0
    for outbox in ("totals", "messages"):
        assert seen.labelled("cost_analytics_outbox_waiting", outbox=outbox) == 0
        assert seen.labelled("cost_analytics_outbox_oldest_age_seconds", outbox=outbox) == 0
    assert refused(seen) == dict.fromkeys(REFUSAL_CODES, 0)
    assert seen.of("cost_analytics_stream_records_total") == {}


async def test_recorded_refused_and_held_events_are_counted(
    api: ApiClient, database_url: str
) -> None:
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        valid = [started(time=NOW), cost(time=NOW), cost(service="vendor", time=NOW)]
        await writer.record(log.batch([*valid, b"rubbish", b"{}"]))
        await writer.record(log.batch([b"more rubbish"], partition=3))
        await writer.record(log.batch([cost(user=None, call="unheard", time=NOW)], partition=3))
    seen = await scrape(api)
    name = "cost_analytics_stream_records_total"
    assert seen.labelled(name, **WHERE, partition="0") == 5
    assert seen.labelled(name, **WHERE, partition="3") == 2
    assert refused(seen) == dict.fromkeys(REFUSAL_CODES, 0) | {
        "invalid_json": 2,
        "invalid_event": 1,
    }
    assert seen["cost_analytics_held_events"] == 1
    assert seen["cost_analytics_unpriced_events"] == 1
    assert seen.labelled("cost_analytics_outbox_waiting", outbox="totals") == 1
    # Vendors of webhooks are named, whether they send any or not.
    text = re.sub(r'provider="\w+"', "", seen.text.lower())
    for secret in ("alice", "unheard", "twilio", "elevenlabs", "user_id", "usd"):
        assert secret not in text


async def test_refused_records_are_counted_once(api: ApiClient, database_url: str) -> None:
    again = """INSERT INTO dead_letters (cluster, topic, "partition", "offset", code, message)
               SELECT cluster, topic, "partition", "offset", code, message FROM dead_letters
               UNION ALL SELECT 'c', 't', 0, n, 'too_large', '' FROM generate_series(1, 3) AS n
               ON CONFLICT DO NOTHING"""
    for _ in range(2):
        await fetch(database_url, again)
    async with connected(database_url, name="tests") as connection:
        restored = connection.transaction()
        await restored.start()
        await connection.execute(again.replace("'c'", "'another'"))
        await restored.rollback()
    assert refused(await scrape(api))["too_large"] == 3
    marked = "UPDATE dead_letters SET replayed_at = now()"
    await fetch(database_url, marked)
    assert refused(await scrape(api))["too_large"] == 3


async def test_workers_outboxes_and_notifications_are_measured(
    api: ApiClient, database_url: str
) -> None:
    async with connected(database_url, name="tests") as connection:
        await heartbeat(connection, "w-1", [0, 1, 2], timedelta(minutes=-2))
        await heartbeat(connection, "w-2", [], timedelta(seconds=90))
        await heartbeat(connection, "dead", [3], timedelta(hours=2))
        await connection.execute(
            "UPDATE stream_workers SET heartbeat_at = now() - interval '16 s' WHERE worker_id = 'dead'"
        )
        await connection.execute(
            "INSERT INTO totals_outbox (worker_id, call_ids, created_at) VALUES"
            " ('w-1', '{a,b}', now()), ('w-1', '{c}', now() - interval '90 s')"
        )
        await connection.execute(
            "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, created_at) SELECT"
            " gen_random_uuid(), 'budget-alert', 'alice', 't', '{}', now() - n * interval '10 s'"
            " FROM generate_series(1, 3) AS n"
        )
        for state, due in (("pending", -40), ("pending", 3_600), ("failed", -900)):
            await connection.execute(
                "INSERT INTO notice_deliveries (channel_id, user_id, kind, state, next_attempt_at)"
                " VALUES (gen_random_uuid(), 'alice', 'test', $1, now() + make_interval(secs => $2))",
                state, due,
            )  # fmt: skip
        seen = await scrape(api)
        assert seen["cost_analytics_workers"] == 2
        assert seen["cost_analytics_partitions_held"] == 3
        assert seen["cost_analytics_worker_clock_skew_seconds"] == -120
        waiting, age = (f"cost_analytics_outbox_{n}" for n in ("waiting", "oldest_age_seconds"))
        assert seen.labelled(waiting, outbox="totals") == 2
        assert 90 <= seen.labelled(age, outbox="totals") < 100
        assert seen.labelled(waiting, outbox="messages") == 3
        assert 30 <= seen.labelled(age, outbox="messages") < 40
        assert seen["cost_analytics_notices_waiting"] == 2
        assert 40 <= seen["cost_analytics_notices_overdue_seconds"] < 50
        assert "alice" not in seen.text
        await leave(connection, "w-1")
        assert (await scrape(api))["cost_analytics_partitions_held"] == 0


async def test_metrics_report_a_database_outage(database_url: str) -> None:
    async with (
        linked(database_url) as (link, url),
        connection_pool(
            as_login(url, "api"), name="tests", connections_max=2, statement_timeout_ms=5_000
        ) as pool,
        served(ReaderPool(pool, SIGNER, acquire_timeout_seconds=1), UNCACHED) as api,
    ):
        everything = (await scrape(api)).names
        link.cut()
        await asyncio.sleep(0.05)
        seen = await scrape(api)
        assert seen["cost_analytics_database_up"] == 0
        gone = everything - seen.names
        assert {"cost_analytics_schema_version", "cost_analytics_workers"} <= gone
        assert not {name for name in gone if not name.startswith("cost_analytics_")}
        link.refuses = False
        assert (await scrape(api)).names >= everything
        link.is_flowing.clear()
        began = monotonic()
        assert (await scrape(api))["cost_analytics_database_up"] == 0
        assert monotonic() - began < 5
        link.is_flowing.set()
        assert (await scrape(api))["cost_analytics_database_up"] == 1


async def test_older_schema_is_reported_without_other_figures(
    api: ApiClient, database_url: str
) -> None:
    await fetch(database_url, "DELETE FROM schema_migrations WHERE version >= 15")
    seen = await scrape(api)
    assert seen["cost_analytics_database_up"] == 1
    assert seen["cost_analytics_schema_version"] == 14
    assert seen["cost_analytics_schema_current"] == 0
    assert "cost_analytics_workers" not in seen.names


async def test_open_socket_does_not_count_into_durations(
    tansu: EmbeddedTansu, database_url: str
) -> None:
    async with (
        live_system(tansu.bootstrap, database_url) as system,
        system.replica(UNCACHED) as replica,
    ):
        began = monotonic()
        async with replica.listening("alice") as client:
            await client.next()
            to_open = monotonic() - began
            await asyncio.sleep(max(0.6, 2 * to_open))
            seen = await scrape(replica)
            assert seen["cost_analytics_live_sockets"] == 1
            route = "/api/costs/live"
            name = "cost_analytics_http_requests_total"
            assert seen.labelled(name, method="GET", route=route, status="101") == 1
        async with asyncio.timeout(60):
            while (await scrape(replica))["cost_analytics_live_sockets"]:
                await asyncio.sleep(0.02)
        seen = await scrape(replica)
        took = "cost_analytics_http_request_duration_seconds"
        assert seen.labelled(f"{took}_count", route=route) == 1
        assert seen.labelled(f"{took}_sum", route=route) < max(0.6, 2 * to_open)


MANY = (
    """INSERT INTO held_events (call_id, identity, event)
       SELECT n::text, gen_random_uuid(), repeat('x', 300) FROM generate_series(1, 40000) AS n""",
    """INSERT INTO unpriced_events (identity, user_id, call_id, time, type, service, operation, model,
                                    unit, amount_nano)
       SELECT gen_random_uuid(), 'u', n::text, now(), 'cost.recorded', 's', 'o', '', 'minutes', 0
         FROM generate_series(1, 40000) AS n""",
    """INSERT INTO totals_outbox (worker_id, call_ids)
       SELECT 'w', array_fill('some-call'::text, ARRAY[40]) FROM generate_series(1, 20000)""",
    """INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload)
       SELECT gen_random_uuid(), 'budget-alert', 'a', 't', repeat('x', 300)
         FROM generate_series(1, 20000)""",
    """INSERT INTO notice_deliveries (channel_id, user_id, kind, state)
       SELECT gen_random_uuid(), 'a', 'test', CASE WHEN n % 20 = 0 THEN 'pending' ELSE 'failed' END
         FROM generate_series(1, 40000) AS n""",
)  # fmt: skip
BIG = {"held_events", "unpriced_events", "totals_outbox", "outbox", "notice_deliveries"}


async def test_metrics_read_large_tables_by_index(api: ApiClient, database_url: str) -> None:
    async with connected(database_url, name="tests") as connection:
        for statement in MANY:
            await connection.execute(statement)
        await connection.execute("ANALYZE")
    async with connected(database_url, name="tests") as reading, reading.transaction():
        await reading.execute(f"SET LOCAL ROLE {RIGHTS['figures']}")
        token = SIGNER.sign(Viewer("", reads_all=True))
        await reading.execute("SELECT set_config('cost_analytics.viewer', $1, true)", token)
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statements('operations/figures')['figures']}"
        [(text,)] = await reading.fetch(explain, COUNTED_MAX)
    tables = [n for n in plan_nodes(json.loads(text)[0]["Plan"]) if n.get("Relation Name") in BIG]
    assert {node["Relation Name"] for node in tables} == BIG
    for node in tables:
        assert "Index" in node["Node Type"], node
        assert node["Actual Rows"] * node["Actual Loops"] <= COUNTED_MAX
    seen = await scrape(api)
    assert seen["cost_analytics_held_events"] == COUNTED_MAX
    assert seen.labelled("cost_analytics_outbox_waiting", outbox="totals") == COUNTED_MAX
    assert seen["cost_analytics_notices_waiting"] == 2_000
