"""Positions of partitions: those stored in PostgreSQL, compared with the brokers' logs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from ledger.postgres.database import TRANSIENT_ERRORS, Connection
from ledger.recording.offsets import Stream
from ledger.recording.positions import (
    LastRecord,
    PartitionLog,
    StartDecision,
    StoredPosition,
    apply_decision,
    begin_positions,
    confirm_positions,
    decide_position,
    read_positions,
)
from messaging.kafka import (
    AIOKafkaConsumer,
    KafkaError,
    KafkaTimeoutError,
    OffsetOutOfRangeError,
    TopicPartition,
    start_consumer,
)
from messaging.retries import Backoff
from messaging.topic_ids import TopicIdentity, request_identity
from streams.decoding import describe_record
from streams.kept_connection import KeptConnection

RESPONSE_SECONDS_MAX: Final = 20
READ_MS: Final = 3_000

_log = logging.getLogger(__name__)


class ClusterReplacedError(Exception):
    """Another cluster responds at the same addresses; stored offsets do not apply to it."""


class PositionChangedError(Exception):
    """A stored position changed while it was compared."""


class Positions:
    """Determines where to read partitions of a topic, and stores ranges without records as gaps."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        make_reader: Callable[[], AIOKafkaConsumer],
        stream: Stream,
        connect: Callable[[], Awaitable[Connection]],
    ) -> None:
        """`make_reader` creates consumers that read single records."""
        self._consumer = consumer
        self._make_reader = make_reader
        self._stream = stream
        self._connect = connect
        self._connection = KeptConnection(connect)
        self._confirmed: dict[int, tuple[int, int]] = {}

    def refresh_metadata(self) -> None:
        """Refresh the metadata if the topic is missing: it may have been created again."""
        if not self._consumer.partitions_for_topic(self._stream.topic):
            client: Any = self._consumer._client  # noqa: SLF001 - there is no public way
            client.force_metadata_update()

    async def identity(self, partitions: Sequence[TopicPartition]) -> TopicIdentity:
        """Return the identity of the partitions' topic.

        Raises KafkaError, TimeoutError, and ClusterReplacedError.
        """
        async with asyncio.timeout(RESPONSE_SECONDS_MAX):
            identity = await request_identity(self._consumer, partitions, self._stream.cluster)
        if identity.cluster != self._stream.cluster:
            raise ClusterReplacedError(
                f"cluster {identity.cluster} responds instead of {self._stream.cluster}: "
                "the worker stops and must be restarted"
            )
        return identity

    async def resolve(self, partitions: Sequence[TopicPartition]) -> dict[int, StoredPosition]:
        """Return the positions to read partitions from; waits for brokers and database.

        Raises ClusterReplacedError, and errors that are not retryable.
        """
        backoff = Backoff()
        while True:
            try:
                return await self._resolve(partitions) if partitions else {}
            except (PositionChangedError, KafkaError, *TRANSIENT_ERRORS) as error:
                if _is_lasting(error):
                    raise
                _log.warning(
                    "positions are unknown, retrying: %s",
                    str(error) or type(error).__name__,
                    extra={"action": "positions_retry"},
                )
                await backoff.wait(asyncio.Event())

    async def confirm(
        self, positions: Mapping[int, StoredPosition], next_offsets: Mapping[int, int]
    ) -> None:
        """Store that the offsets counted from these positions belong to their incarnation.

        Skipped while the database is unavailable: the next gap may then begin too early.
        """
        counted = {
            number: (position.generation, next_offsets[number])
            for number, position in positions.items()
            if self._confirmed.get(number) != (position.generation, next_offsets[number])
        }
        if counted:
            await self._connection.run(confirm_positions, self._stream, counted)
            self._confirmed |= counted

    async def close(self) -> None:
        await self._connection.close()

    async def _resolve(self, partitions: Sequence[TopicPartition]) -> dict[int, StoredPosition]:
        identity = await self.identity(partitions)
        connection = await self._connect()
        try:
            stored = await read_positions(connection, self._stream)
            if any(partition.partition not in stored for partition in partitions):
                await self._begin(connection, partitions, stored, identity)
                stored = await read_positions(connection, self._stream)
            logs = await self._logs(partitions, stored, identity)
            if identity.topic_id is not None:
                numbers = self._consumer.partitions_for_topic(self._stream.topic)
                gone = stored.keys() - (numbers or stored.keys())
                logs |= {number: PartitionLog(0, 0, identity.topic_id) for number in gone}
            return {
                number: await self._apply(connection, number, stored[number], log)
                for number, log in logs.items()
            }
        finally:
            await connection.close()

    async def _begin(
        self,
        connection: Connection,
        partitions: Sequence[TopicPartition],
        stored: Mapping[int, StoredPosition],
        identity: TopicIdentity,
    ) -> None:
        """Store the first positions of partitions without one.

        A new topic is counted from the beginning of its log: all partitions are stored together. A
        partition added later is counted from offset 0.
        """
        if any(position.incarnation for position in stored.values()):
            first_offsets = {p.partition: 0 for p in partitions if p.partition not in stored}
        else:
            numbers = self._consumer.partitions_for_topic(self._stream.topic) or ()
            known = {TopicPartition(self._stream.topic, n) for n in numbers} | set(partitions)
            beginnings = await self._consumer.beginning_offsets(known)
            first_offsets = {partition.partition: first for partition, first in beginnings.items()}
        await begin_positions(connection, self._stream, first_offsets, identity.topic_id)

    async def _logs(
        self,
        partitions: Sequence[TopicPartition],
        stored: Mapping[int, StoredPosition],
        identity: TopicIdentity,
    ) -> dict[int, PartitionLog]:
        first_offsets = await self._consumer.beginning_offsets(partitions)
        end_offsets = await self._consumer.end_offsets(partitions)
        logs = {
            p.partition: PartitionLog(first_offsets[p], end_offsets[p], identity.topic_id)
            for p in partitions
        }
        for partition in partitions:
            number = partition.partition
            if _is_doubtful(stored[number], logs[number]):
                last_record = await self._read_last(partition, stored[number], logs[number])
                logs[number] = logs[number]._replace(last_record=last_record)
        return logs

    async def _read_last(
        self, partition: TopicPartition, stored: StoredPosition, log: PartitionLog
    ) -> LastRecord:
        """Compare the last counted record with the record at its offset in the log."""
        offset = stored.next_offset - 1
        if stored.last_record:
            offset = int(stored.last_record.partition(":")[0])
        if offset < log.first_offset:
            return "unknown"
        reader = self._make_reader()
        await start_consumer(reader)
        try:
            reader.assign([partition])
            reader.seek(partition, offset)
            records = (await reader.getmany(timeout_ms=READ_MS, max_records=1)).get(partition, ())
        except OffsetOutOfRangeError:
            return "beyond the end"
        finally:
            await reader.stop()
        if not records:
            return "unknown"
        if stored.last_record:
            return "same" if describe_record(records[0]) == stored.last_record else "other"
        return "same" if records[0].offset == offset else "unknown"

    async def _apply(
        self, connection: Connection, number: int, stored: StoredPosition, log: PartitionLog
    ) -> StoredPosition:
        """Store and log the decision on a partition; returns the position to read from."""
        decision = decide_position(stored, log)
        gaps = await apply_decision(connection, self._stream, number, stored, decision)
        if gaps is None:
            raise PositionChangedError(f"partition {number} moved while it was compared")
        self._log_decision(number, stored, log, decision, gaps)
        return StoredPosition(
            decision.next_offset,
            decision.incarnation,
            stored.generation + decision.is_moved,
            decision.next_offset,
            stored.last_record,
        )

    def _log_decision(
        self,
        number: int,
        stored: StoredPosition,
        log: PartitionLog,
        decision: StartDecision,
        gap_ids: Sequence[int],
    ) -> None:
        for gap_id, gap in zip(gap_ids, decision.gaps, strict=True):
            _log.error(
                "gap %d: partition %d of %s was never counted from offset %d to %s (%s)",
                gap_id,
                number,
                self._stream.topic,
                gap.from_offset,
                "an unknown end" if gap.to_offset is None else gap.to_offset - 1,
                gap.reason,
                extra={"action": "gap_found"},
            )
        if stored.next_offset and log.incarnation is None and log.last_record == "unknown":
            _log.warning(
                "cannot tell whether partition %d of %s is still the counted topic: the "
                "brokers have no topic ids, and its last counted record is gone",
                number,
                self._stream.topic,
                extra={"action": "incarnation_unknown"},
            )


def _is_lasting(error: Exception) -> bool:
    """Return whether the error is not retryable."""
    is_refusal = isinstance(error, KafkaError) and not error.retriable
    return is_refusal and not isinstance(error, KafkaTimeoutError)


def _is_doubtful(stored: StoredPosition, log: PartitionLog) -> bool:
    """Return whether the last counted record must be compared.

    An end before the stored offset alone proves nothing: the embedded broker reports wrong ends.
    """
    lacks_id = stored.incarnation is None or log.incarnation is None
    has_record = stored.last_record is not None
    return (lacks_id and has_record) or log.end_offset < stored.next_offset
