"""Ends a worker that makes no progress while records wait, so that its supervisor restarts it.

A consumer can get stuck after a restart of brokers or a blocked event loop. A lane that waits for
the database, or because too much is refused, is not stuck: it logs that itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

from messaging.kafka import AIOKafkaConsumer, KafkaError, TopicPartition
from messaging.retries import wait_until_set
from streams.lane import Lane

CHECK_SECONDS: Final = 10
REQUEST_TIMEOUT_SECONDS: Final = 10

_log = logging.getLogger(__name__)


class StalledError(Exception):
    """Records are waiting, but none was counted for too long."""


class Watchdog:
    """Compares the brokers' logs with what the lanes have counted."""

    def __init__(
        self, consumer: AIOKafkaConsumer, lanes: Sequence[Lane], stall_seconds: int
    ) -> None:
        """`stall_seconds` is how long a lane may make no progress."""
        self._consumer = consumer
        self._lanes = lanes
        self._stall_seconds = stall_seconds
        self._waiting: dict[Lane, tuple[int, int]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Check every few seconds until `stop`; raises StalledError."""
        while not stop.is_set():
            await wait_until_set(stop, CHECK_SECONDS)
            for lane in self._lanes:
                await self._check(lane)

    async def _check(self, lane: Lane) -> None:
        """Measure the time during which records wait and none is counted."""
        since, progress = self._waiting.get(lane, (0, -1))
        if lane.is_failing or not lane.partitions or progress != lane.batches:
            self._waiting[lane] = (time.monotonic_ns(), lane.batches)
            return
        reason = self._find_emptied_log(lane) or await self._find_waiting_records(lane)
        if reason is None:
            self._waiting[lane] = (time.monotonic_ns(), lane.batches)
            return
        stalled_seconds = (time.monotonic_ns() - since) // 1_000_000_000
        if stalled_seconds >= self._stall_seconds:
            raise StalledError(f"{reason} and none was counted for {stalled_seconds} seconds")

    def _find_emptied_log(self, lane: Lane) -> str | None:
        """Return a description of a log that ends before the counted offset; None if none does.

        At some brokers a consumer waits without end for the missing offsets.
        """
        for partition in lane.partitions:
            end = self._consumer.highwater(partition)
            counted = lane.next_offsets.get(partition.partition, 0)
            if end is not None and end < counted:
                return f"{partition} ends at {end}, {counted} of its records were counted before"
        return None

    async def _find_waiting_records(self, lane: Lane) -> str | None:
        """Return a description of records that wait to be read or counted; None if there are none.

        The end is compared with the read position, not with the last read record: offsets have gaps
        at transaction markers and where retention has removed records.
        """
        ends: dict[TopicPartition, int]
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                ends = await self._consumer.end_offsets(lane.partitions)
                unread = [end - await self._consumer.position(p) for p, end in ends.items()]
        except (KafkaError, TimeoutError) as error:
            _log.warning(
                "the end offsets are unknown: %s",
                error,
                extra={"action": "watchdog_blind"},
            )
            return None
        uncounted = [end - lane.next_offsets.get(p, 0) for p, end in lane.read_offsets.items()]
        behind = sum(max(0, records) for records in unread + uncounted)
        return f"{behind} records wait" if behind else None
