"""Tracks the time up to which each partition is counted: all records readable then are committed.

Suppose that each of the last three heartbeats saw a newer fetch. Then the newest fetch was sent
after the first heartbeat, even if answers wait in a socket. So the end that it reported includes
all records that were readable at the first heartbeat. This end is the next target. Once the lane
has counted up to it, the partition is counted until the time of that heartbeat. Only PostgreSQL's
clock is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.clock import Clock
from ledger.postgres.database import Connection
from ledger.recording.offsets import Stream
from ledger.recording.workers import store_progress
from messaging.kafka import AIOKafkaConsumer, KafkaError, TopicPartition
from streams.lane import Lane

_POSITION_SECONDS: Final = 1


class _Heartbeat(NamedTuple):
    """What a heartbeat saw: its time, the assignment, and when the last fetch was answered."""

    at: datetime
    assignment: int
    fetched_ms: int | None


class _Target(NamedTuple):
    """An end of a partition that includes all records readable at a time."""

    end: int
    at: datetime


class StreamProgress:
    """Stores the progress of a worker's partitions with its heartbeats."""

    def __init__(
        self, consumer: AIOKafkaConsumer, lanes: Sequence[Lane], stream: Stream, now: Clock
    ) -> None:
        self._consumer = consumer
        self._lanes = lanes
        self._stream = stream
        self._now = now
        self._heartbeats: dict[TopicPartition, list[_Heartbeat]] = {}
        self._targets: dict[TopicPartition, _Target] = {}

    async def store(self, connection: Connection) -> None:
        """Store the time up to which each partition is counted, if it is known."""
        now = self._now()
        reached: dict[int, datetime] = {}
        partitions = [(lane, partition) for lane in self._lanes for partition in lane.partitions]
        for lane, partition in partitions:
            target = self._targets.get(partition)
            self._note(lane, partition, now)
            if target is not None and await self._counted(lane, partition) >= target.end:
                reached[partition.partition] = target.at
        self._forget_others({partition for _, partition in partitions})
        if reached:
            await store_progress(connection, self._stream, reached)

    def _note(self, lane: Lane, partition: TopicPartition, now: datetime) -> None:
        """Note what this heartbeat sees, and set the next target."""
        if partition not in self._consumer.assignment():
            return
        present = _Heartbeat(now, lane.assignment, self._consumer.last_poll_timestamp(partition))
        before = self._heartbeats.get(partition, [])
        if before and before[-1].assignment != present.assignment:
            before = []
            self._targets.pop(partition, None)
        heartbeats = self._heartbeats[partition] = [*before[-2:], present]
        end = self._consumer.last_stable_offset(partition)
        fetches = {one.fetched_ms for one in heartbeats}
        if len(fetches) == 3 and None not in fetches and end is not None:
            self._targets[partition] = _Target(end, heartbeats[0].at)

    async def _counted(self, lane: Lane, partition: TopicPartition) -> int:
        """Return the offset up to which a lane has counted.

        A log can end with markers of transactions, which are no records. The position passes them.
        """
        counted = lane.next_offsets.get(partition.partition, 0)
        try:
            async with asyncio.timeout(_POSITION_SECONDS):
                position: int = await self._consumer.position(partition)
        except (KafkaError, TimeoutError):
            return counted
        return max(counted, position) if lane.is_waiting else counted

    def _forget_others(self, assigned: set[TopicPartition]) -> None:
        """Forget partitions that belong to other workers now."""
        for known in (self._heartbeats, self._targets):
            for partition in known.keys() - assigned:
                del known[partition]
