"""Notices that the topic has changed while a worker runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from ledger.recording.positions import StoredPosition
from messaging.kafka import AIOKafkaConsumer, KafkaError
from messaging.retries import wait_until_set
from streams.lane import Lane
from streams.positions import Positions

CHECK_SECONDS: Final = 1

_log = logging.getLogger(__name__)


class LogWatch:
    """Requests the topic's id every second, and compares positions again if it has changed."""

    def __init__(
        self, consumer: AIOKafkaConsumer, lanes: Sequence[Lane], positions: Positions
    ) -> None:
        self._consumer = consumer
        self._lanes = lanes
        self._positions = positions

    async def run(self, stop: asyncio.Event) -> None:
        """Check until `stop`; raises ClusterReplacedError, and errors of new positions."""
        while not stop.is_set():
            await wait_until_set(stop, CHECK_SECONDS)
            for lane in self._lanes:
                if lane.is_out_of_range:
                    await self._reposition(lane)
            for lane in await self.confirm():
                await self._reposition(lane)

    async def confirm(self) -> list[Lane]:
        """Confirm the counted offsets; returns the lanes whose topic was deleted and created again.

        Raises ClusterReplacedError.
        """
        # Before any wait: a rebalance replaces a lane's positions and offsets.
        counted = [
            (lane, lane.assignment, lane.positions, dict(lane.next_offsets)) for lane in self._lanes
        ]
        partitions = [partition for lane in self._lanes for partition in lane.partitions]
        if not partitions:
            self._positions.refresh_metadata()
            return []
        try:
            identity = await self._positions.identity(partitions)
        except (KafkaError, TimeoutError) as error:
            _log.warning(
                "the topic's id is unknown: %s",
                str(error) or type(error).__name__,
                extra={"action": "log_unchecked"},
            )
            return []
        # All lanes now: a rebalance while one is confirmed replaces the positions of the others.
        unchanged = [one for one in counted if one[1] == one[0].assignment]
        outdated = []
        for lane, _, positions, next_offsets in unchanged:
            if _are_of_topic(positions, identity.topic_id):
                await self._positions.confirm(positions, next_offsets)
            else:
                outdated.append(lane)
        return outdated

    async def _reposition(self, lane: Lane) -> None:
        """Compare the positions of a lane with the log, and make it continue from there.

        Its current batch is finished first; otherwise its records would seem uncounted. After a
        rebalance meanwhile the lane has new positions already.
        """
        partitions, assignment = lane.partitions, lane.assignment + 1
        await lane.revoke(None)
        positions = await self._positions.resolve(partitions)
        if lane.assignment != assignment:
            return
        for partition in partitions:
            self._consumer.seek(partition, positions[partition.partition].next_offset)
        lane.assign(partitions, positions)
        _log.warning(
            "reading partitions %s from positions compared again",
            [partition.partition for partition in partitions],
            extra={"action": "positions_compared"},
        )


def _are_of_topic(positions: Mapping[int, StoredPosition], topic_id: str | None) -> bool:
    """Return whether all positions are of the topic with this id; True if there are no ids."""
    return topic_id is None or all(one.incarnation == topic_id for one in positions.values())
