"""One lane: some partitions, one connection, one batch after another.

Partitions are shared out among lanes so that the batches of a partition can never commit out of
order. While PostgreSQL commits a large batch the lane polls and decodes the next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from ledger.postgres.database import DATA_ERRORS, TRANSIENT_ERRORS
from ledger.recording.batch import Batch, BatchOutcome
from ledger.recording.batch_rows import StaleCallError
from ledger.recording.offsets import PositionMark
from ledger.recording.positions import StoredPosition
from ledger.recording.recorder import Recorder
from messaging.kafka import (
    AIOKafkaConsumer,
    ConsumerRecord,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicPartition,
)
from messaging.retries import Backoff
from streams.dead_letters import TooManyRefusedError
from streams.decoding import decode_records, describe_record
from streams.isolation import record_what_fits

POLL_MS: Final = 500
IDLE_SECONDS: Final = 1
BEHIND_MS: Final = 2_000
BATCH_BYTES_MAX: Final = 64 * 1024 * 1024
"""A batch with more is polled nothing any more: during an outage it would grow to gigabytes."""

WAITING: Final = (TooManyRefusedError, StaleCallError, KafkaError, *TRANSIENT_ERRORS)
"""Failures that waiting may mend; any other is a fault of ours and ends the worker."""

_log = logging.getLogger(__name__)


class Lane:
    """Reads its partitions in order and records what they hold."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        recorder: Recorder,
        batch_max: int,
        committed: Callable[[BatchOutcome, Mapping[int, int]], None],
    ) -> None:
        """Take what the lane works with; `committed` is called for each committed batch."""
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
        self.failing = False
        self.behind = False
        self.batches = 0
        self.next_offsets: dict[int, int] = {}
        self.read_offsets: dict[int, int] = {}

    def assign(
        self, partitions: Iterable[TopicPartition], positions: Mapping[int, StoredPosition]
    ) -> None:
        """Take over partitions whose positions have been set; `positions` are by partition."""
        self.assignment += 1
        self._recorder.expect_repeats()
        self.partitions = tuple(partitions)
        self.positions = dict(positions)
        self.next_offsets = {number: one.next_offset for number, one in positions.items()}
        self.read_offsets = {}
        self.is_out_of_range = False
        self.batches += 1
        if self.partitions:
            self._assigned.set()

    async def revoke(self, wait_seconds: int | None) -> None:
        """Give all partitions up, letting the batch under way finish if it can do so in time.

        Without a time it waits until that is done.

        One that does not is harmless: its events are then known to the next reader. A
        poll under way is given up, or it would take records of the next assignment and drop them.
        """
        self.assignment += 1
        self.partitions = ()
        self.is_out_of_range = False
        self._assigned.clear()
        if self._poll is not None:
            self._poll.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), wait_seconds)

    async def run(self, stop: asyncio.Event) -> None:
        """Record batches until `stop`; the batch under way is finished first."""
        recording: asyncio.Task[None] | None = None
        batch: Batch | None = None
        try:
            while not stop.is_set():
                if recording is not None and batch is not None and not batch.is_large:
                    # Polled meanwhile, a stream without a backlog would come in many small pieces,
                    # each of which costs worker and broker as much as all of them together.
                    await recording
                    recording = None
                assignment, batch = await self._next_batch()
                if batch is not None and (recording is not None or batch.is_large):
                    await self._fill(batch, assignment, recording)
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
        """Poll and decode; returns the assignment it was polled under."""
        assignment = self.assignment
        if not self.partitions or self.is_out_of_range:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._assigned.wait(), IDLE_SECONDS)
            return assignment, None
        polled = await self._polled(self._batch_max, None, POLL_MS)
        self.behind = _is_old(polled, self._recorder.now())
        return assignment, await self._decoded(polled, assignment) if polled else None

    async def _fill(
        self, batch: Batch, assignment: int, recording: asyncio.Task[None] | None
    ) -> None:
        """Add to a batch what comes while the one before is being recorded, and what is there.

        The larger it is, the less each of its events costs. It never waits for anything else: only
        a backlog, which comes in faster than it is decoded, fills it.
        """
        while assignment == self.assignment and not self.is_out_of_range:
            room = self._batch_max - batch.size
            until = None if recording is None or recording.done() else recording
            if room <= 0 or batch.size_bytes >= BATCH_BYTES_MAX:
                return
            polled = await self._polled(room, until, POLL_MS if until else 0)
            if assignment != self.assignment or not (polled or until):
                return
            if polled:
                batch.add(await self._decoded(polled, assignment))

    async def _decoded(
        self, polled: Mapping[TopicPartition, Sequence[ConsumerRecord]], assignment: int
    ) -> Batch:
        """Decode what was polled under an assignment, and note how far was read if it still holds.

        After another it belongs to none: noted, it would look like records that are never counted.
        """
        batch = await decode_records(polled, self._recorder.catalogue, self._recorder.now())
        if assignment == self.assignment:
            self.read_offsets |= batch.next_offsets
            batch.marks = {p.partition: self._mark(p, records) for p, records in polled.items()}
        return batch

    async def _polled(
        self, most: int, until: asyncio.Task[None] | None, wait_ms: int
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        """Return up to `most` records, or none where the partitions are given up meanwhile.

        With `until` it also gives up when that is done. Where the log does not hold what is to be
        read next, nothing more is read until the position was compared with the log.
        """
        poll = self._poll = asyncio.create_task(
            self._consumer.getmany(*self.partitions, timeout_ms=wait_ms, max_records=most)
        )
        try:
            waited = {poll} if until is None else {poll, until}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():
                poll.cancel()
                await asyncio.wait({poll})  # it may have taken records all the same
        finally:
            poll.cancel()
        try:
            return {} if poll.cancelled() else poll.result()
        except (OffsetOutOfRangeError, NoOffsetForPartitionError):
            self.is_out_of_range = True
            self._assigned.clear()
            return {}

    def _mark(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> PositionMark:
        """Return what is stored beside the next offset of a partition after these records."""
        position = self.positions.get(partition.partition, StoredPosition(0))
        last_record = "" if position.incarnation else describe_record(records[-1])
        return PositionMark(position.generation, last_record)

    async def _record(self, batch: Batch, stop: asyncio.Event) -> None:
        """Record a batch, for as long as it takes; only `stop` or a fault of ours ends it."""
        backoff = Backoff()
        try:
            while True:
                try:
                    await self._record_whole(batch)
                    break
                except WAITING as error:
                    _log.warning(
                        "a batch of %d is not recorded yet, trying again: %s",
                        batch.size,
                        str(error) or type(error).__name__,
                        extra={"action": "batch_retry"},
                    )
                self.failing = True
                await backoff.wait(stop)
                if stop.is_set():
                    return
            self.failing = False
            self.next_offsets |= batch.next_offsets
            self.batches += 1
        finally:
            self._idle.set()

    async def _record_whole(self, batch: Batch) -> None:
        try:
            await self._commit(batch)
        except DATA_ERRORS as error:
            await record_what_fits(batch, error, self._commit)

    async def _commit(self, batch: Batch) -> None:
        self._committed(await self._recorder.record(batch), batch.next_offsets)


def _is_old(polled: Mapping[TopicPartition, Sequence[ConsumerRecord]], now: datetime) -> bool:
    """Return whether the newest of these records was written some seconds ago."""
    newest_ms = max((records[-1].timestamp for records in polled.values() if records), default=None)
    return newest_ms is not None and int(now.timestamp() * 1000) - newest_ms > BEHIND_MS


def share_out(partitions: Sequence[TopicPartition], lanes: int) -> list[list[TopicPartition]]:
    """Deal partitions out to lanes, as evenly as their number allows."""
    shares: list[list[TopicPartition]] = [[] for _ in range(lanes)]
    for place, partition in enumerate(sorted(partitions)):
        shares[place % lanes].append(partition)
    return shares
