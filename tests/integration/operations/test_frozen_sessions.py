"""Sessions of frozen workers are terminated, those of slow workers are not."""

import asyncio
import gc
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from ledger.budgets.alerting import Alerting
from ledger.operations.frozen_sessions import (
    SECONDS_WITHOUT_PROGRESS,
    FrozenSessionWatch,
    connect_worker,
)
from ledger.postgres.database import TRANSIENT_ERRORS, Connection, connected
from ledger.prices.price_book import PriceBook
from ledger.recording.offsets import DeadLetter
from ledger.recording.recorder import Recorder
from ledger.stuck_calls.rows import lock_detection
from tests.support.events import cost
from tests.support.logins import as_login
from tests.support.recording import STREAM, TopicLog, assert_verified, fetch, until, until_blocked

IDLE_SECONDS_MAX = 10

Sending = Callable[[], Awaitable[None]]


class SteppedWatch:
    """A watch that checks once a second by its own clock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._watch = FrozenSessionWatch(lambda: self.seconds * 1_000_000_000)
        self.seconds = 0

    async def check(self) -> None:
        await self._watch.check(self._connection)
        self.seconds += 1


@pytest.fixture
def worker_url(database_url: str) -> str:
    return as_login(database_url, "worker")


@asynccontextmanager
async def session_of(worker_url: str, worker_id: str) -> AsyncIterator[Connection]:
    """Open a session as a worker does."""
    connection = await connect_worker(worker_url, worker_id)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def copying(connection: Connection) -> AsyncIterator[tuple[Sending, asyncio.Task[str]]]:
    """Run a COPY that gets a row whenever the test sends one."""
    queue: asyncio.Queue[bytes] = asyncio.Queue()

    async def rows() -> AsyncIterator[bytes]:
        while row := await queue.get():
            yield row

    async def send() -> None:
        queue.put_nowait(f"{uuid.uuid4()},1\n".encode())
        await asyncio.sleep(0.05)  # until the server has received it

    copy = asyncio.create_task(
        connection.copy_to_table(
            "event_identities", columns=["identity", "fingerprint"], source=rows(), format="csv"
        )
    )
    try:
        yield send, copy
    finally:
        queue.put_nowait(b"")
        await asyncio.gather(copy, return_exceptions=True)


async def test_stalled_copy_is_terminated_and_slow_one_is_not(worker_url: str) -> None:
    async with session_of(worker_url, "one") as one, session_of(worker_url, "other") as other:
        watch = SteppedWatch(other)
        async with copying(one) as (send, copy):
            for _ in range(SECONDS_WITHOUT_PROGRESS * 3):
                await send()
                await watch.check()
            for _ in range(SECONDS_WITHOUT_PROGRESS - 1):
                await watch.check()
            assert not copy.done()
            await watch.check()
            with pytest.raises(TRANSIENT_ERRORS):
                await asyncio.wait_for(copy, 5)


async def test_all_sessions_of_a_frozen_worker_are_terminated(worker_url: str) -> None:
    """Otherwise a session that waits for another one's locks would hold them next."""
    async with (
        session_of(worker_url, "one") as first,
        session_of(worker_url, "one") as second,
        session_of(worker_url, "other") as other,
    ):
        watch = SteppedWatch(other)
        for session in (first, second):
            await session.execute("BEGIN")
        await first.execute("SELECT pg_advisory_xact_lock(1)")
        waiting = asyncio.create_task(second.execute("SELECT pg_advisory_xact_lock(1)"))
        await until_blocked(worker_url)
        for _ in range(SECONDS_WITHOUT_PROGRESS):
            await watch.check()
        assert not waiting.done()
        await watch.check()
        await asyncio.wait_for(other.execute("SELECT pg_advisory_lock(1)"), 5)
        # The lock may reach the second session just before its own end.
        await asyncio.wait_for(asyncio.wait({waiting}), 5)
        with suppress(*TRANSIENT_ERRORS):
            waiting.result()
        with pytest.raises(TRANSIENT_ERRORS):
            await second.execute("SELECT 1")


async def test_terminated_session_does_not_count_as_progress(
    worker_url: str,
) -> None:
    """PostgreSQL terminates the idle session first; one that waited for its locks is next."""
    async with (
        session_of(worker_url, "one") as waiting,
        session_of(worker_url, "one") as idle,
        session_of(worker_url, "other") as other,
    ):
        watch = SteppedWatch(other)
        for session in (waiting, idle):
            await session.execute("BEGIN")
        for _ in range(SECONDS_WITHOUT_PROGRESS):
            await watch.check()
        await other.execute("SELECT pg_terminate_backend($1)", idle.get_server_pid())
        await watch.check()
        with pytest.raises(TRANSIENT_ERRORS):
            await waiting.execute("COMMIT")


async def test_frozen_worker_lets_another_one_find_stuck_calls(worker_url: str) -> None:
    """A session without a transaction would keep its locks for as long as it is connected."""
    async with (
        session_of(worker_url, "one") as elected,
        session_of(worker_url, "idle") as idle,
        session_of(worker_url, "other") as other,
    ):
        watch = SteppedWatch(other)
        assert await lock_detection(elected)
        for _ in range(SECONDS_WITHOUT_PROGRESS):
            await watch.check()
        assert not await lock_detection(other)
        await watch.check()
        await until(lambda: lock_detection(other))
        assert await idle.fetchval("SELECT 1") == 1  # no worker waits for it


async def test_worker_that_starts_statements_is_not_frozen(worker_url: str) -> None:
    async with (
        session_of(worker_url, "one") as lane,
        session_of(worker_url, "one") as heartbeat,
        session_of(worker_url, "other") as other,
    ):
        watch = SteppedWatch(other)
        await lane.execute("BEGIN")
        for _ in range(SECONDS_WITHOUT_PROGRESS * 3):
            await heartbeat.execute("SELECT 1")
            await watch.check()
        assert await lane.execute("COMMIT") == "COMMIT"


async def test_sessions_of_other_programs_are_ignored(worker_url: str) -> None:
    async with (
        connected(worker_url, name="cost-analytics notices") as one,
        session_of(worker_url, "other") as other,
    ):
        watch = SteppedWatch(other)
        async with copying(one) as (send, copy):
            await send()
            for _ in range(SECONDS_WITHOUT_PROGRESS * 2):
                await watch.check()
            assert not copy.done()
        assert copy.result() == "COPY 1"


async def test_slow_acknowledgement_keeps_the_transaction(
    database_url: str, worker_url: str
) -> None:
    attempts: list[float] = []

    async def acknowledge(letters: Sequence[DeadLetter], batch_size: int, _: object) -> None:
        assert (len(letters), batch_size) == (1, 2)
        attempts.append(time.monotonic())
        await asyncio.sleep(IDLE_SECONDS_MAX + 3)

    async with connected(worker_url, name="cost-analytics worker") as connection:

        async def lend() -> Connection:
            return connection

        recorder = Recorder(lend, STREAM, PriceBook(), acknowledge, alerting=Alerting())
        await recorder.record(TopicLog().batch([cost("call-1", "alice"), b"no event"]))
    assert len(attempts) == 1
    [row] = await fetch(database_url, "SELECT count(*) FROM dead_letters")
    assert row[0] == 1
    await assert_verified(database_url)


async def test_idle_transaction_is_terminated_after_ten_seconds(worker_url: str) -> None:
    async with connected(worker_url, name="cost-analytics worker") as connection:
        await connection.execute("BEGIN")
        await asyncio.sleep(IDLE_SECONDS_MAX + 1)
        with pytest.raises((asyncpg.IdleInTransactionSessionTimeoutError, asyncpg.InterfaceError)):
            await connection.execute("COMMIT")


async def test_interrupted_connecting_leaves_no_session(worker_url: str) -> None:
    async with connected(worker_url, name="tests") as other:
        await other.execute("SELECT pg_advisory_lock(7201906, hashtext('w'))")
        connecting = asyncio.create_task(connect_worker(worker_url, "w"))
        await until_blocked(worker_url)
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        assert connecting.cancelled()
        await other.execute("SELECT pg_advisory_unlock_all()")
        await until(lambda: _has_no_session(other))
    gc.collect()  # warns of a connection that is still open


async def _has_no_session(connection: Connection) -> bool:
    query = (
        "SELECT FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"
    )
    return not await connection.fetch(query, "cost-analytics worker")
