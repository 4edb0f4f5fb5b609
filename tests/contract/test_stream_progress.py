"""Until when the stream is counted: it follows the time only while everything is counted."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaProducer

from ledger.postgres.database import connected
from ledger.recording.offsets import Stream
from ledger.recording.workers import read_counted_until, store_progress
from messaging.kafka import cluster_id
from schemas.topics import CALL_EVENTS
from streams import rebalance_listener
from tests.support.events import cost, started, structured
from tests.support.recording import fetch, until
from tests.support.streaming import PARTITIONS, Pipeline


@pytest.fixture(autouse=True)
def frequent_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers send heartbeats often."""
    monkeypatch.setattr(rebalance_listener, "HEARTBEAT_SECONDS", 0.5)


async def counted_until(pipeline: Pipeline) -> datetime | None:
    stream = Stream(await cluster_id(pipeline.kafka), CALL_EVENTS.name)
    async with connected(pipeline.database_url, name="tests") as connection:
        return await read_counted_until(connection, stream)


async def is_after(pipeline: Pipeline, moment: datetime) -> bool:
    found = await counted_until(pipeline)
    return found is not None and found > moment


async def test_progress_follows_an_idle_stream_and_stands_still_without_a_worker(
    pipeline: Pipeline,
) -> None:
    assert await counted_until(pipeline) is None
    async with pipeline.worker():
        begun = datetime.now(UTC)
        await until(lambda: is_after(pipeline, begun), 60)
    rows = await fetch(pipeline.database_url, "SELECT count(*) FROM stream_progress")
    assert rows[0][0] == PARTITIONS
    stopped = await counted_until(pipeline)
    assert stopped is not None
    assert stopped <= datetime.now(UTC)
    backlog = [started(f"call-{n}", f"user-{n}", time=datetime.now(UTC)) for n in range(200)]
    await pipeline.send(backlog)
    sent = datetime.now(UTC)
    assert await counted_until(pipeline) == stopped
    async with pipeline.worker():
        await until(lambda: is_after(pipeline, sent), 60)
        rows = await fetch(pipeline.database_url, "SELECT sum(event_count) FROM calls")
        assert rows[0][0] == len(backlog), "it passed a moment before all records of it counted"


async def test_a_partition_of_unknown_progress_makes_that_of_the_stream_unknown(
    pipeline: Pipeline,
) -> None:
    stream = Stream("cluster", "topic")
    now = datetime.now(UTC)
    await fetch(
        pipeline.database_url,
        "INSERT INTO stream_offsets (cluster, topic, partition, next_offset)"
        " SELECT 'cluster', 'topic', generate_series(0, 1), 7",
    )
    async with connected(pipeline.database_url, name="tests") as connection:
        await store_progress(connection, stream, {0: now})
        assert await read_counted_until(connection, stream) is None
        await store_progress(connection, stream, {1: now - timedelta(hours=1)})
        assert await read_counted_until(connection, stream) == now - timedelta(hours=1)
        await store_progress(connection, stream, {0: now - timedelta(hours=2)})
        await store_progress(connection, stream, {1: now})
        assert await read_counted_until(connection, stream) == now


@pytest.mark.apache
@pytest.mark.parametrize("bootstrap", ["apache"], ids=["apache"], indirect=True)
async def test_markers_of_transactions_do_not_stop_the_progress(pipeline: Pipeline) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=pipeline.bootstrap, transactional_id=f"emitter-{uuid.uuid4().hex}"
    )
    await producer.start()
    try:
        async with producer.transaction():
            event = structured(cost(time=datetime.now(UTC)))
            await producer.send_and_wait(CALL_EVENTS.name, event, partition=0)
    finally:
        await producer.stop()
    sent = datetime.now(UTC)
    async with pipeline.worker() as worker:
        await pipeline.until_counted(1, worker)
        await until(lambda: is_after(pipeline, sent), 60)
    rows = await fetch(pipeline.database_url, "SELECT sum(next_offset) FROM stream_offsets")
    assert rows[0][0] == 1, "the marker is no record that was counted"
