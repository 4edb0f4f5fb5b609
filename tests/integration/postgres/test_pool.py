"""A pool lends each connection to one borrower, and only those that are still good."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from ledger.postgres import pool as pool_module
from ledger.postgres.database import Connection
from ledger.postgres.pool import Pool, connection_pool
from ledger.postgres.viewers import ReaderPool, Viewer

WAIT_SECONDS = 1


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with connection_pool(
        database_url, name="tests", connections_max=2, statement_timeout_ms=5_000
    ) as pool:
        yield pool


async def borrowed_pid(pool: Pool) -> int:
    async with pool.borrow(WAIT_SECONDS) as connection:
        return int(connection.get_server_pid())


async def test_free_connection_is_lent_without_a_task(pool: Pool) -> None:
    first, loop, tasks = await borrowed_pid(pool), asyncio.get_running_loop(), []

    def start(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        tasks.append(work)
        return asyncio.Task(work, loop=loop, **options)

    loop.set_task_factory(start)
    try:
        async with pool.borrow(WAIT_SECONDS) as connection:
            assert connection.get_server_pid() == first
            assert await connection.fetchval("SHOW statement_timeout") == "5s"
    finally:
        loop.set_task_factory(None)
    assert len(tasks) == 0


async def test_connections_are_limited_and_waiting_ends(pool: Pool) -> None:
    async with pool.borrow(WAIT_SECONDS) as one, pool.borrow(WAIT_SECONDS) as other:
        assert one.get_server_pid() != other.get_server_pid()
        with pytest.raises(TimeoutError):
            await borrowed_pid(pool)
        assert (pool.busy, pool.idle, pool.size_max) == (2, 0, 2)
        waiting = asyncio.create_task(borrowed_pid(pool))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert await waiting > 0
    assert (pool.busy, pool.idle) == (0, 2)


async def test_cancelled_waiter_leaves_its_turn_to_the_next(pool: Pool) -> None:
    async with pool.borrow(WAIT_SECONDS), pool.borrow(WAIT_SECONDS):
        waiting = [asyncio.create_task(borrowed_pid(pool)) for _ in range(3)]
        await asyncio.sleep(0.1)
        waiting[0].cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(each, int) for each in results] == [False, True, True]
    async with pool.borrow(WAIT_SECONDS), pool.borrow(WAIT_SECONDS):
        pass


async def test_refused_request_keeps_its_connection(pool: Pool) -> None:
    """A new connection costs the server a process, so refusals would be an easy attack."""
    first = await borrowed_pid(pool)
    with pytest.raises(LookupError):
        async with pool.borrow(WAIT_SECONDS) as connection, connection.transaction():
            raise LookupError
    assert await borrowed_pid(pool) == first


async def test_refused_write_keeps_its_connection(pool: Pool) -> None:
    """A refusal is raised within the transaction, which is rolled back."""
    first, readers = await borrowed_pid(pool), ReaderPool(pool)

    async def refuse() -> None:
        async with readers.writing(Viewer("alice")) as connection:
            await connection.execute("CREATE TABLE refused (number int)")
            raise LookupError

    with pytest.raises(LookupError):
        await refuse()
    async with pool.borrow(WAIT_SECONDS) as connection:
        assert connection.get_server_pid() == first
        assert await connection.fetchval("SELECT to_regclass('refused')") is None


async def test_idle_connections_are_closed_after_some_time(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pool.borrow(WAIT_SECONDS), pool.borrow(WAIT_SECONDS):
        pass
    assert pool.idle == 2
    monkeypatch.setattr(pool_module, "IDLE_SECONDS_MAX", -1)
    await borrowed_pid(pool)
    assert pool.idle == 0


async def test_statement_timeout_keeps_the_connection(pool: Pool) -> None:
    """The server has ended the statement, and new connections would add to its load."""
    first = await borrowed_pid(pool)
    async with pool.borrow(WAIT_SECONDS) as connection:
        await connection.execute("SET statement_timeout = 50")
    with pytest.raises(asyncpg.QueryCanceledError):
        await slept(pool)
    async with pool.borrow(WAIT_SECONDS) as connection:
        assert connection.get_server_pid() == first


async def slept(pool: Pool) -> None:
    async with pool.borrow(WAIT_SECONDS) as connection, connection.transaction():
        await connection.execute("SELECT pg_sleep(4)")


@pytest.mark.parametrize("how", ["closed", "cancelled", "in a transaction", "idle for long"])
async def test_bad_connection_is_not_lent_again(
    pool: Pool, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await borrowed_pid(pool)
    try:
        async with pool.borrow(WAIT_SECONDS) as connection:
            await spoil(connection, how)
    except TimeoutError:
        assert how == "cancelled"
    if how == "idle for long":
        monkeypatch.setattr(pool_module, "IDLE_SECONDS_MAX", -1)
    async with pool.borrow(WAIT_SECONDS) as connection:
        assert connection.get_server_pid() != first
        assert not connection.is_in_transaction()
        monkeypatch.undo()
    assert (pool.busy, pool.idle) == (0, 1)


async def spoil(connection: Connection, how: str) -> None:
    if how == "closed":
        connection.terminate()
    elif how == "cancelled":
        async with asyncio.timeout(0.05):
            await connection.execute("SELECT pg_sleep(4)")
    elif how == "in a transaction":
        await connection.execute("BEGIN")


async def test_closing_ends_all_connections(database_url: str) -> None:
    async with connection_pool(
        database_url, name="closing", connections_max=2, statement_timeout_ms=5_000
    ) as pool:
        idle = await borrowed_pid(pool)
        lent = pool.borrow(WAIT_SECONDS)
        connection = await lent.__aenter__()
        assert connection.get_server_pid() == idle
        await borrowed_pid(pool)
    assert connection.is_closed()
    await lent.__aexit__(None, None, None)
    assert (pool.busy, pool.idle) == (0, 0)
    with pytest.raises(Exception, match="closed"):
        await borrowed_pid(pool)
