"""The one module of the API that knows aiokafka: reads whole topics on its own, without a group.

Every replica reads everything. Partitions are assigned and positions taken by hand, so that the
moment from which nothing is missed is known; a position that does not exist any more is an error
and never silently another one.
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

ANSWER_SECONDS: Final = 5
POLL_MS: Final = 1_000
RECORDS_MAX: Final = 500
_FETCH_BYTES: Final = 1024 * 1024
_FETCH_WAIT_MS: Final = 100
_RETRY_MS: Final = 500


class LogChangedError(Exception):
    """The topics do not hold what was being read: start again, and ask the database."""


LOG_ERRORS: Final = (KafkaError, LogChangedError, OSError, TimeoutError)
"""Errors that a new start may resolve."""

T = TypeVar("T")

Place = tuple[str, int]
"""A topic and one of its partitions."""


class LogRecord(NamedTuple):
    """One record; a compacted topic's record without a value says that its key is gone."""

    topic: str
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    age_seconds: int


class TopicReader:
    """Some topics, read from a position on."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        self._partitions = partitions
        self._ends: dict[TopicPartition, int] = {}
        self.positions: dict[Place, int] = {}
        """The next offset to be read."""

    async def poll(self) -> list[LogRecord]:
        """Return the next records, an empty list after a second without any; raises LOG_ERRORS."""
        polled = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
        now_ms = time.time_ns() // 1_000_000
        found = []
        for partition, records in polled.items():
            for record in records:
                age_seconds = max(0, now_ms - record.timestamp) // 1_000
                found.append(LogRecord(record.topic, record.value, record.headers, age_seconds))
            self.positions[partition.topic, partition.partition] = records[-1].offset + 1
        return found

    async def check(self) -> None:
        """Raise GapError where the topics were emptied or widened; else LOG_ERRORS.

        An end is compared with itself, not with a position: the embedded broker names one that
        lies behind, within its last batch.
        """
        ends = await _limited(self._consumer.end_offsets(self._partitions))
        for partition, end in ends.items():
            if end < self._ends[partition]:
                raise LogChangedError(
                    f"{partition.topic} partition {partition.partition} was emptied"
                )
            self._ends[partition] = end
        for topic in {partition.topic for partition in self._partitions}:
            known = self._consumer.partitions_for_topic(topic) or ()
            if len(known) > sum(partition.topic == topic for partition in self._partitions):
                raise LogChangedError(f"{topic} has more partitions now")

    async def begin(self, resumed: Mapping[Place, int]) -> None:
        """Take up the positions in `resumed` that still exist, else the ends of the topics."""
        begins = await _limited(self._consumer.beginning_offsets(self._partitions))
        ends = await _limited(self._consumer.end_offsets(self._partitions))
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
    client_options: Mapping[str, Any], topics: Sequence[str], resumed: Mapping[Place, int]
) -> AsyncIterator[TopicReader]:
    """Read topics for the length of a block, from their ends or from where they were read to.

    `client_options` say how to reach the brokers. Raises LOG_ERRORS.
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
        await _limited(consumer.start())
        log = TopicReader(consumer, partitions)
        await log.begin(resumed)
        yield log
    finally:
        with suppress(*LOG_ERRORS):
            await _limited(consumer.stop())


async def _partitions(
    client_options: Mapping[str, Any], topics: Sequence[str]
) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(**client_options)
    try:
        await _limited(admin.start())
        described = await _limited(admin.describe_topics(list(topics)))
    finally:
        with suppress(*LOG_ERRORS):
            await _limited(admin.close())
    missing = [topic["topic"] for topic in described if topic["error_code"]]
    if missing or len(described) != len(topics):
        raise LogChangedError(f"there is no topic {', '.join(missing or topics)}")
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    ]


async def _limited(work: Coroutine[Any, Any, T]) -> T:
    """Wait for a client's answer within a limit; raises TimeoutError.

    A client whose broker has gone may not take its cancellation, and is left to itself then; or it
    ends in one of its own, which must not be taken for ours.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=ANSWER_SECONDS)
    finally:
        task.cancel()
    if not done or task.cancelled():
        raise TimeoutError("the brokers do not answer")
    return task.result()
