"""A pool of PostgreSQL connections.

Borrowing an idle connection needs no task, timer or round trip.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from ledger.postgres.database import (
    CONNECT_TIMEOUT_SECONDS,
    TRANSIENT_ERRORS,
    Connection,
    QueryCanceled,
    connect,
)

IDLE_SECONDS_MAX: Final = 300
"""A connection that was idle for longer is closed: the network may have dropped it."""

CLOSE_SECONDS_MAX: Final = 5
_NS_PER_SECOND: Final = 1_000_000_000


class _Idle(NamedTuple):
    connection: Connection
    since_ns: int


class Pool:
    """Connections that are opened on demand, at most `size_max` at a time.

    Borrowers change settings for a transaction only: connections are reused without the round trip
    that resets them. A connection with an open transaction, or whose statement may still be
    running, is not reused.
    """

    def __init__(self, open_connection: Callable[[], Awaitable[Connection]], size_max: int) -> None:
        self.size_max = size_max
        self._open_connection = open_connection
        self._free = asyncio.Semaphore(size_max)
        self._busy: set[Connection] = set()
        self._idle: list[_Idle] = []  # The most recently used is the last.
        self._is_closed = False

    @property
    def busy(self) -> int:
        """The number of borrowed connections."""
        return len(self._busy)

    @property
    def idle(self) -> int:
        """The number of open connections that are not borrowed."""
        return len(self._idle)

    @asynccontextmanager
    async def borrow(self, timeout_seconds: int) -> AsyncIterator[Connection]:
        """Borrow a connection for the duration of the block.

        Raises TimeoutError after waiting `timeout_seconds`, OSError or a PostgresError.
        """
        connection = await self._acquire(timeout_seconds)
        try:
            yield connection
        except BaseException as error:  # a cancelled statement may still be running
            if _may_be_running(error):
                connection.terminate()
            raise
        finally:
            self._release(connection)

    async def close(self) -> None:
        """Close idle connections, and terminate the others."""
        self._is_closed = True
        idle, self._idle = self._idle, []
        closing = [closed.connection.close(timeout=CLOSE_SECONDS_MAX) for closed in idle]
        await asyncio.gather(*closing, return_exceptions=True)
        for connection in (*self._busy, *(closed.connection for closed in idle)):
            connection.terminate()

    async def _acquire(self, timeout_seconds: int) -> Connection:
        if self._is_closed:
            raise ConnectionError("the pool is closed")
        if not self._free.locked() and (connection := self._pop_idle()):
            await self._free.acquire()  # does not wait
        else:
            async with asyncio.timeout(timeout_seconds):
                await self._free.acquire()
                try:
                    if self._is_closed:
                        raise ConnectionError("the pool is closed")
                    connection = self._pop_idle() or await self._open_connection()
                except BaseException:  # the slot is free again after any error
                    self._free.release()
                    raise
        self._busy.add(connection)
        return connection

    def _pop_idle(self) -> Connection | None:
        """Return the most recently used idle connection that is still good, if any."""
        while self._idle:
            idle = self._idle.pop()
            if not _is_expired(idle) and not idle.connection.is_closed():
                return idle.connection
            idle.connection.terminate()
        return None

    def _release(self, connection: Connection) -> None:
        self._busy.discard(connection)
        if not connection.is_closed():
            if self._is_closed or connection.is_in_transaction():
                connection.terminate()
            else:
                self._idle.append(_Idle(connection, time.monotonic_ns()))
        while self._idle and _is_expired(self._idle[0]):
            self._idle.pop(0).connection.terminate()
        self._free.release()


def _is_expired(idle: _Idle) -> bool:
    return time.monotonic_ns() - idle.since_ns > IDLE_SECONDS_MAX * _NS_PER_SECOND


def _may_be_running(error: BaseException) -> bool:
    """Return whether a statement may still be running after this error.

    Any other error leaves the connection as it is, so that refused requests and statements that
    the server cancels (`statement_timeout`) do not cost new connections.
    """
    if isinstance(error, QueryCanceled):
        return False
    return not isinstance(error, Exception) or isinstance(error, TRANSIENT_ERRORS)


@asynccontextmanager
async def connection_pool(
    url: str, *, name: str, connections_max: int, statement_timeout_ms: int
) -> AsyncIterator[Pool]:
    """Open a pool for the duration of the block; statements time out after `statement_timeout_ms`.

    Raises OSError or a PostgresError.
    """

    async def open_connection() -> Connection:
        return await connect(url, name=name, statement_timeout_ms=statement_timeout_ms)

    pool = Pool(open_connection, connections_max)
    try:
        async with pool.borrow(CONNECT_TIMEOUT_SECONDS):
            pass  # a wrong URL fails here, not at the first use
        yield pool
    finally:
        await pool.close()
