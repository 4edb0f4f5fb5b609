"""Sends many records to Kafka: a limited number in flight, each acknowledged.

With an idempotent producer a record never expires: an unreachable broker would be waited for
without limit. So everything here has a timeout.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Final

from api.intake.event_stream import OutgoingEvent
from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.failures import kafka_failure, using_kafka
from messaging.kafka import AIOKafkaProducer, KafkaError, ensure_topics, make_producer
from schemas.cloudevents import Headers
from schemas.topics import CALL_EVENTS

IN_FLIGHT_MAX: Final = 5_000
RESPONSE_SECONDS_MAX: Final = 30
_STOP_SECONDS_MAX: Final = 5
_LINGER_MS: Final = 5


class RecordSender:
    """Sends records in order and counts the acknowledged ones."""

    def __init__(self, producer: AIOKafkaProducer, kafka: KafkaSection) -> None:
        self._producer = producer
        self._kafka = kafka
        self._in_flight: deque[Awaitable[object]] = deque()
        self.acknowledged = 0

    async def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: Headers | None = None,
    ) -> None:
        """Send a record; waits while too many are in flight.

        Raises CommandError if Kafka refuses this record or an earlier one.
        """
        try:
            # Limited by the request timeout.
            sent = await self._producer.send(topic, value, key=key, headers=headers)
        except (KafkaError, OSError) as error:
            raise kafka_failure(self._kafka, error) from None
        self._in_flight.append(sent)
        if len(self._in_flight) >= IN_FLIGHT_MAX:
            await self._await_acknowledgements(IN_FLIGHT_MAX // 2)

    async def flush(self) -> None:
        """Wait until all records are acknowledged; raises as `send` does."""
        await self._await_acknowledgements(0)

    async def _await_acknowledgements(self, remaining: int) -> None:
        with using_kafka(self._kafka):
            async with asyncio.timeout(RESPONSE_SECONDS_MAX):
                while len(self._in_flight) > remaining:
                    await self._in_flight.popleft()
                    self.acknowledged += 1

    def discard(self) -> None:
        """Discard the records in flight."""
        for sent in self._in_flight:
            asyncio.ensure_future(sent).cancel()
        self._in_flight.clear()


@asynccontextmanager
async def open_sender(kafka: KafkaSection) -> AsyncIterator[RecordSender]:
    """Connect and create missing topics; close everything at the end of the block.

    The caller flushes; records that are not acknowledged at the end of the block are discarded.
    Raises CommandError if Kafka cannot be reached.
    """
    with using_kafka(kafka):
        settings = kafka.client()
        await ensure_topics(
            settings, partitions=kafka.topic_partitions, replication=kafka.topic_replication
        )
    producer = make_producer(settings, linger_ms=_LINGER_MS)
    sender = RecordSender(producer, kafka)
    try:
        with using_kafka(kafka):
            await producer.start()
        yield sender
    finally:
        sender.discard()
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(_STOP_SECONDS_MAX):
                await producer.stop()


async def send_event(kafka: KafkaSection, event: OutgoingEvent) -> None:
    """Send an event and wait until it is acknowledged; raises as `open_sender` and `send` do."""
    async with open_sender(kafka) as sender:
        await sender.send(CALL_EVENTS.name, event.value, event.key)
        await sender.flush()
