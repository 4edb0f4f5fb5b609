"""A worker is killed repeatedly: every event still counts exactly once.

The whole stream is in the topic before the first kill and batches are small, so each kill hits a
worker that is recording: between two statements, before a commit, or just after one.
"""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.prices.increments import Increments
from tests.support.expected import expect
from tests.support.fault_table import FaultRecorder, difference_nano
from tests.support.prices import DEFAULTS, SamplePrice
from tests.support.recording import assert_verified, fetch
from tests.support.repricing import a_price, add
from tests.support.seeded_stream import seeded
from tests.support.streaming import Pipeline
from tests.support.totals import read_totals
from tests.support.worker_process import WorkerProcess

KILLS = 10
EVENTS = 15_000
BATCH_MAX = 50
SECONDS_MAX = 240
FEW_KILLS = 5
FEW_EVENTS = 4_000


@pytest.fixture
def worker(pipeline: Pipeline, tmp_path: Path) -> Iterator[WorkerProcess]:
    process = WorkerProcess(pipeline, tmp_path, batch_max=BATCH_MAX)
    yield process
    process.abandon()


async def kill_in_mid_stream(
    pipeline: Pipeline, worker: WorkerProcess, share: int, sent: int
) -> int:
    """Let a worker count about `share` more records and kill it; returns the counted ones."""
    before = await pipeline.counted()
    worker.start()
    await pipeline.until_more_than(before + share)
    await asyncio.sleep(random.random() * 0.02)  # not always just after a commit
    worker.kill()
    counted = await pipeline.counted()
    assert counted < sent, "the worker had nothing to do any more when it was killed"
    return counted - before


@pytest.mark.timeout(SECONDS_MAX)
async def test_ten_kills_change_no_total(
    pipeline: Pipeline, worker: WorkerProcess, record_fault: FaultRecorder
) -> None:
    stream = seeded(EVENTS)
    sent = len(await pipeline.send(stream.sent))
    for _ in range(KILLS):
        assert await kill_in_mid_stream(pipeline, worker, sent // 20, sent) > 0
    worker.start()
    await pipeline.until_counted(sent)
    await worker.stop()

    totals = await read_totals(pipeline.database_url)
    expected = stream.expected.totals
    record_fault(
        f"worker killed {KILLS} times, {pipeline.broker}",
        sent=expected.events,
        counted=totals.events,
        difference=difference_nano(expected, totals),
    )
    assert totals == expected
    letters = await fetch(pipeline.database_url, "SELECT value, code FROM dead_letters")
    assert {bytes(row[0]): row[1] for row in letters} == stream.broken
    assert len(letters) == len(stream.broken)
    await assert_verified(pipeline.database_url)


@pytest.mark.timeout(SECONDS_MAX)
async def test_kills_while_legs_are_rounded_change_no_total(
    pipeline: Pipeline, worker: WorkerProcess, record_fault: FaultRecorder
) -> None:
    """Prices of two services have increments, and late events settle roundings again."""
    since, stream = datetime(2020, 2, 1, tzinfo=UTC), seeded(FEW_EVENTS)
    prices = [
        SamplePrice("twilio", "outbound_call", "*", "minutes", "0.014", since=since, increments=Increments(60, 60)),
        SamplePrice("deepgram", "streaming_stt", "nova-2", "minutes", "0.0059", since=since, increments=Increments(30, 6)),
    ]  # fmt: skip
    for price in prices:
        row = a_price(
            price.service, price.usd, since, model=price.model, increments=price.increments
        )
        await add(pipeline.database_url, row._replace(operation=price.operation))
    expected = expect(stream.good, [*DEFAULTS, *prices]).totals
    assert expected.cost_nano != stream.expected.totals.cost_nano
    sent = len(await pipeline.send(stream.sent))
    for _ in range(FEW_KILLS):
        assert await kill_in_mid_stream(pipeline, worker, sent // 10, sent) > 0
    worker.start()
    await pipeline.until_counted(sent)
    await worker.stop()

    totals = await read_totals(pipeline.database_url)
    difference = difference_nano(expected, totals)
    record_fault(
        f"worker killed {FEW_KILLS} times while legs are rounded, {pipeline.broker}",
        sent=expected.events,
        counted=totals.events,
        difference=difference,
    )
    assert totals == expected
    query = "SELECT count(*) FROM calls WHERE roundings <> '[]'"
    assert (await fetch(pipeline.database_url, query))[0][0] > 0
    await assert_verified(pipeline.database_url)
