"""Runs a lane of the worker over records in memory and a real database."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from ledger.recording.batch import BatchOutcome
from ledger.recording.positions import StoredPosition
from messaging.kafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from streams.lane import Lane
from tests.support.recording import BatchWriter, ConsumedRecord

TOPIC = "cost.call-events.v1"


class ScriptedConsumer:
    """A consumer with prepared polls; then it returns nothing."""

    def __init__(self, polls: Iterable[Sequence[ConsumedRecord]]) -> None:
        self._polls = list(polls)

    async def getmany(self, *_: object, timeout_ms: int, **__: object) -> Mapping[Any, Any]:
        if not self._polls:
            await asyncio.sleep(timeout_ms / 1000)
            return {}
        records: dict[TopicPartition, list[ConsumerRecord]] = {}
        for consumed in self._polls.pop(0):
            records.setdefault(TopicPartition(TOPIC, consumed.partition), []).append(
                record(consumed)
            )
        return records


def record(consumed: ConsumedRecord) -> ConsumerRecord:
    """Return a record as aiokafka would."""
    headers = tuple(consumed.headers)
    return ConsumerRecord(
        TOPIC,
        consumed.partition,
        consumed.offset,
        0,
        0,
        consumed.key,
        consumed.value,
        None,
        3,
        len(consumed.value or b""),
        headers,
    )


async def run_lane(
    writer: BatchWriter,
    polls: Iterable[Sequence[ConsumedRecord]],
    positions: Mapping[int, StoredPosition] | None = None,
    seconds: int = 60,
) -> list[BatchOutcome]:
    """Run a lane until all polled records are committed; returns the outcomes of its batches."""
    polls = list(polls)
    last = {one.partition: one.offset + 1 for poll in polls for one in poll}
    stop, outcomes, done = asyncio.Event(), [], dict[int, int]()

    def committed(outcome: BatchOutcome, next_offsets: Mapping[int, int]) -> None:
        outcomes.append(outcome)
        done.update(next_offsets)
        if done == last:
            stop.set()

    consumer = cast(AIOKafkaConsumer, ScriptedConsumer(polls))
    lane = Lane(consumer, writer.recorder, 1000, committed)
    lane.assign([TopicPartition(TOPIC, partition) for partition in last], positions or {})
    async with asyncio.timeout(seconds):
        await lane.run(stop)
    assert done == last
    return outcomes
