"""Simulated consumers and producers with the used methods of aiokafka."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka.errors import (
    CommitFailedError,
    KafkaConnectionError,
    KafkaError,
    RequestTimedOutError,
)
from aiokafka.structs import TopicPartition

from messaging.kafka import ConsumerRecord, partition_of
from tests.simulator.broker import ConsumerGroup, GroupMember, SimulatedBroker
from tests.simulator.chance import Chance
from tests.simulator.process import SimulatedProcess

SESSION_SECONDS = 10
SLOW_POLL_SECONDS_MAX = 3
BATCH_RECORDS_MAX = 20


class SimulatedConsumer(GroupMember):
    """A group member whose polls, commits and rebalances fail by the seed."""

    def __init__(
        self,
        broker: SimulatedBroker,
        group: ConsumerGroup,
        chance: Chance,
        check_commit: Callable[[TopicPartition, int], None],
    ) -> None:
        self.process = SimulatedProcess.current()
        self.name = f"{self.process.name} consumer"
        self.owned = ()
        self._broker = broker
        self._group = group
        self._chance = chance
        self._check_commit = check_commit
        self._listener: Any = None
        self._turn = asyncio.Lock()
        self._positions: dict[TopicPartition, int] = {}
        self.process.on_kill(self._expire)

    def last_poll_timestamp(self, partition: TopicPartition) -> None:
        """Return no time: progress of workers is not simulated."""

    def _expire(self) -> None:
        """Let the group detect a killed member."""
        self._broker.loop.call_later(SESSION_SECONDS, self._group.leave, self)

    async def start(self) -> None:
        await self.process.wait_while_frozen()

    def subscribe(self, topics: Iterable[str], listener: Any) -> None:
        assert list(topics) == ["cost.call-events.v1"]
        self._listener = listener
        self._group.join(self)

    async def stop(self) -> None:
        await self.process.wait_while_frozen()
        await self.revoke()
        self._group.leave(self)

    async def revoke(self) -> None:
        async with self._turn:
            await self.process.wait_while_frozen()
            await asyncio.sleep(self._chance.latency_seconds())
            self._chance.note(f"{self.name} gives up {[p.partition for p in self.owned]}")
            await self._listener.on_partitions_revoked(set(self.owned))
            self.owned = ()

    async def assign(self, partitions: Sequence[TopicPartition]) -> None:
        async with self._turn:
            self.owned = tuple(partitions)
            self._positions = {p: self._broker.committed.get(p, 0) for p in partitions}
            await asyncio.sleep(self._chance.latency_seconds())
            await self.process.wait_while_frozen()
            try:
                await self._listener.on_partitions_assigned(set(partitions))
            except Exception as error:  # as aiokafka does: it logs errors of a listener
                self._chance.note(f"{self.name}: the listener raises {type(error).__name__}")

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self.owned)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        assert partition in self.owned, "aiokafka raises IllegalStateError"
        self._positions[partition] = offset

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(self._broker.partitions))

    def last_stable_offset(self, partition: TopicPartition) -> int:
        assert partition in self.owned, "aiokafka asserts this"
        return len(self._broker.logs[partition])

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        deadline = self._broker.loop.time() + timeout_ms / 1000
        await self.process.wait_while_frozen()
        fault = self._chance.fault("poll", f"{self.name} poll")
        if fault == "failed":
            raise KafkaConnectionError("the simulated broker fails a poll")
        if fault == "late":
            await asyncio.sleep(self._chance.seconds(SLOW_POLL_SECONDS_MAX))
        while True:
            await self.process.wait_while_frozen()
            found = {} if self._broker.is_down else self._take(partitions, max_records)
            left = deadline - self._broker.loop.time()
            if found or left <= 0:
                return found
            try:
                await asyncio.wait_for(self._broker.arrived.wait(), left)
            except TimeoutError:
                return {}

    def _take(
        self, partitions: Sequence[TopicPartition], records_max: int
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        for partition in partitions:
            if partition not in self._positions or records_max <= 0:
                continue
            start = self._positions[partition]
            records = self._broker.logs[partition][start : start + records_max]
            if records:
                found[partition] = records
                self._positions[partition] = records[-1].offset + 1
                records_max -= len(records)
        if found:
            counts = {p.partition: len(records) for p, records in found.items()}
            self._chance.note(f"{self.name} reads {counts}")
        return found

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self.process.wait_while_frozen()
        fault = self._chance.fault("kafka commit", f"{self.name} commit")
        await asyncio.sleep(self._chance.latency_seconds())
        await self.process.wait_while_frozen()
        if fault == "refused before" or self._broker.is_down:
            raise RequestTimedOutError("the simulated broker did not commit")
        if any(self._group.owners.get(partition) is not self for partition in offsets):
            raise CommitFailedError("the group has given the partitions to others")
        for partition, offset in offsets.items():
            self._check_commit(partition, offset)
            self._broker.committed[partition] = offset
        if fault == "refused after":
            raise RequestTimedOutError("the simulated broker committed and did not say so")

    async def position(self, partition: TopicPartition) -> int:
        await self.process.wait_while_frozen()
        return self._positions[partition]

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        await self.process.wait_while_frozen()
        return {partition: len(self._broker.logs[partition]) for partition in partitions}

    async def beginning_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        await self.process.wait_while_frozen()
        return dict.fromkeys(partitions, 0)

    def highwater(self, partition: TopicPartition) -> int | None:
        return len(self._broker.logs[partition]) if partition in self.owned else None


class SimulatedProducer:
    """Delivers records one after another; each delivery may fail before or after the write."""

    def __init__(self, broker: SimulatedBroker, chance: Chance) -> None:
        self._process = SimulatedProcess.current()
        self._broker = broker
        self._chance = chance
        self._last: asyncio.Task[None] | None = None
        self._hangs = False

    async def start(self) -> None:
        await self._process.wait_while_frozen()
        await asyncio.sleep(self._chance.latency_seconds())
        if self._broker.is_down:
            raise KafkaConnectionError("the simulated broker is down")

    async def stop(self) -> None:
        """Wait for deliveries in progress, as aiokafka does, without a time limit."""
        if self._last is not None and not self._process.dead:
            await asyncio.wait({self._last})

    async def partitions_for(self, topic: str) -> set[int]:
        await self._process.wait_while_frozen()
        return set(range(self._broker.partitions))

    async def send(
        self, topic: str, value: bytes | None, *, key: bytes | None = None, headers: Any = None
    ) -> Awaitable[None]:
        await self._process.wait_while_frozen()
        every = list(range(self._broker.partitions))
        partition = partition_of(key, every) if key is not None else 0
        return self._deliver(topic, partition, [(key, value, headers or ())])

    def create_batch(self) -> "SimulatedBatch":
        return SimulatedBatch()

    async def send_batch(
        self, batch: "SimulatedBatch", topic: str, *, partition: int
    ) -> Awaitable[None]:
        await self._process.wait_while_frozen()
        return self._deliver(topic, partition, [(*one, ()) for one in batch.records])

    def _deliver(
        self, topic: str, partition: int, records: list[tuple[bytes | None, bytes | None, Any]]
    ) -> Awaitable[None]:
        acknowledged: asyncio.Future[None] = self._broker.loop.create_future()
        work = self._delivery(topic, partition, records, acknowledged, self._last)
        self._last = self._process.start(work)
        return acknowledged

    async def _delivery(
        self,
        topic: str,
        partition: int,
        records: list[tuple[bytes | None, bytes | None, Any]],
        acknowledged: asyncio.Future[None],
        before: asyncio.Task[None] | None,
    ) -> None:
        if before is not None:
            await asyncio.wait({before})
        await asyncio.sleep(self._chance.latency_seconds())
        await self._process.wait_while_frozen()
        where = f"{self._process.name} to {topic}-{partition}"
        fault = self._chance.fault("publish", where)
        if self._broker.is_down and fault is None:
            fault = "refused before"
        if fault != "refused before":
            for _ in range(2 if fault == "written twice" else 1):
                for key, value, headers in records:
                    self._broker.append(topic, partition, key, value, headers)
            self._chance.note(f"{where}: {len(records)} written")
        if fault == "no answer":
            await self._broker.loop.create_future()
        if acknowledged.done():
            return
        if fault in {"refused before", "refused after"}:
            acknowledged.set_exception(KafkaError("the simulated broker refuses"))
            acknowledged.exception()  # the caller handles the error, or has given up the batch
        else:
            acknowledged.set_result(None)


class SimulatedBatch:
    """Records that are sent together."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes]] = []

    def append(self, *, timestamp: int | None, key: bytes, value: bytes) -> object | None:
        if len(self.records) >= BATCH_RECORDS_MAX:
            return None
        self.records.append((key, value))
        return object()
