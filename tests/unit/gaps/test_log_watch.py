"""The watch over the log while a worker has no partitions yet."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast
from unittest.mock import Mock

from ledger.recording.positions import StoredPosition
from messaging.kafka import AIOKafkaConsumer, TopicPartition
from messaging.topic_ids import TopicIdentity
from streams import log_watch
from streams.lane import Lane
from streams.log_watch import LogWatch
from streams.positions import Positions


async def test_worker_without_partitions_keeps_watching(monkeypatch: Any) -> None:
    """A group may take longer than a second to give a new member its partitions."""
    monkeypatch.setattr(log_watch, "CHECK_SECONDS", 0.01)
    positions = Mock(spec=Positions)
    lane = Lane(cast(AIOKafkaConsumer, None), Mock(), 10, lambda *_: None)
    stop = asyncio.Event()
    watching = asyncio.create_task(
        LogWatch(cast(AIOKafkaConsumer, None), [lane], positions).run(stop)
    )
    async with asyncio.timeout(60):
        while positions.refresh_metadata.call_count < 2:
            assert not watching.done(), watching.exception()
            await asyncio.sleep(0.01)
        stop.set()
        await watching


class _ConfirmedPositions:
    """Keeps what is confirmed; the first time the group gives the lanes each other's partitions."""

    def __init__(self, lanes: list[Lane]) -> None:
        self.confirmed: list[tuple[dict[int, StoredPosition], dict[int, int]]] = []
        self._lanes = lanes

    async def identity(self, _: object) -> TopicIdentity:
        return TopicIdentity("cluster", "this-topic")

    async def confirm(
        self, positions: Mapping[int, StoredPosition], next_offsets: Mapping[int, int]
    ) -> None:
        self.confirmed.append((dict(positions), dict(next_offsets)))
        if len(self.confirmed) == 1:
            for number, lane in enumerate(reversed(self._lanes)):
                give(lane, number, generation=2)


def give(lane: Lane, number: int, *, generation: int) -> None:
    position = StoredPosition(100 * generation, generation=generation, incarnation="this-topic")
    lane.assign([TopicPartition("events", number)], {number: position})


async def test_offsets_are_confirmed_for_the_positions_they_were_counted_from() -> None:
    """A rebalance while one lane is confirmed gives the others new positions."""
    consumer = cast(AIOKafkaConsumer, None)
    lanes = [Lane(consumer, Mock(), 10, lambda *_: None) for _ in range(2)]
    for number, lane in enumerate(lanes):
        give(lane, number, generation=1)
        lane.next_offsets = {number: 150 + number}
    positions = _ConfirmedPositions(lanes)
    assert not await LogWatch(consumer, lanes, cast(Positions, positions)).confirm()
    for number, (confirmed, next_offsets) in enumerate(positions.confirmed):
        assert {place: one.generation for place, one in confirmed.items()} == {number: 1}
        assert next_offsets == {number: 150 + number}
    assert len(positions.confirmed) == 2
