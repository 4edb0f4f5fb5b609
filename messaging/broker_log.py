"""Reads and writes the log of a single broker directly, as raw record batches.

An ordinary client connects to the address that its broker advertises. These connections stay with
the broker they were opened to, so two brokers that advertise the same address can be distinguished.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from aiokafka.conn import create_conn
from aiokafka.protocol.admin import CreateTopicsRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest

from messaging.kafka import KafkaError, for_code, raise_for_topics
from schemas.topics import ALL_TOPICS

_TIMEOUT_MS: Final = 10_000
_WAIT_MS: Final = 10
"""How long a broker may wait for records; without it the embedded broker returns none."""
_FETCH_BYTES: Final = 1024 * 1024
_READ_COMMITTED: Final = 1
_ALL_REPLICAS: Final = -1
_HEADER: Final = struct.Struct(">qi")
"""The beginning of a batch: its base offset, and the length of the rest."""
_LAST_OFFSET: Final = struct.Struct(">i")
_LAST_OFFSET_AT: Final = 23

TopicPartitionKey = tuple[str, int]
"""A topic and a partition."""


class RecordBatches(NamedTuple):
    """Complete record batches, the offset after them, and the end of the log (high watermark)."""

    batches: bytes
    next_offset: int
    end: int


class BrokerLog:
    """The log of one broker, over one connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def create_topics(self, partitions: int) -> None:
        """Create all topics of the product; raises KafkaError or TimeoutError."""
        topics: list[Any] = [
            (topic.name, partitions, 1, [], list(topic.configuration.items()))
            for topic in ALL_TOPICS
        ]
        request: Any = CreateTopicsRequest(topics, _TIMEOUT_MS, False)
        raise_for_topics(await self._connection.send(request))

    async def read(
        self, offsets: Mapping[TopicPartitionKey, int]
    ) -> dict[TopicPartitionKey, RecordBatches]:
        """Return the batches of each partition from its offset on; raises KafkaError.

        Returns at most about 1 MiB in total. `end` is exact, which a broker's reported end offset
        need not be.
        """
        by_topic: dict[str, list[tuple[int, int, int]]] = {}
        for (topic, partition), offset in offsets.items():
            by_topic.setdefault(topic, []).append((partition, offset, _FETCH_BYTES))
        response = await self._connection.send(
            FetchRequest(_WAIT_MS, 1, _FETCH_BYTES, _READ_COMMITTED, list(by_topic.items()))
        )
        logs = {}
        for topic, partitions in response.topics:
            for partition, code, end, *_, batches in partitions:
                key = (topic, partition)
                _raise_for(code, key)
                logs[key] = RecordBatches(*_whole_batches(bytes(batches or b""), offsets[key]), end)
        if logs.keys() != offsets.keys():
            raise KafkaError("the broker did not answer for all partitions")
        return logs

    async def append(self, logs: Mapping[TopicPartitionKey, RecordBatches]) -> None:
        """Append record batches and wait until they are acknowledged; raises KafkaError."""
        by_topic: dict[str, list[tuple[int, bytes]]] = {}
        for (topic, partition), log in logs.items():
            by_topic.setdefault(topic, []).append((partition, log.batches))
        response = await self._connection.send(
            ProduceRequest(None, _ALL_REPLICAS, _TIMEOUT_MS, list(by_topic.items()))
        )
        for topic, partitions in response.topics:
            for partition, code, *_ in partitions:
                _raise_for(code, (topic, partition))

    async def lag(self, offsets: Mapping[TopicPartitionKey, int]) -> int:
        """Return the number of records at or after these offsets, over all partitions."""
        logs = await self.read(offsets)
        return sum(max(0, log.end - offsets[key]) for key, log in logs.items())


@asynccontextmanager
async def broker_log(host: str, port: int) -> AsyncIterator[BrokerLog]:
    """Connect to the broker at an address; raises KafkaError or OSError."""
    connection = await create_conn(host, port, request_timeout_ms=_TIMEOUT_MS)
    try:
        yield BrokerLog(connection)
    finally:
        connection.close()


async def copy_tails(
    source: BrokerLog, target: BrokerLog, starts: Mapping[TopicPartitionKey, int]
) -> int:
    """Append the records of `source` from these offsets on to `target`; returns their number.

    Whole batches are copied: the first ones may begin earlier. Records appended to `source`
    meanwhile may be copied or not.
    """
    offsets = dict(starts)
    while True:
        logs = await source.read(offsets)
        unread = {key: log for key, log in logs.items() if log.batches}
        if not unread:
            break
        await target.append(unread)
        offsets |= {key: log.next_offset for key, log in unread.items()}
    for key, log in logs.items():
        if log.end > offsets[key]:
            raise KafkaError(f"{key[0]} [{key[1]}] could not be read to its end")
    return sum(offsets.values()) - sum(starts.values())


def _whole_batches(data: bytes, offset: int) -> tuple[bytes, int]:
    """Return the batches that contain `offset` or later ones, and the offset after them.

    A broker truncates the last batch when the response is full.
    """
    begin, position = 0, 0
    while position + _HEADER.size <= len(data):
        base, length = _HEADER.unpack_from(data, position)
        end = position + _HEADER.size + length
        if end > len(data):
            break
        last = base + _LAST_OFFSET.unpack_from(data, position + _LAST_OFFSET_AT)[0]
        if last < offset:
            begin = end
        else:
            offset = last + 1
        position = end
    return data[begin:position], offset


def _raise_for(code: int, key: TopicPartitionKey) -> None:
    if code:
        raise for_code(code)(f"{key[0]} [{key[1]}]")
