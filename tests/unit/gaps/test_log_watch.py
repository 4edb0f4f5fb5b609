"""The watch over the log, while a worker has no partitions yet."""

import asyncio
from typing import Any, cast
from unittest.mock import Mock

from messaging.kafka import AIOKafkaConsumer
from streams import log_watch
from streams.lane import Lane
from streams.log_watch import LogWatch
from streams.positions import Positions


async def test_a_worker_that_waits_for_its_first_partitions_goes_on(monkeypatch: Any) -> None:
    """A group may take longer than a second to give a new member its partitions."""
    monkeypatch.setattr(log_watch, "CHECK_SECONDS", 0.01)
    positions = Mock(spec=Positions)
    lane = Lane(cast(AIOKafkaConsumer, None), Mock(), 10, lambda *_: None)
    stop = asyncio.Event()
    watching = asyncio.create_task(
        LogWatch(cast(AIOKafkaConsumer, None), [lane], positions).run(stop)
    )
    async with asyncio.timeout(5):
        while positions.look_for_topic.call_count < 2:
            assert not watching.done(), watching.exception()
            await asyncio.sleep(0.01)
        stop.set()
        await watching
