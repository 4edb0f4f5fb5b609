"""Reads records of a topic."""

import asyncio
from collections.abc import Callable

from cost_analytics.configuration.kafka_section import KafkaSection
from messaging.kafka import ConsumerRecord, make_consumer, start_consumer


async def read_records(
    bootstrap: str,
    topic: str,
    count: int,
    *,
    wanted: Callable[[ConsumerRecord], bool] = lambda _: True,
    seconds: int = 30,
) -> list[ConsumerRecord]:
    """Return the first `count` wanted records of a topic; raises TimeoutError if there are fewer."""
    consumer = make_consumer(KafkaSection(bootstrap).client(), topic, group=None)
    await start_consumer(consumer)
    found: list[ConsumerRecord] = []
    try:
        async with asyncio.timeout(seconds):
            while len(found) < count:
                polled = await consumer.getmany(timeout_ms=200)
                for records in polled.values():
                    found.extend(record for record in records if wanted(record))
    finally:
        await consumer.stop()
    return found
