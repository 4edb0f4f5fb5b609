"""Abandoned calls in the database: closed, reopened, verified and rebuilt."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.operations.verification import rebuild, verify
from ledger.stuck_calls.detection import StuckCalls
from tests.support.archives import archive, month_start
from tests.support.databases import DatabaseCloner
from tests.support.events import cost, ended, started, voided
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.stuck_calls import call_row, check_calls

pytestmark = pytest.mark.usefixtures("database_url")
NOW = datetime.now(UTC).replace(microsecond=0)
BEGUN = NOW - timedelta(days=40, minutes=3)
LATER = timedelta(hours=4, minutes=5)


async def test_a_call_without_events_is_closed_and_a_late_event_reopens_it(
    database_url: str,
) -> None:
    log = TopicLog()
    begin, first = started(time=BEGUN), cost(time=BEGUN + timedelta(seconds=90))
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch([begin, first]))
        assert await check_calls(database_url, NOW + timedelta(hours=3)) == StuckCalls()
        found = await check_calls(database_url, NOW + LATER)
        assert found == StuckCalls(found=1, closed=1)
        closed = await call_row(database_url)
        assert (closed["status"], closed["duration_ms"]) == ("abandoned", 90_000)
        assert closed["ended_at"] == BEGUN + timedelta(seconds=90)
        assert closed["default_charge_nano"] == 0
        await assert_verified(database_url)
        assert await check_calls(database_url, NOW + LATER) == StuckCalls()
        await rebuild(database_url)
        await assert_verified(database_url)
        assert (await call_row(database_url))["status"] == "abandoned"
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch([begin, first]))  # repeats reopen nothing
        assert (await call_row(database_url))["status"] == "abandoned"
        await writer.record(log.batch([cost(time=BEGUN + timedelta(seconds=95))]))
        reopened = await call_row(database_url)
        assert (reopened["status"], reopened["duration_ms"], reopened["ended_at"]) == (
            "active", 0, None,
        )  # fmt: skip
        await assert_verified(database_url)
        assert await check_calls(database_url, NOW) == StuckCalls(resolved=1)
        assert await check_calls(database_url, NOW + LATER) == StuckCalls(closed=1)
        await writer.record(log.batch([ended(time=BEGUN + timedelta(seconds=99))]))
        last = await call_row(database_url)
        assert (last["status"], last["duration_ms"]) == ("completed", 300_000)
        assert last["default_charge_nano"] == 4_990_000_000
        await assert_verified(database_url)
    anomalies = await fetch(database_url, "SELECT kind, resolved_at IS NULL FROM cost_anomalies")
    assert [tuple(row) for row in anomalies] == [("abandoned_call", True)]
    messages = await fetch(database_url, "SELECT count(*) FROM outbox WHERE type LIKE '%anomaly%'")
    assert messages[0][0] == 1


async def test_verify_finds_a_call_that_was_not_reopened(database_url: str) -> None:
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch([started(time=BEGUN), cost(time=BEGUN)]))
        await check_calls(database_url, NOW + LATER)
        await writer.record(log.batch([cost(time=BEGUN)]))
    await fetch(database_url, "UPDATE calls SET status = 'abandoned'")
    assert (await verify(database_url)).differences > 0
    await rebuild(database_url)
    await assert_verified(database_url)
    assert (await call_row(database_url))["status"] == "active"


async def test_a_void_reopens_an_abandoned_call(database_url: str) -> None:
    log, first = TopicLog(), cost(time=BEGUN)
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch([started(time=BEGUN), first]))
        await check_calls(database_url, NOW + LATER)
        await writer.record(log.batch([voided(first, time=BEGUN)]))
    assert (await call_row(database_url))["status"] == "active"
    await assert_verified(database_url)


async def test_an_archived_call_stays_abandoned_until_a_late_event(
    database_url: str, tmp_path: Path
) -> None:
    log, begun = TopicLog(), month_start(3) + timedelta(days=5)
    late = cost(time=begun + timedelta(seconds=30))
    async with BatchWriter(database_url) as writer:
        events = [started(time=begun), cost(time=begun + timedelta(seconds=90))]
        await writer.record(log.batch(events))
        assert (await check_calls(database_url, NOW + LATER)).closed == 1
        assert await archive(database_url, tmp_path)
        await assert_verified(database_url)
        await rebuild(database_url)
        await assert_verified(database_url)
        assert (await call_row(database_url))["status"] == "abandoned"
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch([late]))
        assert (await call_row(database_url))["status"] == "active"
        await assert_verified(database_url)
        assert (await check_calls(database_url, NOW + LATER)).closed == 1
        assert (await call_row(database_url))["duration_ms"] == 90_000
        await assert_verified(database_url)
        await writer.record(log.batch([voided(late, time=begun)]))
    await archive(database_url, tmp_path)
    await assert_verified(database_url)
    await rebuild(database_url)
    await assert_verified(database_url)
    assert (await call_row(database_url))["status"] == "active"


async def test_a_closing_that_a_restore_lost_is_made_again(
    database_url: str, databases: DatabaseCloner
) -> None:
    """The restored ledger has the call still active; its anomaly has the same id."""
    log, events = TopicLog(), [started(time=BEGUN), cost(time=BEGUN + timedelta(seconds=9))]
    ids = []
    with databases.clone() as restored:
        for url in (database_url, restored):
            async with BatchWriter(url) as writer:
                await writer.record(log.batch(events))
            assert (await check_calls(url, NOW + LATER)).closed == 1
            await assert_verified(url)
            ids += await fetch(url, "SELECT anomaly_id FROM cost_anomalies")
    assert len(ids) == 2
    assert ids[0] == ids[1]
