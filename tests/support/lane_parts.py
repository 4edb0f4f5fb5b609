"""In-memory parts of a lane: a consumer with a log, and a recorder."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

from ledger.recording.batch import Batch, BatchOutcome
from ledger.recording.recorder import Recorder
from messaging.kafka import AIOKafkaConsumer, TopicPartition
from streams.lane import Lane
from tests.support.events import Plain, cost
from tests.support.lanes import record
from tests.support.prices import catalogue
from tests.support.recording import TopicLog

BATCH_MAX = 1_000
FIRST, OTHER = TopicPartition("events", 0), TopicPartition("events", 1)


class MemoryConsumer:
    """A consumer whose polls wait for records, across rebalances too, like aiokafka's."""

    def __init__(self) -> None:
        self.log, self._arrived = TopicLog(), asyncio.Condition()
        self._waiting: dict[TopicPartition, list[Any]] = {}
        self.ends: dict[TopicPartition, int] = {}
        """The ends of the log, where a test says that there is a backlog."""
        self.polls = 0
        self.records_per_poll_max = 10_000

    async def send(
        self,
        partition: TopicPartition,
        value: bytes | Plain | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> int:
        """Append a record; returns its offset."""
        sent = self.log.append(cost() if value is None else value, partition.partition)
        sent.headers = headers
        async with self._arrived:
            self._waiting.setdefault(partition, []).append(record(sent))
            self._arrived.notify_all()
        return sent.offset

    def last_stable_offset(self, partition: TopicPartition) -> int | None:
        return self.ends.get(partition)

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int
    ) -> Mapping[TopicPartition, list[Any]]:
        self.polls += 1
        try:
            async with asyncio.timeout(timeout_ms / 1000), self._arrived:
                await self._arrived.wait_for(lambda: self._waiting.keys() & set(partitions))
                most = min(max_records, self.records_per_poll_max) // len(partitions)
                return {p: self._received_number(p, most) for p in partitions if p in self._waiting}
        except TimeoutError:
            return {}

    def _received_number(self, partition: TopicPartition, most: int) -> list[Any]:
        waiting = self._waiting.pop(partition)
        if len(waiting) > most:
            self._waiting[partition] = waiting[most:]
        return waiting[:most]


class BlockableRecorder:
    """A recorder that keeps offsets; each batch waits for `may_record`."""

    def __init__(self) -> None:
        self.recorded: list[tuple[int, int]] = []
        self.sizes: list[int] = []
        self.may_record = asyncio.Event()
        self.may_record.set()
        self.has_started = asyncio.Event()
        self.closed = False
        self.catalogue = catalogue()

    def expect_repeats(self) -> None:
        """Do nothing."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def record(self, batch: Batch) -> BatchOutcome:
        self.has_started.set()
        self.sizes.append(batch.size)
        await self.may_record.wait()
        self.recorded += [(one.partition, one.offset) for one in batch.records]
        return BatchOutcome(recorded=len(batch.events))

    async def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def running(consumer: MemoryConsumer, ledger: BlockableRecorder) -> AsyncIterator[Lane]:
    """Run a lane that has the first partition, and stop it afterwards."""
    own = Lane(
        cast(AIOKafkaConsumer, consumer),
        cast(Recorder, ledger),
        BATCH_MAX,
        lambda outcome, offsets: None,
    )
    own.assign([FIRST], {})
    stop = asyncio.Event()
    task = asyncio.create_task(own.run(stop))
    yield own
    stop.set()
    async with asyncio.timeout(60):
        await task
    assert ledger.closed


async def let_tasks_run() -> None:
    """Let all tasks run until each of them waits for an event or a time."""
    for _ in range(200):
        await asyncio.sleep(0)


async def until_recorded(ledger: BlockableRecorder, count: int) -> None:
    async with asyncio.timeout(60):
        while len(ledger.recorded) < count:
            await asyncio.sleep(0.001)


async def until_polled(consumer: MemoryConsumer, polls: int) -> None:
    async with asyncio.timeout(60):
        while consumer.polls < polls:
            await asyncio.sleep(0.001)
