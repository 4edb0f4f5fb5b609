"""Retention removes old rows only, in batches, by one process at a time."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cost_analytics.configuration.worker_sections import RetentionSection
from cost_analytics.roots.worker import retention_options
from ledger.operations import retention
from ledger.operations.archive_checks import verify_archive
from ledger.operations.ended_totals import current_pass, next_ended_calls, store_tombstones
from ledger.operations.retention import lock_retention, remove_old
from ledger.operations.verification import rebuild, verify
from ledger.postgres.database import Connection, connected
from tests.integration.archives.test_archiving import calls, record
from tests.support.archives import OLD_CALL, archive
from tests.support.events import cost, ended, voided
from tests.support.recording import (
    BatchWriter,
    TopicLog,
    assert_verified,
    codes,
    fetch,
    until_blocked,
)
from tests.support.totals import read_totals

NOW = datetime.now(UTC)
DAYS = retention_options(RetentionSection()).days

OLD_ROWS = {
    "dead_letters": """INSERT INTO dead_letters (cluster, topic, "partition", "offset", code, message, refused_at)
        SELECT 'c', 't', 0, n, 'invalid_json', 'x', now() - make_interval(days => CASE WHEN n <= 12 THEN 401 ELSE 399 END)
        FROM generate_series(1, 15) AS n""",
    "price_proposals": """INSERT INTO price_proposals (service, class, operation, model, unit, price_usd, per_units,
            effective_from, source, set_by, in_force_price_id, proposed_at, state, decided_at)
        SELECT 'twilio', 'api', 'outbound_call', '*', 'minutes', 1, 1, now(), 's', 's', 1, now() - interval '900 days',
               CASE WHEN n <= 12 THEN 'rejected' ELSE 'pending' END, CASE WHEN n <= 12 THEN now() - interval '731 days' END
        FROM generate_series(1, 15) AS n""",
    "price_refreshes": """INSERT INTO price_refreshes (source, started_at, finished_at, outcome)
        SELECT 's', now() - make_interval(days => CASE WHEN n <= 12 THEN 91 ELSE 89 END), now(), 'done' FROM generate_series(1, 15) AS n""",
    "alerts": """INSERT INTO budget_alerts (alert_id, user_id, type, period, threshold_percent, limit_version, late, triggered_at, data)
        SELECT gen_random_uuid(), 'u', 'daily', n::text, 80, 1, n % 2 = 0, now() - make_interval(days => CASE WHEN n <= 12 THEN 801 ELSE 799 END), '{}'
        FROM generate_series(1, 15) AS n""",
    "cutoffs": """INSERT INTO call_cutoffs (call_id, limit_version, command_id, user_id, requested_at)
        SELECT n::text, 1, gen_random_uuid(), 'u', now() - make_interval(days => CASE WHEN n <= 12 THEN 801 ELSE 799 END) FROM generate_series(1, 15) AS n""",
    "commands": """INSERT INTO call_commands (command_id, call_id, user_id, kind, cause, reason, payload, requested_at, created_at)
        SELECT gen_random_uuid(), n::text, 'u', 'cutoff', 'limit', 'r', '{}', now(), now() - make_interval(days => CASE WHEN n <= 12 THEN 801 ELSE 799 END)
        FROM generate_series(1, 15) AS n""",
    "anomalies": """INSERT INTO cost_anomalies (anomaly_id, user_id, kind, subject, part, day, observed_nano, detected_at, data)
        SELECT gen_random_uuid(), 'u', 'call_spike', n::text, '', current_date, 1, now() - make_interval(days => CASE WHEN n <= 12 THEN 801 ELSE 799 END), '{}'
        FROM generate_series(1, 15) AS n""",
    "notifications": """INSERT INTO notice_deliveries (channel_id, user_id, kind, state, created_at, delivered_at)
        SELECT gen_random_uuid(), 'u', 'alert', CASE WHEN n <= 12 THEN 'delivered' ELSE 'pending' END, now() - interval '181 days',
               CASE WHEN n <= 12 THEN now() END
        FROM generate_series(1, 15) AS n""",
}  # fmt: skip
TABLES = {
    "alerts": "budget_alerts",
    "cutoffs": "call_cutoffs",
    "commands": "call_commands",
    "anomalies": "cost_anomalies",
    "notifications": "notice_deliveries",
}


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", 5)


async def removed(database_url: str, now: datetime | None = None) -> dict[Any, int]:
    async with connected(database_url, name="test") as connection:
        return {**await remove_old(connection, DAYS, now or NOW)}


@pytest.mark.parametrize("subject", OLD_ROWS)
async def test_old_rows_are_removed_in_batches_and_counted(database_url: str, subject: str) -> None:
    await fetch(database_url, OLD_ROWS[subject])
    assert (await removed(database_url))[subject] == 12
    [left] = await fetch(database_url, f"SELECT count(*) FROM {TABLES.get(subject, subject)}")
    assert left[0] == 3
    assert (await removed(database_url))[subject] == 0
    noted = "SELECT removed FROM retention_progress WHERE subject = $1"
    assert (await fetch(database_url, noted, subject))[0][0] == 12


async def test_identities_are_removed_by_recording_age(database_url: str) -> None:
    log = TopicLog()
    old = cost(time=NOW - timedelta(days=399))
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch([old, cost()]))
        await fetch(
            database_url,
            "UPDATE event_identities SET recorded_at = now() - interval '429 days'"
            " WHERE identity = (SELECT identity FROM call_cost_events ORDER BY time LIMIT 1)",
        )
        assert (await removed(database_url))["identities"] == 0
        assert (await writer.record(log.batch([old]))).repeated == 1
        later = NOW + timedelta(days=2)
        assert (await removed(database_url, later))["identities"] == 1
    assert (await fetch(database_url, "SELECT count(*) FROM event_identities"))[0][0] == 1
    await assert_verified(database_url)


async def test_identities_are_scanned_in_parts(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGES_AT_ONCE", 2)
    await fetch(
        database_url,
        """INSERT INTO event_identities (identity, fingerprint, recorded_at)
           SELECT gen_random_uuid(), n, now() - interval '500 days' FROM generate_series(1, 2000) AS n""",
    )
    counts = [(await removed(database_url))["identities"] for _ in range(12)]
    assert sum(counts) == 2000
    assert max(counts) < 500
    assert (await fetch(database_url, "SELECT count(*) FROM event_identities"))[0][0] == 0


async def test_one_process_removes_once_per_interval(database_url: str) -> None:
    async with (
        connected(database_url, name="one") as one,
        connected(database_url, name="other") as other,
    ):
        assert await lock_retention(one, 60)
        assert not await lock_retention(other, 60)
        await remove_old(one, DAYS, NOW)
        await one.close()
        assert not await lock_retention(other, 60)
        await fetch(database_url, "UPDATE retention_progress SET ran_at = now() - interval '61 s'")
        assert await lock_retention(other, 60)


async def test_void_of_a_cost_without_details_is_refused_and_totals_stay(
    database_url: str, tmp_path: Path
) -> None:
    """Voided costs stay, because the sums of the seal contain them."""
    all_events = calls()
    await record(database_url, all_events)
    await archive(database_url, tmp_path)
    before = await read_totals(database_url)
    later = NOW + timedelta(days=431)
    assert (await removed(database_url, later))["archived_costs"] == 12
    assert (await fetch(database_url, "SELECT count(*) FROM archived_costs"))[0][0] == 8
    found = await verify(database_url)
    await verify_archive(database_url, tmp_path, found)
    assert (found.differences, found.lines) == (0, [])

    log, target = TopicLog(), all_events[1]
    again = voided(all_events[3], OLD_CALL, "user-0", time=NOW)
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch([voided(target, OLD_CALL, "user-0", time=NOW), again]))
    assert await codes(database_url) == ["too_old"]
    after = await read_totals(database_url)
    assert (after.user_day_costs, after.user_days) == (before.user_day_costs, before.user_days)
    assert await rebuild(database_url) == 12
    await assert_verified(database_url)


async def test_void_in_progress_keeps_the_details_of_its_cost(
    database_url: str, tmp_path: Path
) -> None:
    all_events = calls()
    await record(database_url, all_events)
    await archive(database_url, tmp_path)
    async with connected(database_url, name="worker") as worker:
        transaction = worker.transaction()
        await transaction.start()
        await worker.execute("SELECT FROM archived_costs WHERE call_id = 'call-0' FOR SHARE")
        removing = asyncio.create_task(removed(database_url, NOW + timedelta(days=431)))
        await until_blocked(database_url)
        await worker.execute(
            "INSERT INTO sealed_voids SELECT call_id, identity, seal_id FROM archived_costs WHERE call_id = 'call-0' ON CONFLICT DO NOTHING"
        )
        await transaction.commit()
        await removing
    left = "SELECT count(*) FROM archived_costs WHERE call_id = 'call-0'"
    assert (await fetch(database_url, left))[0][0] == 5 - 2


async def walk_all(connection: Connection, until: datetime, epoch: int = 1) -> list[str]:
    """Walk one whole pass; returns the calls that get a tombstone."""
    found: list[str] = []
    walk = await current_pass(connection, epoch, until)
    while not walk.is_over:
        ended_calls = await next_ended_calls(connection, walk)
        await store_tombstones(connection, ended_calls)
        found += ended_calls.call_ids
        walk = ended_calls.following
    return found


async def test_ended_calls_get_one_tombstone_after_each_change(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.operations.ended_totals.CALLS_AT_ONCE", 2)
    events = [cost(f"call-{n}", time=NOW - timedelta(hours=1)) for n in range(5)]
    events += [ended(f"call-{n}", time=NOW) for n in range(4)]
    await record(database_url, events)
    later = datetime.now(UTC) + timedelta(seconds=1)
    async with connected(database_url, name="test") as connection:
        assert await walk_all(connection, NOW - timedelta(days=1)) == []
        assert await walk_all(connection, later) == [f"call-{n}" for n in range(4)]
        assert await walk_all(connection, later) == []
        await asyncio.sleep(1.1)
        await record(database_url, [cost("call-2", time=NOW)])
        assert await walk_all(connection, later + timedelta(hours=1)) == ["call-2"]
        assert len(await walk_all(connection, later + timedelta(hours=2), epoch=2)) == 4


async def test_call_changed_beside_its_tombstone_is_published_again(
    database_url: str,
) -> None:
    await record(database_url, [ended(time=NOW)])
    await fetch(database_url, "DELETE FROM totals_outbox")
    async with connected(database_url, name="test") as connection:
        walk = await current_pass(connection, 1, datetime.now(UTC) + timedelta(hours=1))
        ended_calls = await next_ended_calls(connection, walk)
        await record(database_url, [cost(time=NOW)])
        await fetch(database_url, "DELETE FROM totals_outbox")
        await store_tombstones(connection, ended_calls)
    assert [row[0] for row in await fetch(database_url, "SELECT call_ids FROM totals_outbox")] == [
        ["call-1"]
    ]
