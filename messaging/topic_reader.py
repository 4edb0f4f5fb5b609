"""Reads whole topics without a consumer group, for the live feed and for waking processes.

Each process reads everything. It assigns partitions and seeks itself, so it knows from which
positions on it has missed nothing. A position that is removed while it reads is an error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from messaging.broker_log import TopicPartitionKey

RESPONSE_SECONDS_MAX: Final = 5
POLL_MS: Final = 1_000
RECORDS_MAX: Final = 500
_FETCH_BYTES: Final = 1024 * 1024
_FETCH_WAIT_MS: Final = 100
_RETRY_MS: Final = 500


class LogChangedError(Exception):
    """The topics have changed: start again, and read the database."""


LOG_ERRORS: Final = (KafkaError, LogChangedError, OSError, TimeoutError)
"""Errors after which the reader may be opened again."""

T = TypeVar("T")


class LogRecord(NamedTuple):
    """A record; in a compacted topic, one without a value is a tombstone."""

    topic: str
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    age_seconds: int


class TopicReader:
    """Reads topics from given positions; `positions` has the next offset of each partition."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        self._partitions = partitions
        self._ends: dict[TopicPartition, int] = {}
        self.positions: dict[TopicPartitionKey, int] = {}

    async def poll(self) -> list[LogRecord]:
        """Return the next records, an empty list after a second without any; raises LOG_ERRORS."""
        polled = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
        now_ms = time.time_ns() // 1_000_000
        read = []
        for partition, records in polled.items():
            for record in records:
                age_seconds = max(0, now_ms - record.timestamp) // 1_000
                read.append(LogRecord(record.topic, record.value, record.headers, age_seconds))
            self.positions[partition.topic, partition.partition] = records[-1].offset + 1
        return read

    async def check(self) -> None:
        """Raise LogChangedError if the topics were emptied or have more partitions now.

        Raises LOG_ERRORS if the brokers do not answer. An end offset is compared with its earlier
        value, not with a position: the embedded broker reports one within its last batch.
        """
        ends = await _with_timeout(self._consumer.end_offsets(self._partitions))
        for partition, end in ends.items():
            if end < self._ends[partition]:
                raise LogChangedError(
                    f"{partition.topic} partition {partition.partition} was emptied"
                )
            self._ends[partition] = end
        for topic in {partition.topic for partition in self._partitions}:
            numbers = self._consumer.partitions_for_topic(topic) or ()
            if len(numbers) > sum(partition.topic == topic for partition in self._partitions):
                raise LogChangedError(f"{topic} has more partitions now")

    async def begin(self, resumed: Mapping[TopicPartitionKey, int]) -> None:
        """Seek each partition to its position in `resumed`, without one to its end.

        If the log no longer contains the position, everything that it contains is read.
        """
        begins = await _with_timeout(self._consumer.beginning_offsets(self._partitions))
        ends = await _with_timeout(self._consumer.end_offsets(self._partitions))
        self._ends = ends
        self._consumer.assign(self._partitions)
        for partition in self._partitions:
            place = (partition.topic, partition.partition)
            at = resumed.get(place, ends[partition])
            if not begins[partition] <= at <= ends[partition]:
                at = begins[partition]
            self.positions[place] = at
            self._consumer.seek(partition, at)


@asynccontextmanager
async def open_topic_reader(
    client_options: Mapping[str, Any],
    topics: Sequence[str],
    resumed: Mapping[TopicPartitionKey, int],
) -> AsyncIterator[TopicReader]:
    """Read topics for the duration of the block, from their ends or from the positions `resumed`.

    `client_options` are the connection settings. Raises LOG_ERRORS.
    """
    partitions = await _partitions(client_options, topics)
    consumer = AIOKafkaConsumer(
        **client_options,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        max_partition_fetch_bytes=_FETCH_BYTES,
        retry_backoff_ms=_RETRY_MS,
    )
    try:
        await _with_timeout(consumer.start())
        reader = TopicReader(consumer, partitions)
        await reader.begin(resumed)
        yield reader
    finally:
        with suppress(*LOG_ERRORS):
            await _with_timeout(consumer.stop())


async def _partitions(
    client_options: Mapping[str, Any], topics: Sequence[str]
) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(**client_options)
    try:
        await _with_timeout(admin.start())
        described = await _with_timeout(admin.describe_topics(list(topics)))
    finally:
        with suppress(*LOG_ERRORS):
            await _with_timeout(admin.close())
    missing = [topic["topic"] for topic in described if topic["error_code"]]
    if missing or len(described) != len(topics):
        raise LogChangedError(f"there is no topic {', '.join(missing or topics)}")
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    ]


async def _with_timeout(work: Coroutine[Any, Any, T]) -> T:
    """Wait for a client with a timeout; raises TimeoutError.

    A client whose broker is gone may ignore its cancellation, and is then left behind. It may also
    raise CancelledError itself, which must not seem to be the cancellation of the caller.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=RESPONSE_SECONDS_MAX)
    finally:
        task.cancel()
    if not done or task.cancelled():
        raise TimeoutError("the brokers do not answer")
    return task.result()
