"""A broker in memory: the logs of its topics, and the group that shares their partitions."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka.structs import TopicPartition

from messaging.kafka import ConsumerRecord
from schemas.topics import ALL_TOPICS, CALL_EVENTS
from tests.simulator.chance import Chance
from tests.simulator.clock import VirtualLoop
from tests.simulator.process import SimulatedProcess

REBALANCE_SECONDS = 20
ZOMBIE_SECONDS_MAX = 15


class GroupMember:
    """A consumer as the group sees it; see `SimulatedConsumer`."""

    process: SimulatedProcess
    name: str
    owned: tuple[TopicPartition, ...]

    async def revoke(self) -> None:
        """Revoke all partitions."""
        raise NotImplementedError

    async def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Assign partitions."""
        raise NotImplementedError


@dataclass
class SimulatedBroker:
    """The logs by topic and partition; `committed` are the offsets of the group."""

    loop: VirtualLoop
    chance: Chance
    partitions: int
    logs: dict[TopicPartition, list[ConsumerRecord]] = field(default_factory=dict)
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    is_down: bool = False

    def __post_init__(self) -> None:
        for topic in ALL_TOPICS:
            for number in range(self.partitions):
                self.logs[TopicPartition(topic.name, number)] = []

    def of(self, topic: str) -> list[ConsumerRecord]:
        """Return all records of a topic."""
        return [
            record for place, log in self.logs.items() if place.topic == topic for record in log
        ]

    def append(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> None:
        """Append a record with the current time."""
        log = self.logs[TopicPartition(topic, partition)]
        log.append(
            ConsumerRecord(
                topic,
                partition,
                len(log),
                round(self.loop.now().timestamp() * 1000),
                0,
                key,
                value,
                None,
                -1 if key is None else len(key),
                -1 if value is None else len(value),
                tuple(headers),
            )
        )
        arrived, self.arrived = self.arrived, asyncio.Event()
        arrived.set()


class ConsumerGroup:
    """The consumer group: its members and its rebalances, one after another."""

    def __init__(self, broker: SimulatedBroker, chance: Chance) -> None:
        self._broker = broker
        self._chance = chance
        self.members: list[GroupMember] = []
        self.owners: dict[TopicPartition, GroupMember] = {}
        self._turn = asyncio.Lock()
        self._due = asyncio.Event()

    def join(self, member: GroupMember) -> None:
        self.members.append(member)
        self._due.set()

    def leave(self, member: GroupMember) -> None:
        """Remove a member, with its partitions."""
        if member in self.members:
            self.members.remove(member)
            self._due.set()

    def rebalance(self) -> None:
        """Request a rebalance."""
        self._due.set()

    async def run(self) -> None:
        """Rebalance whenever it is due."""
        async with asyncio.TaskGroup() as returns:
            while True:
                await self._due.wait()
                self._due.clear()
                await asyncio.sleep(self._chance.latency_seconds())
                await self._rebalance(returns)

    async def _rebalance(self, returns: asyncio.TaskGroup) -> None:
        """Revoke from all members, then assign; a member that does not answer in time is removed.

        A zombie is a removed member that does not know it yet: it keeps reading and recording,
        beside the new owner of its partitions.
        """
        members = [member for member in self.members if not member.process.dead]
        zombies = [
            member
            for member in members
            if len(members) > 1
            and not self._chance.number(4)
            and self._chance.happens(f"{member.name}: expelled without its knowledge")
        ]
        present = [member for member in members if member not in zombies]
        revoked = {m: m.process.start(m.revoke()) for m in present}
        if revoked:
            await asyncio.wait(revoked.values(), timeout=REBALANCE_SECONDS)
        ready = [m for m in present if revoked[m].done() and not m.process.dead]
        late = [m for m in present if not revoked[m].done()]
        for member in (*late, *zombies):
            returns.create_task(self._return(member, revoked.get(member)))
        shares = defaultdict[GroupMember, list[TopicPartition]](list)
        if ready:
            order = self._chance.shuffled(ready)
            for number in range(self._broker.partitions):
                partition = TopicPartition(CALL_EVENTS.name, number)
                shares[order[number % len(order)]].append(partition)
        self.owners = {one: member for member, share in shares.items() for one in share}
        names = {m.name: [p.partition for p in shares[m]] for m in ready}
        self._chance.note(f"group assigns {names}")
        for member in ready:
            member.process.start(member.assign(shares[member]))

    async def _return(self, member: GroupMember, revoking: asyncio.Task[None] | None) -> None:
        """Let a removed member join again once it has noticed."""
        await asyncio.sleep(self._chance.seconds(ZOMBIE_SECONDS_MAX))
        if revoking is not None:
            await asyncio.wait({revoking})
        self._due.set()


def call_events(broker: SimulatedBroker) -> dict[int, list[ConsumerRecord]]:
    """Return the sent events, by partition."""
    return {
        place.partition: log
        for place, log in broker.logs.items()
        if place.topic == CALL_EVENTS.name
    }
