"""A producer that is replaced after a failure: retries can hang, so every wait has a timeout."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

from messaging.kafka import (
    MAX_RECORD_BYTES,
    AIOKafkaProducer,
    KafkaError,
    MessageSizeTooLargeError,
    partition_of,
)
from schemas.cloudevents import Headers

T = TypeVar("T")
KeyAndValue = tuple[bytes, bytes]

SEND_TIMEOUT_SECONDS: Final = 15
STOP_TIMEOUT_SECONDS: Final = 5
RECORDS_PER_TIMEOUT: Final = 500
RECORDS_PER_YIELD: Final = 25
GATHERED_PER_TIMEOUT: Final = 2_000
GATHERED_PER_YIELD: Final = 100
"""Sending this many records without yielding takes about a millisecond."""
HEADER_FRAME_BYTES: Final = 10
"""The maximum size of a header besides its name and value."""

_log = logging.getLogger(__name__)


class OutgoingRecord(NamedTuple):
    """A record to send."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers | None = None


def record_size(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """Return the maximum size of a record in bytes, without its batch's overhead."""
    framed = (len(name.encode()) + len(text or b"") + HEADER_FRAME_BYTES for name, text in headers)
    return len(key or b"") + len(value or b"") + sum(framed)


class RecoveringProducer:
    """Owns one producer at a time, created by `make` when it is first needed."""

    def __init__(
        self,
        make: Callable[[], AIOKafkaProducer],
        timeout_seconds: int | None = None,
    ) -> None:
        """`timeout_seconds` limits the start and each acknowledgement."""
        self._make = make
        self._timeout_seconds = timeout_seconds or SEND_TIMEOUT_SECONDS
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()

    async def send(
        self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> Awaitable[Any]:
        """Queue a record; returns an awaitable for its acknowledgement.

        Raises KafkaError or TimeoutError.
        """
        producer = await self._open()
        return await self.wait_in_time(producer.send(topic, value, key=key, headers=headers))

    async def send_all(self, topic: str, records: Iterable[KeyAndValue]) -> int:
        """Send keys and values, wait for their acknowledgement, and return their number.

        Raises KafkaError or TimeoutError; then some may have been sent.
        """
        return await self._send_slices(_send, topic, records, RECORDS_PER_TIMEOUT)

    async def send_gathered(self, topic: str, records: Iterable[KeyAndValue]) -> int:
        """Send like `send_all`, with records grouped by partition.

        It takes a fraction of the time, but blocks other senders to a partition. So use it only for
        a producer with a single sender.
        """
        return await self._send_slices(_send_gathered, topic, records, GATHERED_PER_TIMEOUT)

    async def _send_slices(
        self,
        send: Callable[[AIOKafkaProducer, str, Iterable[KeyAndValue]], Awaitable[int]],
        topic: str,
        records: Iterable[KeyAndValue],
        slice_size: int,
    ) -> int:
        """Send up to `slice_size` records at a time, each slice with its own timeout."""
        producer = await self._open()
        count = 0
        remaining = iter(records)
        while sent := await self.wait_in_time(send(producer, topic, islice(remaining, slice_size))):
            count += sent
        return count

    async def send_records(self, records: Iterable[OutgoingRecord]) -> None:
        """Send records of any topics in order, and wait for their acknowledgement.

        Raises KafkaError or TimeoutError; then some may have been sent.
        """
        producer = await self._open()
        await self.wait_in_time(_send_in_order(producer, records))

    async def close(self) -> None:
        """Stop the producer; records that cannot be sent in time are dropped."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    async def _open(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._producer is None:
                producer = self._make()
                try:
                    await asyncio.wait_for(producer.start(), self._timeout_seconds)
                except BaseException:  # any error or cancellation of the start
                    await _stop(producer)
                    raise
                self._producer = producer
            return self._producer

    async def wait_in_time(self, sent: Awaitable[T]) -> T:
        """Wait at most for the timeout; after a failure the next send uses a new producer."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await sent
        except (KafkaError, TimeoutError) as error:
            _log.warning(
                "the producer failed and is replaced: %s",
                error or "no acknowledgement in time",
                extra={"action": "producer_replaced"},
            )
            await self.close()
            raise


async def _send(producer: AIOKafkaProducer, topic: str, records: Iterable[KeyAndValue]) -> int:
    """Send records, yielding to other tasks in between, and return their number."""
    sent = []
    for key, value in records:
        sent.append(await producer.send(topic, value, key=key))
        if len(sent) % RECORDS_PER_YIELD == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*sent)
    return len(sent)


async def _send_gathered(
    producer: AIOKafkaProducer, topic: str, records: Iterable[KeyAndValue]
) -> int:
    """Send records in few batches, yielding to other tasks; return their number.

    A record larger than a batch is sent alone. If a record is too large for the topic, all fail;
    the maximum size is checked here, because nothing else checks it for batches.
    """
    partitions = sorted(await producer.partitions_for(topic))
    batches: dict[int, Any] = {}
    sent = []
    count = 0
    for count, (key, value) in enumerate(records, start=1):
        if len(key) + len(value) > MAX_RECORD_BYTES:
            raise MessageSizeTooLargeError(
                f"a record for {topic} is above {MAX_RECORD_BYTES} bytes"
            )
        partition = partition_of(key, partitions)
        batch = batches.get(partition)
        if batch is None or batch.append(timestamp=None, key=key, value=value) is None:
            if batch is not None:
                sent.append(await producer.send_batch(batch, topic, partition=partition))
            batch = batches[partition] = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value)
        if count % GATHERED_PER_YIELD == 0:
            await asyncio.sleep(0)
    for partition, batch in batches.items():
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*sent)
    return count


async def _send_in_order(producer: AIOKafkaProducer, records: Iterable[OutgoingRecord]) -> None:
    sent = [
        await producer.send(record.topic, record.value, key=record.key, headers=record.headers)
        for record in records
    ]
    await asyncio.gather(*sent)


async def _stop(producer: AIOKafkaProducer) -> None:
    with suppress(KafkaError, TimeoutError):
        await asyncio.wait_for(producer.stop(), STOP_TIMEOUT_SECONDS)
