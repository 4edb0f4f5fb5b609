"""A lane records what it reads under an assignment, and takes nothing from the next one.

A record that is read and not recorded is lost: the next batch moves the stored offset past it.
"""

import asyncio

import asyncpg
import pytest

from ledger.recording.batch import SMALL_BATCH_MAX, Batch, BatchOutcome
from messaging.kafka import TopicPartition
from streams import lane
from streams.dead_letters import TooManyRefusedError
from tests.support.lane_parts import (
    BATCH_MAX,
    FIRST,
    OTHER,
    Broker,
    Ledger,
    running,
    until_polled,
    until_recorded,
)

MANY = SMALL_BATCH_MAX + 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a lane notice within moments that it is to stop."""
    monkeypatch.setattr(lane, "POLL_MS", 100)
    monkeypatch.setattr(lane, "IDLE_SECONDS", 0.1)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


async def send_many(broker: Broker) -> None:
    """Let so many records arrive that the next ones are read while these are being recorded."""
    for _ in range(MANY):
        await broker.send(FIRST)


async def test_records_during_a_large_batch_form_one_batch(broker: Broker, ledger: Ledger) -> None:
    """As much of it as a batch may hold; nothing waits any longer for that."""
    ledger.may_record.clear()
    await send_many(broker)
    async with running(broker, ledger) as own:
        own.assign([FIRST, OTHER], {})
        await ledger.begun.wait()
        for polls, partition in enumerate([FIRST, OTHER, FIRST], broker.polls + 1):
            await broker.send(partition)
            await until_polled(broker, polls)
        ledger.may_record.set()
        await until_recorded(ledger, MANY + 3)
        assert ledger.sizes == [MANY, 3]
        assert own.read_offsets == {0: MANY + 2, 1: 1}
    assert ledger.recorded[MANY:] == [(0, MANY), (1, 0), (0, MANY + 1)]


async def test_backlog_is_polled_into_one_batch(broker: Broker, ledger: Ledger) -> None:
    """The larger a batch, the less each of its events costs; the last one is not waited for."""
    for _ in range(3):
        await send_many(broker)
    broker.most_per_poll = MANY
    async with running(broker, ledger):
        await until_recorded(ledger, 3 * MANY)
    assert ledger.sizes == [3 * MANY]


async def test_batch_size_is_limited(broker: Broker, ledger: Ledger) -> None:
    for _ in range(14):
        await send_many(broker)
    async with running(broker, ledger):
        await until_recorded(ledger, 14 * MANY)
    assert len(ledger.sizes) > 1
    assert max(ledger.sizes) <= BATCH_MAX
    assert ledger.recorded == [(0, offset) for offset in range(14 * MANY)]


async def test_small_batch_does_not_wait_for_more(broker: Broker, ledger: Ledger) -> None:
    for _ in range(3):
        await broker.send(FIRST)
    broker.most_per_poll = 2
    async with running(broker, ledger):
        await until_recorded(ledger, 3)
    assert ledger.sizes == [2, 1]


async def test_records_during_a_small_batch_are_polled_together(
    broker: Broker, ledger: Ledger
) -> None:
    """Polled one by one meanwhile, it would cost worker and broker several times as much."""
    ledger.may_record.clear()
    async with running(broker, ledger):
        await broker.send(FIRST)
        await ledger.begun.wait()
        polls = broker.polls
        for _ in range(5):
            await broker.send(FIRST)
            await asyncio.sleep(0.01)
        assert broker.polls == polls
        ledger.may_record.set()
        await until_recorded(ledger, 6)
    assert ledger.sizes == [1, 5]


@pytest.mark.parametrize("later", [[FIRST], [FIRST, OTHER]], ids=["the same", "one more"])
async def test_poll_before_a_rebalance_takes_no_later_records(
    broker: Broker, ledger: Ledger, later: list[TopicPartition]
) -> None:
    async with running(broker, ledger) as own:
        await until_polled(broker, 1)
        await own.revoke(wait_seconds=1)
        own.assign(later, {})
        for _ in range(3):
            await broker.send(FIRST)
        await until_recorded(ledger, 3)
    assert ledger.recorded == [(0, 0), (0, 1), (0, 2)]


async def test_revoke_waits_for_the_batch_in_progress(broker: Broker, ledger: Ledger) -> None:
    ledger.may_record.clear()
    async with running(broker, ledger) as own:
        await broker.send(FIRST)
        await ledger.begun.wait()
        revoking = asyncio.create_task(own.revoke(wait_seconds=10))
        await asyncio.wait({revoking}, timeout=0.05)
        assert not revoking.done()
        ledger.may_record.set()
        await revoking
        assert ledger.recorded == [(0, 0)]
        assert own.partitions == ()


async def test_revoke_has_a_time_limit(broker: Broker, ledger: Ledger) -> None:
    ledger.may_record.clear()
    async with running(broker, ledger) as own:
        await broker.send(FIRST)
        await ledger.begun.wait()
        await own.revoke(wait_seconds=0)
        assert ledger.recorded == []
        ledger.may_record.set()


async def test_records_of_an_earlier_assignment_are_not_recorded(
    broker: Broker, ledger: Ledger
) -> None:
    """Whoever has the partition now reads it from the stored offset, which is before it."""
    ledger.may_record.clear()
    await send_many(broker)
    async with running(broker, ledger) as own:
        await ledger.begun.wait()
        polls = broker.polls
        await broker.send(FIRST)  # read ahead while the ones before are being recorded
        await until_polled(broker, polls + 1)
        await own.revoke(wait_seconds=0)
        own.assign([OTHER], {})
        ledger.may_record.set()
        await broker.send(OTHER)
        await until_recorded(ledger, MANY + 1)
    assert ledger.recorded[MANY:] == [(1, 0)]


async def test_database_outage_consumes_no_records(
    broker: Broker, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no event can be held the fault is no event's: the limit of refusals sees all of them."""
    seen: list[int] = []

    async def record(batch: Batch) -> BatchOutcome:
        if batch.events:
            raise asyncpg.DataError("out of range")
        seen.append(len(batch.letters))
        raise TooManyRefusedError

    monkeypatch.setattr(ledger, "record", record)
    for _ in range(20):
        await broker.send(FIRST)
    async with running(broker, ledger) as own:
        async with asyncio.timeout(10):
            while len(seen) < 2:
                await asyncio.sleep(0.001)
        assert own.failing
    assert set(seen) == {20}
    assert own.next_offsets == {}


async def test_lane_without_partitions_waits_for_an_assignment(
    broker: Broker, ledger: Ledger
) -> None:
    async with running(broker, ledger) as own:
        await own.revoke(wait_seconds=1)
        await broker.send(FIRST)
        own.assign([FIRST], {})
        await until_recorded(ledger, 1)
    assert ledger.recorded == [(0, 0)]
