"""A lane reads some partitions and records one batch after another on one connection.

Each partition belongs to one lane, so its batches commit in order. While PostgreSQL commits a large
batch, the lane polls and decodes the next one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from ledger.postgres.database import DATA_ERRORS
from ledger.recording.batch import Batch, BatchOutcome
from ledger.recording.batch_rows import StaleCallError
from ledger.recording.offsets import PositionMark
from ledger.recording.positions import StoredPosition
from ledger.recording.recorder import Recorder
from messaging.kafka import (
    AIOKafkaConsumer,
    ConsumerRecord,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicPartition,
)
from messaging.retries import Backoff, wait_until_set
from streams.dead_letters import TooManyRefusedError
from streams.decoding import decode_records, describe_record
from streams.isolation import record_storable_events
from streams.retries import RETRYABLE_ERRORS

POLL_MS: Final = 500
FILL_POLL_MS: Final = 200
FILL_SECONDS_MAX: Final = 2
BACKLOG_MIN: Final = 10_000
"""Unread records from which a batch is filled up, because an event of a larger batch costs less."""
IDLE_SECONDS: Final = 1
BEHIND_MS: Final = 2_000
BATCH_BYTES_MAX: Final = 64 * 1024 * 1024
"""A batch of this size is not filled further; during an outage it would grow to gigabytes."""

BATCH_RETRYABLE_ERRORS: Final = (TooManyRefusedError, StaleCallError, *RETRYABLE_ERRORS)
"""Errors after which a batch is recorded again; any other one is a bug and ends the worker."""

_log = logging.getLogger(__name__)


class Lane:
    """Reads its partitions in order and records their events."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        recorder: Recorder,
        batch_max: int,
        committed: Callable[[BatchOutcome, Mapping[int, int]], None],
    ) -> None:
        """`committed` is called with the outcome and next offsets of each committed batch."""
        self._consumer = consumer
        self._recorder = recorder
        self._batch_max = batch_max
        self._committed = committed
        self.partitions: tuple[TopicPartition, ...] = ()
        self.positions: dict[int, StoredPosition] = {}
        self.is_out_of_range = False
        self.assignment = 0
        self._assigned = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._poll: asyncio.Task[Any] | None = None
        self.is_failing = False
        self.retries = 0
        self.is_behind = False
        self.batches = 0
        self.next_offsets: dict[int, int] = {}
        self.read_offsets: dict[int, int] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether the lane waits for records and has counted all that it has read."""
        if self._poll is None or self._poll.done() or not self._idle.is_set():
            return False
        return all(self.next_offsets.get(p, 0) >= end for p, end in self.read_offsets.items())

    def assign(
        self, partitions: Iterable[TopicPartition], positions: Mapping[int, StoredPosition]
    ) -> None:
        """Read these partitions from `positions` (by partition), to which the consumer was set."""
        self.assignment += 1
        self._recorder.expect_repeats()
        self.partitions = tuple(partitions)
        self.positions = dict(positions)
        self.next_offsets = {number: position.next_offset for number, position in positions.items()}
        self.read_offsets = {}
        self.is_out_of_range = False
        self.batches += 1
        if self.partitions:
            self._assigned.set()

    async def revoke(self, wait_seconds: int | None) -> None:
        """Give up all partitions, after waiting up to `wait_seconds` for the current batch.

        None waits without limit. A batch that takes longer is harmless: its events are repeats for
        the next reader. The current poll is cancelled and waited for: otherwise it could take
        records of the next assignment and drop them.
        """
        self.assignment += 1
        self.partitions = ()
        self.is_out_of_range = False
        self._assigned.clear()
        if self._poll is not None:
            self._poll.cancel()
            await asyncio.wait({self._poll}, timeout=wait_seconds)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), wait_seconds)

    async def run(self, stop: asyncio.Event) -> None:
        """Record batches until `stop`; the current batch is finished first."""
        recording: asyncio.Task[None] | None = None
        batch: Batch | None = None
        try:
            while not stop.is_set():
                if recording is not None and batch is not None and not batch.is_large:
                    # Polling now would split a stream without a backlog into many small
                    # batches, each as expensive as one with all their records.
                    await recording
                    recording = None
                assignment, batch = await self._next_batch()
                if batch is not None and (recording is not None or batch.is_large):
                    await self._fill(batch, assignment, recording, stop)
                if recording is not None:
                    await recording
                    recording = None
                if batch is not None and assignment == self.assignment and not stop.is_set():
                    self._idle.clear()
                    recording = asyncio.create_task(self._record(batch, stop))
            if recording is not None:
                await recording
        finally:
            if recording is not None and not recording.done():
                recording.cancel()
                await asyncio.gather(recording, return_exceptions=True)
            await self._recorder.close()

    async def _next_batch(self) -> tuple[int, Batch | None]:
        """Poll and decode a batch; also returns the number of its assignment."""
        assignment = self.assignment
        if not self.partitions or self.is_out_of_range:
            await wait_until_set(self._assigned, IDLE_SECONDS)
            return assignment, None
        polled = await self._poll_records(self._batch_max, None, POLL_MS)
        self.is_behind = _is_old(polled, self._recorder.now())
        return assignment, await self._decode(polled, assignment) if polled else None

    async def _fill(
        self,
        batch: Batch,
        assignment: int,
        recording: asyncio.Task[None] | None,
        stop: asyncio.Event,
    ) -> None:
        """Add records while the previous batch is being recorded, and during a backlog.

        Without a backlog the batch waits for nothing else. During one, a poll without records ends
        the wait, because the remaining offsets may be transaction markers without records.
        """
        ends = asyncio.get_running_loop().time() + FILL_SECONDS_MAX
        while assignment == self.assignment and not (self.is_out_of_range or stop.is_set()):
            room = self._batch_max - batch.size
            if room <= 0 or batch.size_bytes >= BATCH_BYTES_MAX:
                return
            until = None if recording is None or recording.done() else recording
            if until is not None:
                wait_ms = POLL_MS
            elif asyncio.get_running_loop().time() < ends and self._backlog() >= BACKLOG_MIN:
                wait_ms = FILL_POLL_MS
            else:
                wait_ms = 0
            polled = await self._poll_records(room, until, wait_ms)
            if assignment != self.assignment or not (polled or until):
                return
            if polled:
                batch.add(await self._decode(polled, assignment))

    def _backlog(self) -> int:
        """Return how many records of the partitions are not read yet, as of the last fetches."""
        partitions = [p for p in self.partitions if p.partition in self.read_offsets]
        ends = [self._consumer.last_stable_offset(p) or 0 for p in partitions]
        read = [self.read_offsets[p.partition] for p in partitions]
        return sum(max(0, end - offset) for end, offset in zip(ends, read, strict=True))

    async def _decode(
        self, polled: Mapping[TopicPartition, Sequence[ConsumerRecord]], assignment: int
    ) -> Batch:
        """Decode polled records, and store the read offsets if the assignment is still current.

        Offsets of an earlier assignment would look like records that are never counted.
        """
        received_ns, began_ns = time.time_ns(), time.monotonic_ns()
        batch = await decode_records(polled, self._recorder.catalogue, self._recorder.now())
        batch.decode_ns = time.monotonic_ns() - began_ns
        batch.received_ns = received_ns
        if assignment == self.assignment:
            self.read_offsets |= batch.next_offsets
            batch.marks = {p.partition: self._mark(p, records) for p, records in polled.items()}
        return batch

    async def _poll_records(
        self, limit: int, until: asyncio.Task[None] | None, wait_ms: int
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        """Return up to `limit` records within `wait_ms`, or when `until` is done.

        Returns none if the partitions are revoked meanwhile. If the log does not have the next
        record, nothing is read until the position is compared with the log.
        """
        poll = self._poll = asyncio.create_task(
            self._consumer.getmany(*self.partitions, timeout_ms=wait_ms, max_records=limit)
        )
        try:
            waited = {poll} if until is None else {poll, until}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():
                poll.cancel()
                await asyncio.wait({poll})  # it may have taken records before
        finally:
            poll.cancel()
        try:
            return {} if poll.cancelled() else poll.result()
        except (OffsetOutOfRangeError, NoOffsetForPartitionError):
            self.is_out_of_range = True
            self._assigned.clear()
            return {}

    def _mark(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> PositionMark:
        """Return the mark that is stored with the position of a partition after these records."""
        position = self.positions.get(partition.partition, StoredPosition(0))
        last_record = "" if position.incarnation else describe_record(records[-1])
        return PositionMark(position.generation, last_record)

    async def _record(self, batch: Batch, stop: asyncio.Event) -> None:
        """Record a batch, with retries until `stop`; raises errors that are not retryable."""
        backoff = Backoff()
        try:
            while True:
                try:
                    await self._record_whole(batch)
                    break
                except BATCH_RETRYABLE_ERRORS as error:
                    _log.warning(
                        "a batch of %d is not recorded yet, trying again: %s",
                        batch.size,
                        str(error) or type(error).__name__,
                        extra={"action": "batch_retry"},
                    )
                self.is_failing = True
                self.retries += 1
                await backoff.wait(stop)
                if stop.is_set():
                    return
            self.is_failing = False
            self.next_offsets |= batch.next_offsets
            self.batches += 1
        finally:
            self._idle.set()

    async def _record_whole(self, batch: Batch) -> None:
        try:
            await self._commit(batch)
        except DATA_ERRORS as error:
            await record_storable_events(batch, error, self._commit)

    async def _commit(self, batch: Batch) -> None:
        self._committed(await self._recorder.record(batch), batch.next_offsets)


def _is_old(polled: Mapping[TopicPartition, Sequence[ConsumerRecord]], now: datetime) -> bool:
    """Return whether the newest of these records is some seconds old."""
    newest_ms = max((records[-1].timestamp for records in polled.values() if records), default=None)
    return newest_ms is not None and int(now.timestamp() * 1000) - newest_ms > BEHIND_MS


def share_out(partitions: Sequence[TopicPartition], lanes: int) -> list[list[TopicPartition]]:
    """Assign partitions to lanes as evenly as possible."""
    shares: list[list[TopicPartition]] = [[] for _ in range(lanes)]
    for place, partition in enumerate(sorted(partitions)):
        shares[place % lanes].append(partition)
    return shares
