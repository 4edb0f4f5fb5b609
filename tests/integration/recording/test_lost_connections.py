"""The connection may be lost at any point of a batch: the repeat leaves totals exact.

At each statement of the transaction in turn, before or after it, the commit included; and with
backends terminated at random under several writers.
"""

import asyncio
import itertools
import random
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ledger.recording.batch import Batch, BatchOutcome
from streams.lane import BATCH_RETRYABLE_ERRORS
from tests.support.events import Plain, charged, cost, ended, started, voided
from tests.support.expected import expect
from tests.support.failing_proxy import FailingProxy
from tests.support.recording import BatchWriter, TopicLog, assert_verified, codes, offsets
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
KILLS, WRITERS = 25, 3
BOTH_WAYS = pytest.mark.parametrize("copies", [False, True], ids=["inserting", "copying"])


def a_batch(
    log: TopicLog, number: int, late: timedelta, partition: int = 0
) -> tuple[Batch, list[Plain]]:
    """Return a batch that needs every statement, and its valid events."""
    call, old = f"call-{number}", cost(f"call-{number - 1}", "alice", time=NOW)
    held = cost(f"waiting-{number}", None, time=NOW)
    events = [
        started(call, "alice", time=NOW),
        cost(call, "alice", time=NOW - late),
        cost(call, None, time=NOW),
        held,
        cost(f"waiting-{number - 1}", "alice", time=NOW),
        old,
        voided(old, f"call-{number - 1}", "alice", time=NOW),
        charged(call, "alice", time=NOW),
        ended(call, "alice", time=NOW),
    ]
    values: list[bytes | Plain] = [*events, events[1], b"{", cost(call, "bob", time=NOW)]
    return log.batch(values, partition), events


async def record_until_done(writer: BatchWriter, batch: Batch) -> tuple[BatchOutcome, int]:
    """Retry as a lane does; returns the outcome and the number of retryable errors."""
    failures = 0
    async with asyncio.timeout(60):
        while True:
            try:
                return await writer.record(batch), failures
            except BATCH_RETRYABLE_ERRORS:
                failures += 1


async def assert_exact_after_breaks(database_url: str, *, answered: bool, copies: bool) -> None:
    log, events, refused, number = TopicLog(), list[Plain](), 0, 0
    async with FailingProxy(database_url) as proxy, BatchWriter(proxy.url, copies=copies) as writer:
        has_failed = True
        while has_failed:
            number += 1
            batch, more = a_batch(log, number, timedelta(days=number))
            events += more
            refused += 2
            proxy.fail_at(number, answered=answered)
            _, failures = await record_until_done(writer, batch)
            has_failed = proxy.has_failed
            assert failures == has_failed
            assert await offsets(database_url) == {0: len(log.records[0])}
    assert number > (15 if copies else 13), (
        "the proxy was expected to fail at more statements than that"
    )
    assert await read_totals(database_url) == expect(events).totals
    assert len(await codes(database_url)) == refused
    await assert_verified(database_url)


@BOTH_WAYS
async def test_lost_statements_leave_totals_exact(database_url: str, copies: bool) -> None:
    await assert_exact_after_breaks(database_url, answered=False, copies=copies)


@BOTH_WAYS
async def test_lost_answers_leave_totals_exact(database_url: str, copies: bool) -> None:
    """The server executes the statement; a commit without an answer is a commit."""
    await assert_exact_after_breaks(database_url, answered=True, copies=copies)


async def kill_at_random(database_url: str, enough: asyncio.Event) -> None:
    """Terminate random backends of the writers at random times."""
    connection, killed = await asyncpg.connect(database_url), 0
    while killed < KILLS:
        await asyncio.sleep(random.random() * 0.03)
        killed += await connection.fetchval(
            """SELECT count(pg_terminate_backend(pid)) FROM (
                   SELECT pid FROM pg_stat_activity
                   WHERE application_name LIKE 'writer %' AND datname = current_database()
                   ORDER BY random() LIMIT 1
               ) AS chosen"""
        )
    await connection.close()
    enough.set()


async def test_terminated_backends_leave_totals_exact(database_url: str) -> None:
    log, numbers, events = TopicLog(), itertools.count(), list[Plain]()
    enough = asyncio.Event()

    async def write(partition: int) -> int:
        """Record batches until enough backends were terminated."""
        failures = 0
        async with BatchWriter(database_url) as writer:
            while not enough.is_set():
                number = next(numbers)
                batch, more = a_batch(log, number % 10, timedelta(days=number % 3), partition)
                events.extend(more)
                failures += (await record_until_done(writer, batch))[1]
        return failures

    killer = asyncio.create_task(kill_at_random(database_url, enough))
    failures = await asyncio.gather(*map(write, range(WRITERS)))
    await killer
    assert sum(failures) > 0
    assert await read_totals(database_url) == expect(events).totals
    sizes = {partition: len(records) for partition, records in log.records.items()}
    assert await offsets(database_url) == sizes
    await assert_verified(database_url)
