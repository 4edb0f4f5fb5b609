"""Reads the present contents of a topic, from its beginning to its end, without a group."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from messaging.kafka import (
    AIOKafkaConsumer,
    ConsumerRecord,
    KafkaError,
    KafkaSettings,
    TopicPartition,
    make_consumer,
    start_consumer,
    stop_consumer,
)

POLL_MS: Final = 500
_MILLISECOND_NS: Final = 1_000_000
_SLACK_MS: Final = 1_000
"""The assumed maximum difference between the clocks of brokers, producers and this process."""


async def read_topic(
    settings: KafkaSettings, topic: str
) -> AsyncGenerator[list[ConsumerRecord], None]:
    """Yield all records that are present now; each list is of one partition, in order.

    Reported end offsets are only a lower bound (the embedded broker reports too low ones). So
    reading a partition ends with a record that was written after the beginning of this call. It
    also ends with an empty poll, if the reported end and the end in a fetch are reached. Raises
    KafkaError or TimeoutError.
    """
    consumer = make_consumer(settings, topic, group=None)
    await start_consumer(consumer)
    try:
        partitions = _partitions(consumer, topic)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        began_ms = time.time_ns() // _MILLISECOND_NS + _SLACK_MS
        unread = set(partitions)
        while unread:
            polled = await consumer.getmany(*unread, timeout_ms=POLL_MS)
            for records in polled.values():
                yield records
            unread -= {p for p, records in polled.items() if records[-1].timestamp > began_ms}
            if not polled:
                unread = {p for p in unread if not await _is_read(consumer, p, ends[p])}
    finally:
        await stop_consumer(consumer)


async def _is_read(consumer: AIOKafkaConsumer, partition: TopicPartition, end: int) -> bool:
    """Return whether all known records were read; before the first fetch none are known."""
    fetched_end: int | None = consumer.highwater(partition)
    position: int = await consumer.position(partition)
    return fetched_end is not None and position >= max(end, fetched_end)


def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    partitions: list[TopicPartition] = sorted(consumer.assignment())
    if not partitions:
        raise KafkaError(f"there is no topic {topic}")
    return partitions


async def end_offsets(settings: KafkaSettings, topic: str) -> dict[int, int]:
    """Return the end offset of each partition of a topic; raises KafkaError or TimeoutError."""
    consumer = make_consumer(settings, topic, group=None)
    await start_consumer(consumer)
    try:
        ends = await consumer.end_offsets(_partitions(consumer, topic))
    finally:
        await stop_consumer(consumer)
    return {partition.partition: offset for partition, offset in ends.items()}


async def newest_values(
    settings: KafkaSettings, topic: str, keys_max: int
) -> AsyncGenerator[dict[bytes, bytes | None], None]:
    """Yield the keys of a topic with their newest values, about `keys_max` keys at a time.

    A key may be repeated with a later value. Raises KafkaError or TimeoutError.
    """
    newest: dict[bytes, bytes | None] = {}
    async with aclosing(read_topic(settings, topic)) as reading:
        async for records in reading:
            newest |= {record.key: record.value for record in records if record.key is not None}
            if len(newest) >= keys_max:
                yield newest
                newest = {}
    if newest:
        yield newest
