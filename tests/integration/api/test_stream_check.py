"""A replica stays ready while partitions move between workers, and not without any worker."""

import time
from unittest.mock import patch

import asyncpg

from cost_analytics.configuration.secret import Secret
from cost_analytics.roots.api import GRACE_SECONDS, StreamCheck
from ledger.postgres.clock import DatabaseClock
from tests.support.logins import as_login

WORKER = "INSERT INTO stream_workers (worker_id, partitions) VALUES ('w', '{0}')"


async def execute(database_url: str, statement: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def passes_after(check: StreamCheck, seconds: int) -> bool:
    later_ns = time.monotonic_ns() + seconds * 1_000_000_000
    with patch.object(time, "monotonic_ns", lambda: later_ns):
        return await check.passes()


async def test_stream_is_missing_until_a_worker_holds_partitions(database_url: str) -> None:
    check = StreamCheck(Secret(as_login(database_url, "api")), DatabaseClock())
    assert not await check.passes()
    await execute(database_url, WORKER)
    assert await passes_after(check, 2)


async def test_stream_may_pause_while_partitions_move(database_url: str) -> None:
    check = StreamCheck(Secret(as_login(database_url, "api")), DatabaseClock())
    await execute(database_url, WORKER)
    assert await check.passes()
    await execute(database_url, "UPDATE stream_workers SET partitions = '{}'")
    assert await passes_after(check, GRACE_SECONDS - 5)
    assert not await passes_after(check, GRACE_SECONDS + 1)
    await execute(database_url, "UPDATE stream_workers SET partitions = '{0}'")
    assert await passes_after(check, GRACE_SECONDS + 3)
