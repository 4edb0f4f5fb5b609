"""Commits offsets to Kafka, for tools that show lag; nothing depends on them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from messaging.kafka import AIOKafkaConsumer, KafkaError, TopicPartition
from messaging.retries import wait_until_set
from schemas.topics import CALL_EVENTS

COMMIT_SECONDS: Final = 1
COMMIT_TIMEOUT_SECONDS: Final = 5

_log = logging.getLogger(__name__)


class KafkaOffsets:
    """Commits the newest offsets about once a second."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._due: dict[TopicPartition, int] = {}

    def note(self, next_offsets: Mapping[int, int]) -> None:
        for partition, offset in next_offsets.items():
            self._due[TopicPartition(CALL_EVENTS.name, partition)] = offset

    async def run(self, stop: asyncio.Event) -> None:
        """Commit until `stop`."""
        while not stop.is_set():
            await wait_until_set(stop, COMMIT_SECONDS)
            await self.commit()

    async def commit(self) -> None:
        """Commit the pending offsets; failures are ignored."""
        owned = self._consumer.assignment()
        due = {partition: offset for partition, offset in self._due.items() if partition in owned}
        self._due.clear()
        if not due:
            return
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
                await self._consumer.commit(due)
        except (KafkaError, TimeoutError) as error:
            _log.debug("Kafka offsets lag: %s", error, extra={"action": "kafka_commit_failed"})
