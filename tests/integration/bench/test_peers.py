"""What the peers write in PostgreSQL, and the checks that compare it with the events.

Faust's batches are recorded by its own module. The modules of the other peers need their
libraries, which only `make bench-peers` installs; they execute the same statements.
"""

import time
from collections.abc import AsyncIterator

import pytest

from bench.events import LoadRecord, make_load, with_repeats
from bench.peers import faust
from bench.peers.checks import RIGHT, Expected, Findings, find_faults, find_workers_faults
from bench.peers.costs import INCOMING_SQL, TABLES_SQL, rows_of
from ledger.postgres.database import Connection, connected
from tests.support.recording import BatchWriter, TopicLog


@pytest.fixture
def records() -> list[LoadRecord]:
    load = make_load(3, 400, time.time_ns() // 1_000_000)
    users = {record.key for record in load.measured}
    announced = [record for record in load.warm_up if record.key in users]
    return with_repeats([*announced, *load.measured], 10, 3)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    async with connected(database_url, name="peers") as connection:
        await connection.execute(TABLES_SQL)
        await connection.execute(INCOMING_SQL)
        yield connection


async def record(connection: Connection, records: list[LoadRecord]) -> None:
    """Record two batches; repeated events are in one of them and across both."""
    for batch in (records[::2], records[1::2]):
        await faust.record(connection, rows_of(record.value for record in batch))


async def test_peers_and_worker_have_the_same_totals(
    connection: Connection, database_url: str, records: list[LoadRecord]
) -> None:
    expected = Expected.of(records)
    await record(connection, records)
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch([record.value for record in records]))
        assert not writer.letters
    assert await find_faults(connection, expected) == RIGHT
    assert await find_workers_faults(connection, expected) == RIGHT


async def test_lost_and_doubled_events_are_found(
    connection: Connection, records: list[LoadRecord]
) -> None:
    expected = Expected.of(records)
    await record(connection, records)
    await connection.execute(
        "DELETE FROM cost_events WHERE event_id = (SELECT max(event_id) FROM cost_events)"
    )
    assert await find_faults(connection, expected) == Findings(1, 0, 0)
    await connection.execute(
        "UPDATE user_totals SET events = events + 1, cost_nano = cost_nano + 5 "
        "WHERE user_id = (SELECT max(user_id) FROM user_totals)"
    )
    found = await find_faults(connection, expected)
    assert (found.lost, found.doubled) == (1, found.wrong_totals)
    assert found.doubled > 0
