"""Ends a worker that has records to read but reads none, so that its supervisor starts a new one.

A consumer can get stuck after a broker restart or a blocked event loop. Waiting for the database
or at the refusal limit is not being stuck: the lane says so, and is left alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from messaging.kafka import AIOKafkaConsumer, KafkaError, TopicPartition
from streams.lane import Lane

LOOK_SECONDS: Final = 10
ASK_TIMEOUT_SECONDS: Final = 10

_log = logging.getLogger(__name__)


class StalledError(Exception):
    """There are records to read, and none has been counted for too long."""


class Watchdog:
    """Compares what the brokers hold with what the lanes have counted."""

    def __init__(
        self, consumer: AIOKafkaConsumer, lanes: Sequence[Lane], stall_seconds: int
    ) -> None:
        """Take whom to watch, and how long no progress is bearable."""
        self._consumer = consumer
        self._lanes = lanes
        self._stall_seconds = stall_seconds
        self._waiting: dict[Lane, tuple[int, int]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until `stop`; raises StalledError."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
            for lane in self._lanes:
                await self._look(lane)

    async def _look(self, lane: Lane) -> None:
        """Count the time since records were first seen waiting while nothing was counted."""
        since, progress = self._waiting.get(lane, (0, -1))
        if lane.failing or not lane.partitions or progress != lane.batches:
            self._waiting[lane] = (time.monotonic_ns(), lane.batches)
            return
        reason = self._beyond_the_end(lane) or await self._behind(lane)
        if reason is None:
            self._waiting[lane] = (time.monotonic_ns(), lane.batches)
            return
        stalled_seconds = (time.monotonic_ns() - since) // 1_000_000_000
        if stalled_seconds >= self._stall_seconds:
            raise StalledError(f"{reason} and none was counted for {stalled_seconds} seconds")

    def _beyond_the_end(self, lane: Lane) -> str | None:
        """Say that a log ends before what was counted of it: it was emptied under a living worker.

        Not every broker reports that; some let a reader wait without end.
        """
        for partition in lane.partitions:
            end = self._consumer.highwater(partition)
            counted = lane.next_offsets.get(partition.partition, 0)
            if end is not None and end < counted:
                return f"{partition} ends at {end}, {counted} of its records were counted before"
        return None

    async def _behind(self, lane: Lane) -> str | None:
        """Return how many records wait to be read or counted; unknown ones are 0.

        The end is compared with how far was read, not with the last record that was: offsets have
        gaps, where transactions leave their markers and retention takes records away.
        """
        ends: dict[TopicPartition, int]
        try:
            async with asyncio.timeout(ASK_TIMEOUT_SECONDS):
                ends = await self._consumer.end_offsets(lane.partitions)
                unread = [end - await self._consumer.position(p) for p, end in ends.items()]
        except (KafkaError, TimeoutError) as error:
            _log.warning(
                "the brokers do not say how far they are: %s",
                error,
                extra={"action": "watchdog_blind"},
            )
            return None
        uncounted = [end - lane.next_offsets.get(p, 0) for p, end in lane.read_offsets.items()]
        behind = sum(max(0, records) for records in unread + uncounted)
        return f"{behind} records wait" if behind else None
