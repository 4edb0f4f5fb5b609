"""The worker over a real broker: what is sent is counted, once, and said to those who listen."""

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
from tests.support.streaming import Record, Sent, Stage
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


async def versions_of(stage: Stage) -> dict[str, int]:
    query = "SELECT call_id, version FROM calls WHERE user_id IS NOT NULL"
    return {row[0]: row[1] for row in await fetch(stage.database_url, query)}


def check_published(newest: dict[str, Record], totals: Totals) -> None:
    """Compare what listeners hear last with what is kept."""
    assert newest.keys() == totals.calls.keys()
    for call_id, record in newest.items():
        said, kept = json.loads(record.value, parse_float=Decimal), totals.calls[call_id]
        cost_nano = sum(kept.costs.values())
        assert said["callId"] == call_id
        assert (said["userId"], said["status"]) == (kept.user_id, kept.status)
        assert said["totalCost"] * 10**9 == sum(said["costByService"].values()) * 10**9 == cost_nano
        assert said["chargedToUser"] * 10**9 == sum(sums[0] for sums in kept.charges.values())


async def test_what_is_sent_is_counted_once_and_published(stage: Stage) -> None:
    events = calls(20)
    sent = await stage.send([*events, *events])
    async with stage.worker() as worker:
        await stage.until_counted(len(sent), worker)
    totals = await read_totals(stage.database_url)
    assert totals == expect(events).totals
    check_published(await stage.newest_totals(await versions_of(stage)), totals)
    await assert_verified(stage.database_url)
    assert await fetch(stage.database_url, "SELECT FROM totals_outbox") == []
    assert await stage.holders() == []


async def test_both_content_modes_are_read(stage: Stage) -> None:
    events = calls(4)
    in_headers = [binary_mode(plain) for plain in events]
    async with stage.worker() as worker:
        await stage.until_counted(len(await stage.send(in_headers)), worker)
        await stage.send(events)  # the same in the other mode: repeats
        await stage.until_counted(2 * len(events), worker)
    assert await read_totals(stage.database_url) == expect(events).totals
    assert await fetch(stage.database_url, "SELECT FROM dead_letters") == []


def binary_mode(plain: Plain) -> Sent:
    value, headers = binary(plain)
    return Sent(value, plain["data"]["userId"].encode(), headers)


async def test_a_restart_goes_on_where_the_ledger_stands(stage: Stage) -> None:
    first, second = calls(5, "first"), calls(5, "second")
    async with stage.worker() as worker:
        await stage.until_counted(len(await stage.send(first)), worker)
    await stage.send(second)
    async with stage.worker() as worker:
        await stage.until_counted(len(first) + len(second), worker)
    totals = await read_totals(stage.database_url)
    assert totals == expect(first + second).totals
    assert totals.events == len(first) + len(second)


async def test_positions_come_from_the_database(stage: Stage) -> None:
    """Only there do they move with the totals; what Kafka remembers is for tools that show lag."""
    events = [cost(time=NOW) for _ in range(10)]
    await stage.send(Sent(sent.value, partition=1) for sent in map(Sent.of, events))
    await fetch(
        stage.database_url,
        'INSERT INTO stream_offsets (cluster, topic, "partition", next_offset) VALUES ($1, $2, 1, 6)',
        await cluster_id(stage.kafka),
        CALL_EVENTS.name,
    )
    async with stage.worker() as worker:
        await stage.until_counted(10, worker)
    assert await read_totals(stage.database_url) == expect(events[6:]).totals


async def test_stopping_finishes_the_batch_under_way(stage: Stage) -> None:
    events = calls(5)
    stop = asyncio.Event()
    blocker = await asyncpg.connect(stage.database_url)
    worker = asyncio.create_task(run_worker(stage.options(lanes=1), stop))
    try:
        await until(lambda: _any(blocker, "SELECT FROM stream_workers WHERE partitions <> '{}'"))
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE stream_offsets IN EXCLUSIVE MODE")
            await stage.send(Sent(sent.value, partition=0) for sent in map(Sent.of, events))
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
    counted = await stage.counted()
    assert counted > 0
    totals = await read_totals(stage.database_url)
    assert totals == expect(events[:counted]).totals
    check_published(await stage.newest_totals(await versions_of(stage)), totals)


async def _any(connection: asyncpg.Connection, query: str) -> bool:
    return bool(await connection.fetch(query))


async def test_what_a_dead_publisher_left_is_published_by_another(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its batches are in the outbox, which the transaction itself wrote."""
    events = calls(6)
    with monkeypatch.context() as patch:
        patch.setattr(TotalsPublisher, "submit", lambda *_: None)
        async with stage.worker() as worker:
            await stage.until_counted(len(await stage.send(events)), worker)
    assert await stage.newest_totals({}) == {}
    backdate = "UPDATE totals_outbox SET created_at = created_at - interval '1 minute' RETURNING 1"
    assert await fetch(stage.database_url, backdate)
    async with stage.worker():
        newest = await stage.newest_totals(await versions_of(stage))
        await until(lambda: _is_empty(stage, "totals_outbox"))
    check_published(newest, await read_totals(stage.database_url))


async def test_totals_of_a_commit_that_nobody_heard_of_are_published(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was lost, and done again there was nothing new: only the outbox knows of it."""
    monkeypatch.setattr("streams.publishing.publisher.RELAY_SECONDS", 1)
    async with stage.worker() as worker:
        with monkeypatch.context() as patch:
            patch.setattr(TotalsPublisher, "submit", lambda *_: None)
            await stage.until_counted(len(await stage.send(calls(3))), worker)
        assert not await _is_empty(stage, "totals_outbox")
        backdate = "UPDATE totals_outbox SET created_at = created_at - interval '1 minute'"
        await fetch(stage.database_url, backdate)
        newest = await stage.newest_totals(await versions_of(stage))
        await until(lambda: _is_empty(stage, "totals_outbox"))
    check_published(newest, await read_totals(stage.database_url))


async def _is_empty(stage: Stage, table: str) -> bool:
    return not await fetch(stage.database_url, f"SELECT FROM {table}")
