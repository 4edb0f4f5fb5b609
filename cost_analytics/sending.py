"""Sends many records to Kafka: as many on their way at once as is good, each acknowledged.

With an idempotent producer a record never expires, so a broker that went away would be waited for
without limit; everything here has a time limit instead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.failures import kafka_failure, using_kafka
from messaging.kafka import AIOKafkaProducer, KafkaError, ensure_topics, make_producer

IN_FLIGHT_MAX: Final = 5_000
ANSWER_SECONDS_MAX: Final = 30
_STOP_SECONDS_MAX: Final = 5

Headers = Sequence[tuple[str, bytes | None]]


class RecordSender:
    """Sends records in order and counts those that Kafka has acknowledged."""

    def __init__(self, producer: AIOKafkaProducer, kafka: KafkaSection) -> None:
        self._producer = producer
        self._kafka = kafka
        self._on_their_way: deque[Awaitable[object]] = deque()
        self.acknowledged = 0

    async def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: Headers | None = None,
    ) -> None:
        """Hand a record over; waits while too many are on their way.

        Raises CommandError where Kafka does not take it, or an earlier one.
        """
        try:
            # Has a time limit of its own, the request timeout.
            sent = await self._producer.send(topic, value, key=key, headers=headers)
        except (KafkaError, OSError) as error:
            raise kafka_failure(self._kafka, error) from None
        self._on_their_way.append(sent)
        if len(self._on_their_way) >= IN_FLIGHT_MAX:
            await self._settle(IN_FLIGHT_MAX // 2)

    async def flush(self) -> None:
        """Wait until everything is acknowledged; raises as `send` does."""
        await self._settle(0)

    async def _settle(self, rest: int) -> None:
        with using_kafka(self._kafka):
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                while len(self._on_their_way) > rest:
                    await self._on_their_way.popleft()
                    self.acknowledged += 1

    def give_up(self) -> None:
        """Forget what is still on its way."""
        for sent in self._on_their_way:
            asyncio.ensure_future(sent).cancel()
        self._on_their_way.clear()


@asynccontextmanager
async def open_sender(kafka: KafkaSection, *, linger_ms: int = 5) -> AsyncIterator[RecordSender]:
    """Connect, create the topics that are missing, and close everything at the end of the block.

    The caller flushes; what is not acknowledged when the block ends is given up. Raises
    CommandError where Kafka cannot be reached.
    """
    with using_kafka(kafka):
        settings = kafka.client()
        await ensure_topics(
            settings, partitions=kafka.topic_partitions, replication=kafka.topic_replication
        )
    producer = make_producer(settings, linger_ms=linger_ms)
    sender = RecordSender(producer, kafka)
    try:
        with using_kafka(kafka):
            await producer.start()
        yield sender
    finally:
        sender.give_up()
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(_STOP_SECONDS_MAX):
                await producer.stop()
