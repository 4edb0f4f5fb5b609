"""Follows the ledger's epoch: ends the worker when it changes, and republishes totals.

After a restore the totals topic contains totals that the ledger no longer has: newer ones, and
those of calls that were not counted again. Once the workers have counted what Kafka still has, one
of them reads the topic. It publishes every call again in the new epoch, and removes calls that do
not exist.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing
from typing import Final

import msgspec

from ledger.calls.call import Call
from ledger.postgres.clock import Clock
from ledger.postgres.database import Connection
from ledger.recording.batch_rows import read_calls
from ledger.recording.epochs import (
    EpochChangedError,
    current_epoch,
    epoch_of,
    lock_totals_topic,
    mark_published,
)
from ledger.recording.offsets import Stream, read_offsets
from messaging.kafka import KafkaSettings
from messaging.producer import OutgoingRecord, RecoveringProducer
from messaging.topic_snapshot import end_offsets, newest_values
from schemas.topics import CALL_TOTALS
from streams.kept_connection import KeptConnection
from streams.periodic import RetryLog, run_periodically
from streams.publishing.publisher import TotalsPublisher
from streams.publishing.versioned_call import totals_of

POLL_SECONDS: Final = 2
STALLED_SECONDS: Final = 60
"""The wait ends after this time without progress: later commits publish their own totals."""
KEYS_PER_ROUND: Final = 20_000
CALLS_PER_READ: Final = 500
REPEATS_MAX: Final = 20

_log = logging.getLogger(__name__)


class _VersionedTotal(msgspec.Struct):
    """The field of a published total that is compared."""

    version: int


_decoder: Final = msgspec.json.Decoder(_VersionedTotal)


class EpochFollower:
    """Checks the epoch every few seconds, and republishes totals if that is due."""

    def __init__(
        self,
        kafka: KafkaSettings,
        stream: Stream,
        connect: Callable[[], Awaitable[Connection]],
        producer: RecoveringProducer,
        publisher: TotalsPublisher,
        epoch: int,
        now: Clock,
    ) -> None:
        """`epoch` is the worker's."""
        self._now = now
        self._kafka = kafka
        self._stream = stream
        self._producer = producer
        self._publisher = publisher
        self._epoch = epoch
        self._connection = KeptConnection(connect)
        self._ends: dict[int, int] | None = None
        self._counted: dict[int, int] = {}
        self._moved_ns = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop`; raises EpochChangedError if the epoch has changed."""
        retry = RetryLog("the epoch is unknown", "epoch_retry")
        await run_periodically(self._check, self._connection, stop, POLL_SECONDS, retry)

    async def _check(self) -> None:
        connection = await self._connection.open()
        epoch, is_published = await current_epoch(connection)
        if epoch != self._epoch:
            raise EpochChangedError(self._epoch, epoch)
        if is_published or not await lock_totals_topic(connection):
            return
        if await self._is_counted(connection):
            await self._republish(connection)
            self._connection.terminate()  # which releases the lock

    async def _is_counted(self, connection: Connection) -> bool:
        """Return whether all records are counted that the stream had at the first call."""
        if self._ends is None:
            self._ends = await end_offsets(self._kafka, self._stream.topic)
            self._moved_ns = time.monotonic_ns()
        counted = await read_offsets(connection, self._stream)
        if counted != self._counted:
            self._counted, self._moved_ns = counted, time.monotonic_ns()
        if all(counted.get(partition, 0) >= end for partition, end in self._ends.items()):
            return True
        return time.monotonic_ns() - self._moved_ns > STALLED_SECONDS * 1_000_000_000

    async def _republish(self, connection: Connection) -> None:
        published = removed = 0
        chunks = newest_values(self._kafka, CALL_TOTALS.name, KEYS_PER_ROUND)
        async with aclosing(chunks):
            async for chunk in chunks:
                outdated = [
                    key.decode() for key, value in chunk.items() if self._is_outdated(value)
                ]
                for start in range(0, len(outdated), CALLS_PER_READ):
                    call_ids = outdated[start : start + CALLS_PER_READ]
                    existing = await self._publish(connection, call_ids)
                    published += existing
                    removed += len(call_ids) - existing
        await mark_published(connection, self._epoch)
        _log.warning(
            "the totals topic agrees with epoch %d: %d calls published, %d removed",
            self._epoch,
            published,
            removed,
            extra={"action": "totals_republished", "published": published, "removed": removed},
        )

    def _is_outdated(self, value: bytes | None) -> bool:
        """Return whether a record is of an earlier epoch."""
        if value is None:
            return False
        try:
            return epoch_of(_decoder.decode(value).version) < self._epoch
        except msgspec.DecodeError:
            return False

    async def _publish(self, connection: Connection, call_ids: Collection[str]) -> int:
        """Publish the totals of calls, and tombstones of missing calls; returns how many exist.

        A worker may publish a newer total meanwhile, which an older one must not replace: calls
        that have changed when theirs is acknowledged are published again.
        """
        existing: set[str] = set()
        remaining = set(call_ids)
        for _ in range(REPEATS_MAX):
            calls = await _select_owned(connection, remaining)
            await self._publisher.publish(totals_of(calls.values(), self._epoch, self._now()))
            missing = remaining - calls.keys()
            await self._producer.send_records(
                OutgoingRecord(CALL_TOTALS.name, call_id.encode(), None) for call_id in missing
            )
            existing |= calls.keys()
            calls_after = await _select_owned(connection, remaining)
            remaining = {
                call_id
                for call_id in remaining
                if _version(calls_after, call_id) != _version(calls, call_id)
            }
            if not remaining:
                break
        return len(existing)


async def _select_owned(connection: Connection, call_ids: Collection[str]) -> dict[str, Call]:
    """Return the calls that exist and have an owner."""
    calls = await read_calls(connection, sorted(call_ids))
    return {call_id: call for call_id, call in calls.items() if call.user_id is not None}


def _version(calls: dict[str, Call], call_id: str) -> int | None:
    call = calls.get(call_id)
    return None if call is None else call.version
