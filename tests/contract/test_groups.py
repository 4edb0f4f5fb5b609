"""Workers share the partitions of the topic; whoever is left takes over."""

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
from tests.support.streaming import PARTITIONS, Sent, Stage
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def events(count: int) -> list[Plain]:
    return [cost(f"call-{number % 7}", "alice", time=NOW) for number in range(count)]


def everywhere(plains: list[Plain]) -> list[Sent]:
    """Spread events over all partitions: calls then have several writers."""
    return [
        Sent(Sent.of(plain).value, partition=number % PARTITIONS)
        for number, plain in enumerate(plains)
    ]


async def test_two_workers_share_the_partitions_and_one_takes_over(stage: Stage) -> None:
    together, alone = events(400), [started("call-1", "alice", time=NOW), *events(199)]

    async def shared() -> bool:
        held = await stage.holders()
        return len(held) == 2 and sorted(chain(*held)) == list(range(PARTITIONS)) and all(held)

    async def taken_over() -> bool:
        return [sorted(held) for held in await stage.holders()] == [list(range(PARTITIONS))]

    async with stage.worker() as first:
        async with stage.worker() as second:
            await until(shared)
            await stage.send(everywhere(together))
            await stage.until_counted(len(together), second)
        await until(taken_over)
        await stage.send(everywhere(alone))
        await stage.until_counted(len(together) + len(alone), first)
    assert await read_totals(stage.database_url) == expect(together + alone).totals
    await assert_verified(stage.database_url)


async def test_a_worker_that_joins_in_mid_stream_loses_and_doubles_nothing(stage: Stage) -> None:
    """Partitions change hands while their batches are being recorded."""
    stream = events(3000)
    await stage.send(everywhere(stream[:2000]))
    async with stage.worker(batch_max=50) as first, stage.worker(batch_max=50):
        await stage.send(everywhere(stream[2000:]))
        async with stage.worker(batch_max=50):
            await stage.until_counted(len(stream), first)
    totals = await read_totals(stage.database_url)
    assert totals.events == len(stream)
    assert totals == expect(stream).totals
    await assert_verified(stage.database_url)


async def test_a_worker_that_cannot_take_over_its_partitions_ends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are its own for the group, and the library only logs why nobody reads them."""

    async def read_positions(*_: object) -> NoReturn:
        raise asyncpg.UndefinedTableError("there is no table of offsets")

    monkeypatch.setattr(positions, "read_positions", read_positions)
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(30, stop.set)
    with pytest.raises(ExceptionGroup) as ended:
        await run_worker(stage.options(), stop)
    assert ended.value.subgroup(asyncpg.UndefinedTableError)
    assert not stop.is_set()
