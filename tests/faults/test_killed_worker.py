"""A worker is killed again and again in mid-stream: every event still counts exactly once."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import parts
from tests.support.events import Plain
from tests.support.expected import expect
from tests.support.recording import assert_verified
from tests.support.streaming import Stage
from tests.support.streams_of_calls import stream_of_calls
from tests.support.totals import read_totals
from tests.support.worker_process import WorkerProcess

KILLS = 10
CALLS, COSTS_EACH = 220, 50
SLICES = 60
SECONDS_MAX = 240


@pytest.fixture
def worker(stage: Stage, tmp_path: Path) -> Iterator[WorkerProcess]:
    process = WorkerProcess(stage, tmp_path)
    yield process
    process.abandon()


async def _send_slowly(stage: Stage, events: list[Plain], done: asyncio.Event) -> None:
    """Send the stream in slices for as long as the killing goes on, and then the rest."""
    size = -(-len(events) // SLICES)
    for start in range(0, len(events), size):
        await stage.send(events[start : start + size])
        if not done.is_set():
            await asyncio.sleep(0.5)


@pytest.mark.timeout(SECONDS_MAX)
async def test_ten_kills_change_no_total(stage: Stage, worker: WorkerProcess) -> None:
    events = stream_of_calls(CALLS, COSTS_EACH, seed=20_261)
    expected = expect(events).totals
    rng, over = random.Random(7), asyncio.Event()
    sending = asyncio.create_task(_send_slowly(stage, events, over))
    for _ in range(KILLS):
        before = await stage.counted()
        worker.start()
        await stage.until_more_than(before)
        await asyncio.sleep(rng.uniform(0, 0.3))
        worker.kill()
    over.set()
    await sending
    worker.start()
    await stage.until_counted(len(events))
    await worker.stop()

    totals = await read_totals(stage.database_url)
    difference = totals.events - expected.events
    parts.figures.append(
        f"{KILLS} kills of the worker on {stage.broker}: sent {len(events)}, of them different "
        f"{expected.events}, counted {totals.events}, difference {difference}"
    )
    assert totals == expected
    assert difference == 0
    await assert_verified(stage.database_url)
