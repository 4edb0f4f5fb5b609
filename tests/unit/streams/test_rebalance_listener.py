"""A worker that cannot take over its partitions ends, and its supervisor restarts it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import asyncpg
import pytest

from ledger.postgres.clock import DatabaseClock
from ledger.postgres.database import Connection
from ledger.recording.positions import StoredPosition
from messaging.kafka import AIOKafkaConsumer, KafkaError, TopicPartition
from streams import rebalance_listener
from streams.lane import Lane
from streams.positions import Positions
from streams.rebalance_listener import RebalanceListener

PARTITION = TopicPartition("events", 3)


class ClockConnection:
    """A connection that returns the time only."""

    async def fetchval(self, _: object) -> datetime:
        return datetime.now(UTC)

    async def close(self) -> None:
        """Close nothing."""


class SeekingConsumer:
    """A consumer that accepts positions, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def seek(self, *_: object) -> None:
        if self.error:
            raise self.error


class FakePositions:
    """Returns the prepared positions, or raises the prepared error."""

    def __init__(self, response: dict[int, StoredPosition] | Exception) -> None:
        self.answer = response

    async def resolve(self, _: object) -> dict[int, StoredPosition]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class AssignedLane:
    """The part of a lane that receives its partitions."""

    partitions: tuple[TopicPartition, ...] = ()

    def assign(self, partitions: list[TopicPartition], _: object) -> None:
        self.partitions = tuple(partitions)


async def connect() -> Connection:
    return cast(Connection, ClockConnection())


async def heartbeat(*_: object) -> None:
    """Say nothing."""


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send no heartbeats."""
    monkeypatch.setattr(rebalance_listener, "heartbeat", heartbeat)


@asynccontextmanager
async def running(
    consumer: SeekingConsumer, lane: AssignedLane, response: dict[int, StoredPosition] | Exception
) -> AsyncIterator[tuple[RebalanceListener, Any]]:
    own = RebalanceListener(
        cast(AIOKafkaConsumer, consumer),
        [cast(Lane, lane)],
        cast(Positions, FakePositions(response)),
        connect,
        "worker",
        DatabaseClock(),
    )
    stop = asyncio.Event()
    task = asyncio.create_task(own.run(stop))
    await asyncio.sleep(0)
    yield own, task
    stop.set()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("response", "broken"),
    [
        (asyncpg.UndefinedTableError("no such table"), None),
        (asyncpg.InsufficientPrivilegeError("not yours"), None),
        ({3: StoredPosition(7)}, KafkaError("no such partition")),
    ],
    ids=["no table", "no privilege", "no position"],
)
async def test_failed_takeover_of_partitions_ends_the_worker(
    response: Any, broken: Exception | None
) -> None:
    error = broken or response
    async with running(SeekingConsumer(broken), AssignedLane(), response) as (own, task):
        with pytest.raises(type(error)):
            await own.on_partitions_assigned({PARTITION})  # aiokafka logs this one
        with pytest.raises(type(error)):
            await asyncio.wait_for(task, 60)


async def test_lane_starts_at_the_found_positions() -> None:
    lane = AssignedLane()
    async with running(SeekingConsumer(), lane, {3: StoredPosition(7)}) as (own, task):
        await own.on_partitions_assigned({PARTITION})
        assert lane.partitions == (PARTITION,)
        assert not task.done()
