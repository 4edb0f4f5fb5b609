"""What the product needs of a broker, on the embedded one and on Apache Kafka."""

import asyncio
import uuid
from typing import TypeAlias

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from devkit.embedded.apache_kafka import ApacheKafka
from devkit.embedded.tansu import EmbeddedTansu

Broker: TypeAlias = EmbeddedTansu | ApacheKafka
Record: TypeAlias = ConsumerRecord  # of bytes, not decoded
PARTITIONS = 4
RECORDS = 200
FAR_PAST_THE_END = 1_000_000


@pytest.fixture
async def topic(broker: Broker) -> str:
    """A new topic of several partitions."""
    name = f"contract-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    finally:
        await admin.close()
    return name


async def test_cluster_has_an_id(broker: Broker) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        cluster = await admin.describe_cluster()
    finally:
        await admin.close()
    assert cluster["cluster_id"]


async def test_records_of_a_key_keep_order_and_headers(broker: Broker, topic: str) -> None:
    await produce(broker, topic, compression=None)
    records = await consume(broker, topic, group=None)
    assert len(records) == RECORDS
    for user in range(10):
        mine = [int(record.value) for record in records if record.key == f"user-{user}".encode()]
        assert mine == list(range(user, RECORDS, 10))
    assert all(dict(record.headers)["ce_id"] == record.value for record in records)


async def test_compressed_batches_are_read(broker: Broker, topic: str) -> None:
    await produce(broker, topic, compression="gzip")
    assert len(await consume(broker, topic, group=None)) == RECORDS


async def test_group_resumes_at_its_committed_offset(broker: Broker, topic: str) -> None:
    group = f"group-{uuid.uuid4().hex[:8]}"
    await produce(broker, topic)
    assert len(await consume(broker, topic, group)) == RECORDS
    await produce(broker, topic)
    assert len(await consume(broker, topic, group)) == RECORDS


async def test_group_members_share_the_partitions(broker: Broker, topic: str) -> None:
    group = f"group-{uuid.uuid4().hex[:8]}"
    first, second = group_consumer(broker, topic, group), group_consumer(broker, topic, group)
    await first.start()
    await second.start()
    try:
        async with asyncio.timeout(60):
            while len(first.assignment()) != 2 or len(second.assignment()) != 2:
                await first.getmany(timeout_ms=100)
                await second.getmany(timeout_ms=100)
        assert not first.assignment() & second.assignment()
        await second.stop()
        async with asyncio.timeout(60):
            while len(first.assignment()) != PARTITIONS:
                await first.getmany(timeout_ms=100)
    finally:
        await first.stop()
        await second.stop()


async def test_position_past_the_end_is_detected(broker: Broker, topic: str) -> None:
    """After a broker lost its log, the stored offset is past the end.

    Apache Kafka refuses the fetch, and the client restarts at the earliest record. The embedded
    broker returns nothing, but each answer has its high watermark.
    """
    await produce(broker, topic)
    partition = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign([partition])
        consumer.seek(partition, FAR_PAST_THE_END)
        async with asyncio.timeout(30):
            while not (records := await consumer.getmany(timeout_ms=200)):
                high_watermark = consumer.highwater(partition)
                if high_watermark is not None and high_watermark < FAR_PAST_THE_END:
                    await consumer.seek_to_beginning(partition)
        assert records[partition][0].offset == 0
    finally:
        await consumer.stop()


async def test_fetch_returns_the_end_of_the_log(broker: Broker, topic: str) -> None:
    """From it a lane knows that there is a backlog."""
    await produce(broker, topic)
    partition = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        consumer.assign([partition])
        records: list[Record] = []
        async with asyncio.timeout(30):
            while len(records) < RECORDS // 10:
                polled = await consumer.getmany(timeout_ms=200, max_records=RECORDS // 10)
                records += polled.get(partition, [])
            end = consumer.last_stable_offset(partition)
            assert end is not None
            while len(records) < end:
                records += (await consumer.getmany(timeout_ms=500)).get(partition, [])
        # No further record may come.
        assert not await consumer.getmany(timeout_ms=200)
        assert end == records[-1].offset + 1 == len(records)
    finally:
        await consumer.stop()


async def produce(broker: Broker, topic: str, compression: str | None = None) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap, acks="all", compression_type=compression
    )
    try:
        await producer.start()
        sent = [
            await producer.send(
                topic,
                key=f"user-{number % 10}".encode(),
                value=str(number).encode(),
                headers=[("ce_id", str(number).encode())],
            )
            for number in range(RECORDS)
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def group_consumer(broker: Broker, topic: str, group: str | None) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker.bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        # The embedded broker answers a join after half of this, and drops a member after all of it.
        session_timeout_ms=1000,
        heartbeat_interval_ms=200,
        rebalance_timeout_ms=3000,
        max_poll_interval_ms=60_000,
    )


async def consume(broker: Broker, topic: str, group: str | None) -> list[Record]:
    consumer = group_consumer(broker, topic, group)
    await consumer.start()
    try:
        records = await drain(consumer)
        if group is not None:
            await consumer.commit()
        return records
    finally:
        await consumer.stop()


async def drain(consumer: AIOKafkaConsumer) -> list[Record]:
    records: list[Record] = []
    async with asyncio.timeout(60):
        while len(records) < RECORDS:
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                records.extend(batch)
    # No further record may come.
    assert not await consumer.getmany(timeout_ms=200)
    return records
