"""A worker that cannot take over its partitions ends, for its supervisor to start it again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
import pytest

from ledger.store.database import Connection
from ledger.store.offsets import Stream
from streams import assignment
from streams.assignment import Assignment
from streams.kafka import AIOKafkaConsumer, KafkaError, TopicPartition
from streams.lane import Lane

PARTITION = TopicPartition("events", 3)


class Database:
    """Connections that are never asked for anything."""

    async def close(self) -> None:
        """Close nothing."""


class Consumer:
    """Takes positions, or fails to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def seek(self, *_: object) -> None:
        if self.error:
            raise self.error


class Holder:
    """A lane as far as it is told what it has."""

    partitions: tuple[TopicPartition, ...] = ()

    def assign(self, partitions: list[TopicPartition], _: object) -> None:
        self.partitions = tuple(partitions)


async def connect() -> Connection:
    return cast(Connection, Database())


async def heartbeat(*_: object) -> None:
    """Say nothing."""


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let these be the answers when stored offsets are asked for."""
    answers: list[Any] = []

    async def read_offsets(*_: object) -> dict[int, int]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    monkeypatch.setattr(assignment, "read_offsets", read_offsets)
    monkeypatch.setattr(assignment, "heartbeat", heartbeat)
    return answers


@asynccontextmanager
async def running(consumer: Consumer, lane: Holder) -> AsyncIterator[tuple[Assignment, Any]]:
    own = Assignment(
        cast(AIOKafkaConsumer, consumer),
        [cast(Lane, lane)],
        Stream("cluster", "events"),
        connect,
        "worker",
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
        ({3: 7}, KafkaError("no such partition")),
    ],
    ids=["no table", "no privilege", "no position"],
)
async def test_what_keeps_partitions_from_being_taken_over_ends_the_worker(
    stored: list[Any], answer: Any, broken: Exception | None
) -> None:
    stored.append(answer)
    error = broken or answer
    async with running(Consumer(broken), Holder()) as (own, task):
        with pytest.raises(type(error)):
            await own.on_partitions_assigned({PARTITION})  # aiokafka logs this one
        with pytest.raises(type(error)):
            await asyncio.wait_for(task, 1)


async def test_a_database_that_is_away_is_waited_for(stored: list[Any]) -> None:
    stored += [OSError("away"), {3: 7}]
    lane = Holder()
    async with running(Consumer(), lane) as (own, task):
        await own.on_partitions_assigned({PARTITION})
        assert lane.partitions == (PARTITION,)
        assert not task.done()
