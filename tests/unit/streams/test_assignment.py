"""A worker that cannot take over its partitions ends, for its supervisor to start it again."""

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
from streams import assignment
from streams.assignment import Assignment
from streams.lane import Lane
from streams.positions import Positions

PARTITION = TopicPartition("events", 3)


class Database:
    """Connections that are asked for the time only."""

    async def fetchval(self, _: object) -> datetime:
        return datetime.now(UTC)

    async def close(self) -> None:
        """Close nothing."""


class Consumer:
    """Takes positions, or fails to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def seek(self, *_: object) -> None:
        if self.error:
            raise self.error


class FakePositions:
    """Finds what was prepared, or fails as prepared."""

    def __init__(self, answer: dict[int, StoredPosition] | Exception) -> None:
        self.answer = answer

    async def resolve(self, _: object) -> dict[int, StoredPosition]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Holder:
    """A lane as far as it is told what it has."""

    partitions: tuple[TopicPartition, ...] = ()

    def assign(self, partitions: list[TopicPartition], _: object) -> None:
        self.partitions = tuple(partitions)


async def connect() -> Connection:
    return cast(Connection, Database())


async def heartbeat(*_: object) -> None:
    """Say nothing."""


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send no heartbeats."""
    monkeypatch.setattr(assignment, "heartbeat", heartbeat)


@asynccontextmanager
async def running(
    consumer: Consumer, lane: Holder, answer: dict[int, StoredPosition] | Exception
) -> AsyncIterator[tuple[Assignment, Any]]:
    own = Assignment(
        cast(AIOKafkaConsumer, consumer),
        [cast(Lane, lane)],
        cast(Positions, FakePositions(answer)),
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
    ("answer", "broken"),
    [
        (asyncpg.UndefinedTableError("no such table"), None),
        (asyncpg.InsufficientPrivilegeError("not yours"), None),
        ({3: StoredPosition(7)}, KafkaError("no such partition")),
    ],
    ids=["no table", "no privilege", "no position"],
)
async def test_what_keeps_partitions_from_being_taken_over_ends_the_worker(
    answer: Any, broken: Exception | None
) -> None:
    error = broken or answer
    async with running(Consumer(broken), Holder(), answer) as (own, task):
        with pytest.raises(type(error)):
            await own.on_partitions_assigned({PARTITION})  # aiokafka logs this one
        with pytest.raises(type(error)):
            await asyncio.wait_for(task, 1)


async def test_a_lane_takes_over_the_positions_that_were_found() -> None:
    lane = Holder()
    async with running(Consumer(), lane, {3: StoredPosition(7)}) as (own, task):
        await own.on_partitions_assigned({PARTITION})
        assert lane.partitions == (PARTITION,)
        assert not task.done()
