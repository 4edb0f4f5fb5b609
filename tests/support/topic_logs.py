"""Changes the log of the events topic as operators and retention do."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from messaging.kafka import ensure_topics, start_consumer
from schemas.topics import CALL_EVENTS
from tests.support.events import Plain
from tests.support.streaming import PARTITIONS, STEP_SECONDS, Pipeline, SentRecord

PARTITION = 1


def in_partition(events: Iterable[Plain], partition: int = PARTITION) -> list[SentRecord]:
    """Return these events as records of one partition."""
    return [SentRecord(SentRecord.of(event).value, partition=partition) for event in events]


async def delete_records(pipeline: Pipeline, before: int, partition: int = PARTITION) -> None:
    """Remove the records of a partition before an offset, as retention does."""
    async with _admin(pipeline) as admin:
        place = TopicPartition(CALL_EVENTS.name, partition)
        await admin.delete_records({place: RecordsToDelete(before_offset=before)})


async def recreate_topic(pipeline: Pipeline) -> None:
    """Delete the events topic and create it again, empty."""
    async with _admin(pipeline) as admin:
        await admin.delete_topics([CALL_EVENTS.name])
        async with asyncio.timeout(STEP_SECONDS):
            while CALL_EVENTS.name in await admin.list_topics():
                await asyncio.sleep(0.05)
    async with asyncio.timeout(STEP_SECONDS):
        await ensure_topics(pipeline.kafka, partitions=PARTITIONS)


async def copy_partition(pipeline: Pipeline, count: int, partition: int = PARTITION) -> list[str]:
    """Return the records of a partition as `kcat -J` prints them, a line each."""
    consumer = AIOKafkaConsumer(bootstrap_servers=pipeline.bootstrap)
    await start_consumer(consumer)
    lines: list[str] = []
    try:
        place = TopicPartition(CALL_EVENTS.name, partition)
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        async with asyncio.timeout(STEP_SECONDS):
            while len(lines) < count:
                records = (await consumer.getmany(timeout_ms=500)).get(place, ())
                lines += map(_kcat_line, records)
    finally:
        await consumer.stop()
    return lines


def _kcat_line(record: ConsumerRecord) -> str:
    fields = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key and record.key.decode(),
        "payload": record.value.decode(),
    }
    return json.dumps(fields)


@asynccontextmanager
async def recording_blocked(pipeline: Pipeline) -> AsyncIterator[None]:
    """Block all commits of batches for the length of a block."""
    blocker = await asyncpg.connect(pipeline.database_url)
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE event_identities IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await blocker.close()


@asynccontextmanager
async def _admin(pipeline: Pipeline) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=pipeline.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
