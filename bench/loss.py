"""Shows with figures what a Faust agent does with events whose processing fails.

Some events make the agent raise an exception, like a database that is unavailable for a moment.
Once the agent's group has committed all offsets, it is stopped, and a healthy agent of the same
group takes over, with one more event in each partition to show that it reads. Events that neither
agent processed are lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from bench.broker import Broker, fill
from bench.consumers import AgentReport, AgentRole, agent, read_report
from bench.context import BenchContext, InvalidRunError
from bench.events import LoadRecord, partition_of
from devkit.embedded.processes import ServerProcess
from messaging.kafka import AIOKafkaConsumer, TopicPartition, make_consumer
from schemas.topics import CALL_EVENTS, DEFAULT_PARTITIONS

_EVENTS: Final = 4_000
_FAILURE_INTERVAL: Final = 1_000
_SECONDS_MAX: Final = 90
_POLL_SECONDS: Final = 0.2
_FINISH_SECONDS: Final = 7
"""The time for an agent to finish acknowledged events; its restart alone takes five seconds."""


class Loss(NamedTuple):
    """Of `sent` events: those processed at first, the failures, and those delivered again."""

    sent: int
    done: int
    failures: int
    redelivered: int

    @property
    def lost(self) -> int:
        """Events that the group acknowledged and no agent processed."""
        return self.sent - self.done - self.redelivered


async def measure_loss(context: BenchContext, role: Literal["fails", "fails-take"]) -> Loss:
    """Let an agent fail sometimes, and count the events that a healthy successor receives."""
    records = _records()
    async with context.broker() as broker:
        await fill(broker, CALL_EVENTS.name, records)
        context.progress.update("an agent works and fails for some events")
        first = await _run_until_committed(context, broker, role, len(records))
        more = _one_in_each_partition(records)
        await fill(broker, CALL_EVENTS.name, more)
        context.progress.update("a healthy agent takes over")
        second = await _run_until_committed(context, broker, "heals", len(records) + len(more))
    redelivered = second.done - len(more)
    return Loss(len(records), first.done, first.failed, redelivered)


def _records() -> list[LoadRecord]:
    records = []
    for number in range(_EVENTS):
        key = f"user-{number:05d}".encode()
        ending = b"-fails" if number % _FAILURE_INTERVAL == _FAILURE_INTERVAL - 1 else b""
        value = b'{"id":"event-%d%s"}' % (number, ending)
        records.append(LoadRecord(partition_of(key), key, value))
    return records


def _one_in_each_partition(records: Sequence[LoadRecord]) -> list[LoadRecord]:
    keys = {record.partition: record.key for record in records}
    return [LoadRecord(partition, key, b'{"id":"one-more"}') for partition, key in keys.items()]


async def _run_until_committed(
    context: BenchContext, broker: Broker, role: AgentRole, events: int
) -> AgentReport:
    """Run an agent until its group has committed `events` offsets; return its result."""
    report = context.directory / f"{role}-{time.monotonic_ns()}.json"
    process = agent(context, broker, role, report)
    observer = make_consumer(broker.kafka, group="bench-faust")
    await observer.start()
    try:
        await process.start()
        await _wait_committed(process, observer, events)
        await asyncio.sleep(_FINISH_SECONDS)
    finally:
        await observer.stop()
        await process.stop()
    return read_report(report)


async def _wait_committed(process: ServerProcess, observer: AIOKafkaConsumer, events: int) -> None:
    partitions = [TopicPartition(CALL_EVENTS.name, number) for number in range(DEFAULT_PARTITIONS)]
    deadline = time.monotonic() + _SECONDS_MAX
    while True:
        counts = [await observer.committed(partition) or 0 for partition in partitions]
        if sum(counts) >= events:
            return
        if not process.running:
            raise InvalidRunError(process.exit_report())
        if time.monotonic() > deadline:
            raise InvalidRunError(f"the agent's group committed {sum(counts)} of {events} offsets")
        await asyncio.sleep(_POLL_SECONDS)
