"""Workers share the partitions of the topic; the remaining ones take over."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import NoReturn

import asyncpg
import pytest

from streams import positions
from streams.worker import run_worker
from tests.support.events import Plain, cost, started
from tests.support.expected import expect
from tests.support.recording import assert_verified, until
from tests.support.streaming import PARTITIONS, Pipeline, SentRecord
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def events(count: int) -> list[Plain]:
    return [cost(f"call-{number % 7}", "alice", time=NOW) for number in range(count)]


def in_all_partitions(plains: list[Plain]) -> list[SentRecord]:
    """Spread events over all partitions, so that calls have several writers."""
    return [
        SentRecord(SentRecord.of(plain).value, partition=number % PARTITIONS)
        for number, plain in enumerate(plains)
    ]


async def test_remaining_worker_takes_over_all_partitions(pipeline: Pipeline) -> None:
    together, alone = events(400), [started("call-1", "alice", time=NOW), *events(199)]

    async def shared() -> bool:
        held = await pipeline.holders()
        return len(held) == 2 and sorted(chain(*held)) == list(range(PARTITIONS)) and all(held)

    async def taken_over() -> bool:
        return [sorted(held) for held in await pipeline.holders()] == [list(range(PARTITIONS))]

    async with pipeline.worker() as first:
        async with pipeline.worker() as second:
            await until(shared)
            await pipeline.send(in_all_partitions(together))
            await pipeline.until_counted(len(together), second)
        await until(taken_over)
        await pipeline.send(in_all_partitions(alone))
        await pipeline.until_counted(len(together) + len(alone), first)
    assert await read_totals(pipeline.database_url) == expect(together + alone).totals
    await assert_verified(pipeline.database_url)


async def test_joining_worker_loses_and_doubles_nothing(pipeline: Pipeline) -> None:
    """Partitions are reassigned while their batches are being recorded."""
    stream = events(3000)
    await pipeline.send(in_all_partitions(stream[:2000]))
    async with pipeline.worker(batch_max=50) as first, pipeline.worker(batch_max=50):
        await pipeline.send(in_all_partitions(stream[2000:]))
        async with pipeline.worker(batch_max=50):
            await pipeline.until_counted(len(stream), first)
    totals = await read_totals(pipeline.database_url)
    assert totals.events == len(stream)
    assert totals == expect(stream).totals
    await assert_verified(pipeline.database_url)


async def test_worker_ends_when_it_cannot_take_over_partitions(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group assigns it the partitions, and aiokafka only logs the error."""

    async def read_positions(*_: object) -> NoReturn:
        raise asyncpg.UndefinedTableError("there is no table of offsets")

    monkeypatch.setattr(positions, "read_positions", read_positions)
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(30, stop.set)
    with pytest.raises(ExceptionGroup) as ended:
        await run_worker(pipeline.options(), stop)
    assert ended.value.subgroup(asyncpg.UndefinedTableError)
    assert not stop.is_set()
