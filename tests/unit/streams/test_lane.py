"""A lane records what it reads under an assignment, and nothing from the next one.

A record that is read and not recorded would be lost, as the next batch moves the stored offset past
it.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from ledger.recording.batch import SMALL_BATCH_MAX, Batch, BatchOutcome
from messaging.kafka import TopicPartition
from streams import lane
from streams.dead_letters import TooManyRefusedError
from streams.lane import BACKLOG_MIN
from tests.support.lane_parts import (
    BATCH_MAX,
    FIRST,
    OTHER,
    BlockableRecorder,
    MemoryConsumer,
    let_tasks_run,
    running,
    until_polled,
    until_recorded,
)

MANY = SMALL_BATCH_MAX + 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a lane react to a stop within milliseconds."""
    monkeypatch.setattr(lane, "POLL_MS", 100)
    monkeypatch.setattr(lane, "IDLE_SECONDS", 0.1)


@pytest.fixture
def consumer() -> MemoryConsumer:
    return MemoryConsumer()


@pytest.fixture
def recorder() -> BlockableRecorder:
    return BlockableRecorder()


async def send_many(consumer: MemoryConsumer) -> None:
    """Send enough records for a large batch, during which the lane reads ahead."""
    for _ in range(MANY):
        await consumer.send(FIRST)


async def test_records_during_a_large_batch_form_one_batch(
    consumer: MemoryConsumer, recorder: BlockableRecorder
) -> None:
    """Up to the size limit of a batch, and without any further wait."""
    recorder.may_record.clear()
    await send_many(consumer)
    async with running(consumer, recorder) as own:
        own.assign([FIRST, OTHER], {})
        await recorder.has_started.wait()
        for polls, partition in enumerate([FIRST, OTHER, FIRST], consumer.polls + 1):
            await consumer.send(partition)
            await until_polled(consumer, polls)
        recorder.may_record.set()
        await until_recorded(recorder, MANY + 3)
        assert recorder.sizes == [MANY, 3]
        assert own.read_offsets == {0: MANY + 2, 1: 1}
    assert recorder.recorded[MANY:] == [(0, MANY), (1, 0), (0, MANY + 1)]


async def test_backlog_is_polled_into_one_batch(
    consumer: MemoryConsumer, recorder: BlockableRecorder
) -> None:
    """Larger batches are cheaper for each event; the last poll does not wait."""
    for _ in range(3):
        await send_many(consumer)
    consumer.records_per_poll_max = MANY
    async with running(consumer, recorder):
        await until_recorded(recorder, 3 * MANY)
    assert recorder.sizes == [3 * MANY]


async def test_batch_waits_for_a_backlog_that_is_still_being_fetched(
    consumer: MemoryConsumer, recorder: BlockableRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise lanes record what one fetch returned, in batches that cost more for each event."""
    monkeypatch.setattr(lane, "FILL_POLL_MS", 10_000)
    monkeypatch.setattr(lane, "FILL_SECONDS_MAX", 60)
    consumer.ends[FIRST] = MANY + BACKLOG_MIN
    await send_many(consumer)
    async with running(consumer, recorder):
        await until_polled(consumer, 2)
        await let_tasks_run()
        assert recorder.sizes == []
        await send_many(consumer)
        await until_recorded(recorder, 2 * MANY)
    assert recorder.sizes == [2 * MANY]


async def test_backlog_without_records_does_not_hold_a_batch(
    consumer: MemoryConsumer, recorder: BlockableRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the log may count aborted, compacted and control records."""
    monkeypatch.setattr(lane, "FILL_POLL_MS", 20)
    consumer.ends[FIRST] = MANY + BACKLOG_MIN
    await send_many(consumer)
    async with running(consumer, recorder):
        await until_recorded(recorder, MANY)
        assert consumer.polls <= 3


async def test_batch_is_filled_for_a_limited_time(
    consumer: MemoryConsumer, recorder: BlockableRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "FILL_SECONDS_MAX", 0)
    monkeypatch.setattr(lane, "FILL_POLL_MS", 60_000)
    consumer.ends[FIRST] = 3 * MANY + BACKLOG_MIN
    await send_many(consumer)
    async with running(consumer, recorder):
        await until_recorded(recorder, MANY)
        await send_many(consumer)
        await until_recorded(recorder, 2 * MANY)
    assert recorder.sizes == [MANY, MANY]


async def test_batch_size_is_limited(consumer: MemoryConsumer, recorder: BlockableRecorder) -> None:
    for _ in range(14):
        await send_many(consumer)
    async with running(consumer, recorder):
        await until_recorded(recorder, 14 * MANY)
    assert len(recorder.sizes) > 1
    assert max(recorder.sizes) <= BATCH_MAX
    assert recorder.recorded == [(0, offset) for offset in range(14 * MANY)]


async def test_small_batch_does_not_wait_for_more(
    consumer: MemoryConsumer, recorder: BlockableRecorder
) -> None:
    for _ in range(3):
        await consumer.send(FIRST)
    consumer.records_per_poll_max = 2
    async with running(consumer, recorder):
        await until_recorded(recorder, 3)
    assert recorder.sizes == [2, 1]


async def test_records_during_a_small_batch_are_polled_together(
    consumer: MemoryConsumer, recorder: BlockableRecorder
) -> None:
    """Single polls would cost worker and broker several times as much."""
    recorder.may_record.clear()
    async with running(consumer, recorder):
        await consumer.send(FIRST)
        await recorder.has_started.wait()
        polls = consumer.polls
        for _ in range(5):
            await consumer.send(FIRST)
            await let_tasks_run()
        assert consumer.polls == polls
        recorder.may_record.set()
        await until_recorded(recorder, 6)
    assert recorder.sizes == [1, 5]


@pytest.mark.parametrize("later", [[FIRST], [FIRST, OTHER]], ids=["the same", "one more"])
async def test_poll_before_a_rebalance_takes_no_later_records(
    consumer: MemoryConsumer, recorder: BlockableRecorder, later: list[TopicPartition]
) -> None:
    async with running(consumer, recorder) as own:
        await until_polled(consumer, 1)
        await own.revoke(wait_seconds=1)
        own.assign(later, {})
        for _ in range(3):
            await consumer.send(FIRST)
        await until_recorded(recorder, 3)
    assert recorder.recorded == [(0, 0), (0, 1), (0, 2)]


class LateConsumer(MemoryConsumer):
    """A consumer whose polls end only some time after they are cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.poll_has_ended = asyncio.Event()

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int
    ) -> Mapping[TopicPartition, list[Any]]:
        self.polls += 1
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(30)
        await asyncio.sleep(0.05)
        self.poll_has_ended.set()
        return {}


async def test_revoke_waits_for_the_end_of_the_poll(recorder: BlockableRecorder) -> None:
    """It could still take records after the next assignment has set the position before them."""
    consumer = LateConsumer()
    async with running(consumer, recorder) as own:
        await until_polled(consumer, 1)
        await own.revoke(wait_seconds=1)
        assert consumer.poll_has_ended.is_set()


async def test_revoke_waits_for_the_batch_in_progress(
    consumer: MemoryConsumer, recorder: BlockableRecorder
) -> None:
    recorder.may_record.clear()
    async with running(consumer, recorder) as own:
        await consumer.send(FIRST)
        await recorder.has_started.wait()
        revoking = asyncio.create_task(own.revoke(wait_seconds=10))
        await let_tasks_run()
        assert not revoking.done()
        recorder.may_record.set()
        await revoking
        assert recorder.recorded == [(0, 0)]
        assert own.partitions == ()


async def test_revoke_has_a_time_limit(
    consumer: MemoryConsumer, recorder: BlockableRecorder
) -> None:
    recorder.may_record.clear()
    async with running(consumer, recorder) as own:
        await consumer.send(FIRST)
        await recorder.has_started.wait()
        await own.revoke(wait_seconds=0)
        assert recorder.recorded == []
        recorder.may_record.set()


async def test_records_of_an_earlier_assignment_are_not_recorded(
    consumer: MemoryConsumer, recorder: BlockableRecorder
) -> None:
    """The new owner of the partition reads it from the stored offset, which is before these records."""
    recorder.may_record.clear()
    await send_many(consumer)
    async with running(consumer, recorder) as own:
        await recorder.has_started.wait()
        polls = consumer.polls
        await consumer.send(FIRST)  # read ahead while the first ones are being recorded
        await until_polled(consumer, polls + 1)
        await own.revoke(wait_seconds=0)
        own.assign([OTHER], {})
        recorder.may_record.set()
        await consumer.send(OTHER)
        await until_recorded(recorder, MANY + 1)
    assert recorder.recorded[MANY:] == [(1, 0)]


async def test_database_outage_consumes_no_records(
    consumer: MemoryConsumer, recorder: BlockableRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no event can be held, the fault is systemic: the refusal limit counts all of them."""
    seen: list[int] = []

    async def record(batch: Batch) -> BatchOutcome:
        if batch.events:
            raise asyncpg.DataError("out of range")
        seen.append(len(batch.letters))
        raise TooManyRefusedError

    monkeypatch.setattr(recorder, "record", record)
    for _ in range(20):
        await consumer.send(FIRST)
    async with running(consumer, recorder) as own:
        async with asyncio.timeout(60):
            while len(seen) < 2:
                await asyncio.sleep(0.001)
        assert own.is_failing
    assert set(seen) == {20}
    assert own.next_offsets == {}


async def test_lane_without_partitions_waits_for_an_assignment(
    consumer: MemoryConsumer, recorder: BlockableRecorder
) -> None:
    async with running(consumer, recorder) as own:
        await own.revoke(wait_seconds=1)
        await consumer.send(FIRST)
        own.assign([FIRST], {})
        await until_recorded(recorder, 1)
    assert recorder.recorded == [(0, 0)]
