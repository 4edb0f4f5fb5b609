"""How the API reads topics without a group: start position, end, gaps."""

import asyncio

import pytest

from messaging.broker_log import TopicPartitionKey
from messaging.kafka import make_producer
from messaging.producer import RecoveringProducer
from messaging.topic_reader import (
    LOG_ERRORS,
    LogRecord,
    TopicReader,
    open_topic_reader,
)
from schemas.topics import BUDGET_ALERTS, CALL_TOTALS
from tests.support.streaming import PARTITIONS, Pipeline

TOPICS = (CALL_TOTALS.name, BUDGET_ALERTS.name)


async def send(pipeline: Pipeline, topic: str, *values: bytes) -> None:
    producing = RecoveringProducer(lambda: make_producer(pipeline.kafka))
    await producing.send_all(topic, [(value, value) for value in values])
    await producing.close()


async def read(log: TopicReader, count: int) -> list[LogRecord]:
    found: list[LogRecord] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            found += await log.poll()
    assert len(found) == count
    return found


async def until_missed(log: TopicReader) -> list[LogRecord]:
    found: list[LogRecord] = []
    async with asyncio.timeout(60):
        while (BUDGET_ALERTS.name, b"missed") not in {(r.topic, r.value) for r in found}:
            found += await log.poll()
    return found


async def follow(log: TopicReader) -> None:
    for _ in range(30):
        await log.check()
        await log.poll()


async def test_reader_starts_at_its_position(pipeline: Pipeline) -> None:
    options = pipeline.kafka.client_options()
    await send(pipeline, CALL_TOTALS.name, b"before")
    resumed: dict[TopicPartitionKey, int] = {}
    async with (
        open_topic_reader(options, TOPICS, resumed) as log,
        open_topic_reader(options, TOPICS, {}) as other,
    ):
        assert len(log.positions) == 2 * PARTITIONS
        values = {b"%d" % number for number in range(100)}
        await send(pipeline, CALL_TOTALS.name, *values)
        await send(pipeline, BUDGET_ALERTS.name, b"alert")
        for topic_log in (log, other):
            found = await read(topic_log, 101)
            assert {record.value for record in found} == values | {b"alert"}
            assert {record.topic for record in found} == set(TOPICS)
            assert max(record.age_seconds for record in found) < 20
        await log.check()
        resumed = {place: at for place, at in log.positions.items() if place[0] == TOPICS[1]}
    await send(pipeline, BUDGET_ALERTS.name, b"missed")
    await send(pipeline, CALL_TOTALS.name, b"missed")
    async with open_topic_reader(options, TOPICS, resumed) as log:
        found = await until_missed(log)
        # A broker without a reliable end lets some records be read twice.
        assert len(found) == 1 or not pipeline.idempotent


async def test_emptied_topic_is_a_gap(pipeline: Pipeline) -> None:
    await send(pipeline, CALL_TOTALS.name, *(b"%d" % number for number in range(50)))
    async with open_topic_reader(pipeline.kafka.client_options(), TOPICS, {}) as log:
        await pipeline.reset_topics()
        with pytest.raises(LOG_ERRORS):
            await follow(log)


async def test_lost_position_restarts_at_the_beginning(pipeline: Pipeline) -> None:
    """A log that was recreated is read from its beginning."""
    resumed: dict[TopicPartitionKey, int] = {
        (BUDGET_ALERTS.name, n): 1_000 for n in range(PARTITIONS)
    }
    await send(pipeline, BUDGET_ALERTS.name, b"new")
    async with open_topic_reader(pipeline.kafka.client_options(), TOPICS, resumed) as log:
        assert [record.value for record in await read(log, 1)] == [b"new"]
