"""What becomes of events whose processing fails, in a Faust agent: shown, with figures.

Some events make the agent raise, as a database that is away for a moment would. Once the agent's
group has committed everything, it is stopped, and a healthy agent of the same group takes over,
with one more event in each partition to show that it reads. What neither has done is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from bench.broker import Broker, fill
from bench.events import Record, partition_of
from bench.peers import Role, Told, agent, read_report
from bench.stage import InvalidRunError, Stage
from devkit.embedded.processes import ServerProcess
from messaging.kafka import AIOKafkaConsumer, TopicPartition, make_consumer
from schemas.topics import CALL_EVENTS, DEFAULT_PARTITIONS

_EVENTS: Final = 4_000
_FAILS_EACH: Final = 1_000
_SECONDS_MAX: Final = 90
_LOOK_SECONDS: Final = 0.2
_AFTERWARDS_SECONDS: Final = 7
"""An agent gets this long for what it has acknowledged already; its restart alone takes five."""


class Loss(NamedTuple):
    """Of `sent` events, those done at first, how often processing failed, and what came again."""

    sent: int
    done: int
    failures: int
    came_again: int

    @property
    def lost(self) -> int:
        """Events that the group has acknowledged and nobody has done."""
        return self.sent - self.done - self.came_again


async def measure_loss(stage: Stage, role: Literal["fails", "fails-take"]) -> Loss:
    """Let an agent fail now and then, and count what a healthy successor is given."""
    records = _records()
    async with stage.broker() as broker:
        await fill(broker, CALL_EVENTS.name, records)
        stage.narrator.say("an agent works, and fails for one event in so many")
        first = await _until_committed(stage, broker, role, len(records))
        more = _one_in_each_partition(records)
        await fill(broker, CALL_EVENTS.name, more)
        stage.narrator.say("a healthy agent takes over")
        second = await _until_committed(stage, broker, "heals", len(records) + len(more))
    came_again = second.done - len(more)
    return Loss(len(records), first.done, first.failed, came_again)


def _records() -> list[Record]:
    records = []
    for number in range(_EVENTS):
        key = f"user-{number:05d}".encode()
        ending = b"-fails" if number % _FAILS_EACH == _FAILS_EACH - 1 else b""
        value = b'{"id":"event-%d%s"}' % (number, ending)
        records.append(Record(partition_of(key), key, value))
    return records


def _one_in_each_partition(records: Sequence[Record]) -> list[Record]:
    keys = {record.partition: record.key for record in records}
    return [Record(place, key, b'{"id":"one-more"}') for place, key in keys.items()]


async def _until_committed(stage: Stage, broker: Broker, role: Role, events: int) -> Told:
    """Run an agent until its group has committed so many events; return what it did."""
    report = stage.directory / f"{role}-{time.monotonic_ns()}.json"
    process = agent(stage, broker, role, report)
    observer = make_consumer(broker.kafka, group="bench-faust")
    await observer.start()
    try:
        await process.start()
        await _wait_committed(process, observer, events)
        await asyncio.sleep(_AFTERWARDS_SECONDS)
    finally:
        await observer.stop()
        await process.stop()
    return read_report(report)


async def _wait_committed(process: ServerProcess, observer: AIOKafkaConsumer, events: int) -> None:
    partitions = [TopicPartition(CALL_EVENTS.name, place) for place in range(DEFAULT_PARTITIONS)]
    deadline = time.monotonic() + _SECONDS_MAX
    while True:
        counts = [await observer.committed(partition) or 0 for partition in partitions]
        if sum(counts) >= events:
            return
        if not process.running:
            raise InvalidRunError(process.exit_report())
        if time.monotonic() > deadline:
            raise InvalidRunError(f"the agent's group has committed {sum(counts)} of {events}")
        await asyncio.sleep(_LOOK_SECONDS)
