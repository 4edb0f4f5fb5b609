"""The worker with a real broker: events are counted once and published."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from messaging.kafka import cluster_id
from schemas.topics import CALL_EVENTS
from streams.publishing.publisher import TotalsPublisher
from streams.worker import run_worker
from tests.support.events import Plain, binary, charged, cost, ended, started
from tests.support.expected import expect
from tests.support.recording import assert_verified, fetch, until
from tests.support.streaming import Pipeline, Record, SentRecord
from tests.support.totals import Totals, read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def calls(count: int, prefix: str = "call") -> list[Plain]:
    """Return the events of whole calls of a few users."""
    events: list[Plain] = []
    for number in range(count):
        call, user = f"{prefix}-{number}", f"user-{number % 5}"
        events += [
            started(call, user, time=NOW),
            cost(call, user, time=NOW),
            cost(call, user, time=NOW, usage="2.5"),
            ended(call, user, time=NOW),
        ]
        if number % 2:
            events.append(charged(call, user, time=NOW))
    return events


async def versions_of(pipeline: Pipeline) -> dict[str, int]:
    query = "SELECT call_id, version FROM calls WHERE user_id IS NOT NULL"
    return {row[0]: row[1] for row in await fetch(pipeline.database_url, query)}


def assert_published(newest: dict[str, Record], totals: Totals) -> None:
    """Assert that the newest published totals are those of the ledger."""
    assert newest.keys() == totals.calls.keys()
    for call_id, record in newest.items():
        total, kept = json.loads(record.value, parse_float=Decimal), totals.calls[call_id]
        cost_nano = sum(kept.costs.values())
        assert total["callId"] == call_id
        assert (total["userId"], total["status"]) == (kept.user_id, kept.status)
        assert (
            total["totalCost"] * 10**9 == sum(total["costByService"].values()) * 10**9 == cost_nano
        )
        assert total["chargedToUser"] * 10**9 == sum(sums[0] for sums in kept.charges.values())


async def test_events_are_counted_once_and_published(pipeline: Pipeline) -> None:
    events = calls(20)
    sent = await pipeline.send([*events, *events])
    async with pipeline.worker() as worker:
        await pipeline.until_counted(len(sent), worker)
    totals = await read_totals(pipeline.database_url)
    assert totals == expect(events).totals
    assert_published(await pipeline.newest_totals(await versions_of(pipeline)), totals)
    await assert_verified(pipeline.database_url)
    assert await fetch(pipeline.database_url, "SELECT FROM totals_outbox") == []
    assert await pipeline.holders() == []


async def test_both_content_modes_are_read(pipeline: Pipeline) -> None:
    events = calls(4)
    in_headers = [binary_mode(plain) for plain in events]
    async with pipeline.worker() as worker:
        await pipeline.until_counted(len(await pipeline.send(in_headers)), worker)
        await pipeline.send(events)  # the same events in the other mode are repeats
        await pipeline.until_counted(2 * len(events), worker)
    assert await read_totals(pipeline.database_url) == expect(events).totals
    assert await fetch(pipeline.database_url, "SELECT FROM dead_letters") == []


def binary_mode(plain: Plain) -> SentRecord:
    value, headers = binary(plain)
    return SentRecord(value, plain["data"]["userId"].encode(), headers)


async def test_restarted_worker_resumes_at_the_stored_offset(pipeline: Pipeline) -> None:
    first, second = calls(5, "first"), calls(5, "second")
    async with pipeline.worker() as worker:
        await pipeline.until_counted(len(await pipeline.send(first)), worker)
    await pipeline.send(second)
    async with pipeline.worker() as worker:
        await pipeline.until_counted(len(first) + len(second), worker)
    totals = await read_totals(pipeline.database_url)
    assert totals == expect(first + second).totals
    assert totals.events == len(first) + len(second)


async def test_stored_offsets_have_priority_over_those_of_kafka(pipeline: Pipeline) -> None:
    """Only stored offsets move with the totals; Kafka's own are for lag tools."""
    events = [cost(time=NOW) for _ in range(10)]
    await pipeline.send(SentRecord(sent.value, partition=1) for sent in map(SentRecord.of, events))
    await fetch(
        pipeline.database_url,
        'INSERT INTO stream_offsets (cluster, topic, "partition", next_offset) VALUES ($1, $2, 1, 6)',
        await cluster_id(pipeline.kafka),
        CALL_EVENTS.name,
    )
    async with pipeline.worker() as worker:
        await pipeline.until_counted(10, worker)
    assert await read_totals(pipeline.database_url) == expect(events[6:]).totals


async def test_stop_finishes_the_batch_in_progress(pipeline: Pipeline) -> None:
    events = calls(5)
    stop = asyncio.Event()
    blocker = await asyncpg.connect(pipeline.database_url)
    worker = asyncio.create_task(run_worker(pipeline.options(lanes=1), stop))
    try:
        await until(lambda: _any(blocker, "SELECT FROM stream_workers WHERE partitions <> '{}'"))
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE stream_offsets IN EXCLUSIVE MODE")
            await pipeline.send(
                SentRecord(sent.value, partition=0) for sent in map(SentRecord.of, events)
            )
            waiting = (
                "SELECT FROM pg_locks WHERE NOT granted AND relation = 'stream_offsets'::regclass"
            )
            await until(lambda: _any(blocker, waiting))
            stop.set()
            done, _ = await asyncio.wait({worker}, timeout=0.5)
            assert not done
        async with asyncio.timeout(30):
            await worker
    finally:
        stop.set()
        await asyncio.gather(worker, return_exceptions=True)
        await blocker.close()
    counted = await pipeline.counted()
    assert counted > 0
    totals = await read_totals(pipeline.database_url)
    assert totals == expect(events[:counted]).totals
    assert_published(await pipeline.newest_totals(await versions_of(pipeline)), totals)


async def _any(connection: asyncpg.Connection, query: str) -> bool:
    return bool(await connection.fetch(query))


async def test_next_worker_publishes_the_totals_of_a_dead_worker(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outbox rows were written by the transaction itself."""
    events = calls(6)
    with monkeypatch.context() as patch:
        patch.setattr(TotalsPublisher, "submit", lambda *_: None)
        async with pipeline.worker() as worker:
            await pipeline.until_counted(len(await pipeline.send(events)), worker)
    assert await pipeline.newest_totals({}) == {}
    backdate = "UPDATE totals_outbox SET created_at = created_at - interval '1 minute' RETURNING 1"
    assert await fetch(pipeline.database_url, backdate)
    async with pipeline.worker():
        newest = await pipeline.newest_totals(await versions_of(pipeline))
        await until(lambda: _is_empty(pipeline, "totals_outbox"))
    assert_published(newest, await read_totals(pipeline.database_url))


async def test_totals_of_an_unacknowledged_commit_are_published(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was lost, and the repeat found nothing new: only the outbox has the row."""
    monkeypatch.setattr("streams.publishing.publisher.RELAY_SECONDS", 1)
    async with pipeline.worker() as worker:
        with monkeypatch.context() as patch:
            patch.setattr(TotalsPublisher, "submit", lambda *_: None)
            await pipeline.until_counted(len(await pipeline.send(calls(3))), worker)
        assert not await _is_empty(pipeline, "totals_outbox")
        backdate = "UPDATE totals_outbox SET created_at = created_at - interval '1 minute'"
        await fetch(pipeline.database_url, backdate)
        newest = await pipeline.newest_totals(await versions_of(pipeline))
        await until(lambda: _is_empty(pipeline, "totals_outbox"))
    assert_published(newest, await read_totals(pipeline.database_url))


async def _is_empty(pipeline: Pipeline, table: str) -> bool:
    return not await fetch(pipeline.database_url, f"SELECT FROM {table}")
