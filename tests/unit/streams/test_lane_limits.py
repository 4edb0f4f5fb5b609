"""The buffer of a lane is bounded, and its figures cover only its current partitions."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.recording.batch import SMALL_BATCH_MAX, Batch
from ledger.recording.positions import StoredPosition
from streams import lane
from streams.decoding import decode_records
from streams.lane import BACKLOG_MIN
from tests.support.events import Plain, cost
from tests.support.lane_parts import (
    FIRST,
    OTHER,
    BlockableRecorder,
    MemoryConsumer,
    let_tasks_run,
    running,
    until_polled,
    until_recorded,
)
from tests.support.lanes import record
from tests.support.prices import catalogue
from tests.support.recording import ConsumedRecord


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a lane react to a stop within milliseconds."""
    monkeypatch.setattr(lane, "POLL_MS", 100)
    monkeypatch.setattr(lane, "IDLE_SECONDS", 0.1)


class SlowDecoding:
    """Decoding that starts, and continues when the test lets it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.has_started, self.may_go_on = asyncio.Event(), asyncio.Event()
        patch.setattr(lane, "decode_records", self)

    async def __call__(self, *arguments: Any) -> Any:
        self.has_started.set()
        await self.may_go_on.wait()
        return await decode_records(*arguments)


@pytest.mark.parametrize("counted", [{}, {0: 5}], ids=["complete log", "truncated log"])
async def test_revoked_partition_has_no_waiting_records(
    counted: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its records will never be counted here, so the watchdog must not wait for them."""
    consumer, recorder, decoding = MemoryConsumer(), BlockableRecorder(), SlowDecoding(monkeypatch)
    async with running(consumer, recorder) as own:
        await consumer.send(FIRST)
        await decoding.has_started.wait()
        await own.revoke(wait_seconds=1)
        own.assign([OTHER], {number: StoredPosition(offset) for number, offset in counted.items()})
        decoding.may_go_on.set()
        await consumer.send(OTHER)
        await until_recorded(recorder, 1)
        assert recorder.recorded == [(1, 0)]
        assert own.read_offsets == {1: 1}
    assert own.next_offsets == counted | {1: 1}


KIB_3 = 3 * 1024
MANY = SMALL_BATCH_MAX + 1


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (cost(metadata={"note": "x" * KIB_3}), ()),
        (cost(), [("trace", b"x" * KIB_3)]),
        (b"x" * KIB_3, ()),
    ],
    ids=["accepted", "accepted with headers", "refused"],
)
async def test_batch_bytes_are_limited(
    value: Plain | bytes, headers: list[tuple[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a slow batch is recorded, an unlimited next one could grow to gigabytes."""
    consumer, recorder = MemoryConsumer(), BlockableRecorder()
    monkeypatch.setattr(lane, "BATCH_BYTES_MAX", MANY * KIB_3 * 3 // 2)
    consumer.records_per_poll_max = MANY
    recorder.may_record.clear()
    for _ in range(6 * MANY):
        await consumer.send(FIRST, value, headers)
    async with running(consumer, recorder):
        await until_polled(consumer, 4)
        await let_tasks_run()
        assert consumer.polls == 4
        recorder.may_record.set()
        async with asyncio.timeout(60):
            while sum(recorder.sizes) < 6 * MANY:
                await asyncio.sleep(0.001)
    assert recorder.sizes == [2 * MANY] * 3


async def test_stop_ends_the_filling_of_a_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The batch would not be recorded any more."""
    consumer, recorder = MemoryConsumer(), BlockableRecorder()
    monkeypatch.setattr(lane, "FILL_POLL_MS", 20)
    monkeypatch.setattr(lane, "FILL_SECONDS_MAX", 60)
    consumer.ends[FIRST] = 10 * BACKLOG_MIN

    async def send_forever() -> None:
        while True:
            await consumer.send(FIRST)
            await asyncio.sleep(0.01)

    for _ in range(MANY):
        await consumer.send(FIRST)
    sending = asyncio.create_task(send_forever())
    async with asyncio.timeout(60):
        async with running(consumer, recorder):
            await until_polled(consumer, 3)
    sending.cancel()
    assert recorder.sizes == []


def test_bytes_of_batches_are_added() -> None:
    batch = Batch(size_bytes=3)
    batch.add(Batch(size_bytes=4))
    assert batch.size_bytes == 7


async def test_batch_bytes_include_keys_and_headers() -> None:
    sent = [
        ConsumedRecord(0, 0, b"12345"),
        ConsumedRecord(0, 1, None),
        ConsumedRecord(0, 2, b"1", headers=[("ab", b"3")]),
    ]
    batch = await decode_records(
        {FIRST: [record(one) for one in sent]}, catalogue(), datetime.now(UTC)
    )
    keys = 3 * len(b"key")
    assert batch.size_bytes == 5 + 1 + keys + len("ab3")
