"""Follows the consumer group: assigns partitions to lanes, and sends heartbeats."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from ledger.postgres.clock import DatabaseClock
from ledger.postgres.database import Connection
from ledger.recording.workers import heartbeat, leave
from messaging.kafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from messaging.retries import wait_for_either
from streams.kept_connection import KeptConnection
from streams.lane import Lane, share_out
from streams.positions import Positions

REVOKE_WAIT_SECONDS: Final = 5
HEARTBEAT_SECONDS: Final = 3

_log = logging.getLogger(__name__)


class RebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Handles rebalances: reads positions from PostgreSQL and assigns partitions to lanes."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        lanes: Sequence[Lane],
        positions: Positions,
        connect: Callable[[], Awaitable[Connection]],
        worker_id: str,
        clock: DatabaseClock,
        duties: Sequence[Callable[[Connection], Awaitable[None]]] = (),
    ) -> None:
        """Each heartbeat sets the `clock`, then runs the `duties` on its connection."""
        self._consumer = consumer
        self._lanes = lanes
        self._positions = positions
        self._connection = KeptConnection(connect)
        self._worker_id = worker_id
        self._clock = clock
        self._duties = duties
        self._partitions: list[int] = []
        self._changed = asyncio.Event()
        self._failure: Exception | None = None

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002 - always all partitions
        """Stop reading; a batch that is being recorded gets some time to finish."""
        await asyncio.gather(*(lane.revoke(REVOKE_WAIT_SECONDS) for lane in self._lanes))
        self._set_partitions([])

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Continue from the stored positions, after they were compared with the log.

        `run` raises any error: aiokafka only logs it, and the partitions would be assigned but not
        read.
        """
        try:
            await self._assign(sorted(assigned))
        except Exception as error:  # without partitions the worker cannot continue
            self._failure = error
            self._changed.set()
            raise

    async def _assign(self, partitions: Sequence[TopicPartition]) -> None:
        positions = await self._positions.resolve(partitions)
        for partition in partitions:
            self._consumer.seek(partition, positions[partition.partition].next_offset)
        for lane, share in zip(self._lanes, share_out(partitions, len(self._lanes)), strict=True):
            lane.assign(share, {p.partition: positions[p.partition] for p in share})
        self._set_partitions(partitions)
        _log.info(
            "reading partitions %s", self._partitions, extra={"action": "partitions_assigned"}
        )

    def _set_partitions(self, partitions: Sequence[TopicPartition]) -> None:
        self._partitions = [partition.partition for partition in partitions]
        self._changed.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send heartbeats until `stop`; ignores outages of the database.

        Raises errors of `on_partitions_assigned`.
        """
        while not stop.is_set():
            self._changed.clear()
            if self._failure is not None:
                raise self._failure
            await self._connection.run(self._renew)
            await wait_for_either(stop, self._changed, HEARTBEAT_SECONDS)

    async def _renew(self, connection: Connection) -> None:
        await self._clock.sample(connection)
        await heartbeat(connection, self._worker_id, self._partitions, self._clock.skew)
        for duty in self._duties:
            await duty(connection)

    async def leave(self) -> None:
        """Remove this worker's entry."""
        await self._connection.run(leave, self._worker_id)
        await self._connection.close()
