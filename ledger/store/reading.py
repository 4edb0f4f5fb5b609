"""Lends connections on which PostgreSQL shows one viewer's rows only: the wall behind every query.

A request gets one transaction under the restricted role `cost_analytics_reader`, whose row
policies know who is looking. Each query names the viewer too, so either wall would do alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, NamedTuple

from ledger.store.database import TRANSIENT_ERRORS, Connection, Pool, borrowed, create_pool
from ledger.store.migrate import schema_is_current, schema_version
from ledger.store.sql import statements

_SQL: Final = statements("reading")

CONNECTIONS_MOST: Final = 10
STATEMENT_TIMEOUT_MS: Final = 5_000
ACQUIRE_TIMEOUT_SECONDS: Final = 2
WORK_TIMEOUT_SECONDS: Final = 10

PATIENT_CONNECTIONS_MOST: Final = 4
PATIENT_STATEMENT_TIMEOUT_MS: Final = 60_000
PATIENT_WORK_TIMEOUT_SECONDS: Final = 900


class StoreUnavailableError(Exception):
    """PostgreSQL is away, busy or too slow: the same request may succeed later."""


class Viewer(NamedTuple):
    """On whose behalf a transaction reads; `reads_all` is an administrator's."""

    user_id: str
    reads_all: bool = False


class Connections(NamedTuple):
    """How many connections a pool has lent, how many wait to be lent, and how many it may have."""

    busy: int
    idle: int
    most: int


class ReaderPool:
    """Transactions for viewers, out of a pool that somebody else closes."""

    def __init__(
        self,
        pool: Pool,
        *,
        acquire_timeout_seconds: int = ACQUIRE_TIMEOUT_SECONDS,
        work_timeout_seconds: int = WORK_TIMEOUT_SECONDS,
    ) -> None:
        self._pool = pool
        self._acquire_timeout_seconds = acquire_timeout_seconds
        self._work_timeout_seconds = work_timeout_seconds

    @asynccontextmanager
    async def reading(self, viewer: Viewer) -> AsyncIterator[Connection]:
        """Open a read-only transaction for a viewer; raises StoreUnavailableError."""
        async with self._transaction("begin_reading", viewer) as connection:
            yield connection

    @asynccontextmanager
    async def comparing(self, viewer: Viewer) -> AsyncIterator[Connection]:
        """Open a read-only transaction that sees one moment; raises StoreUnavailableError."""
        async with self._transaction("begin_comparing", viewer) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self, viewer: Viewer) -> AsyncIterator[Connection]:
        """Open a transaction for what a viewer may change; raises StoreUnavailableError."""
        async with self._transaction("begin_writing", viewer) as connection:
            yield connection

    async def schema_is_current(self) -> bool:
        """Say whether the database has the schema we know; raises StoreUnavailableError."""
        async with self._connection() as connection:
            return await schema_is_current(connection)

    async def schema_version(self) -> int:
        """Return the version of the database's schema, 0 for none; raises StoreUnavailableError."""
        async with self._connection() as connection:
            return await schema_version(connection)

    def connections(self) -> Connections:
        """Return how the pool's connections are used at this moment."""
        idle = self._pool.get_idle_size()
        return Connections(self._pool.get_size() - idle, idle, self._pool.get_max_size())

    @asynccontextmanager
    async def _transaction(self, begin: str, viewer: Viewer) -> AsyncIterator[Connection]:
        async with self._connection() as connection:
            await connection.execute(_SQL[begin])
            reads_all = "on" if viewer.reads_all else "off"
            await connection.execute(_SQL["identify"], viewer.user_id, reads_all)
            yield connection
            await connection.execute(_SQL["commit"])

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with (
                borrowed(self._pool, self._acquire_timeout_seconds) as connection,
                asyncio.timeout(self._work_timeout_seconds),
            ):
                yield connection
        except TRANSIENT_ERRORS as error:
            raise StoreUnavailableError(str(error) or type(error).__name__) from error


@asynccontextmanager
async def reader_pool(
    url: str,
    *,
    connections_most: int = CONNECTIONS_MOST,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    work_timeout_seconds: int = WORK_TIMEOUT_SECONDS,
) -> AsyncIterator[ReaderPool]:
    """Open a pool of readers for the length of a block; raises OSError or a PostgresError."""
    pool = await create_pool(
        url,
        name="cost-analytics api",
        most=connections_most,
        statement_timeout_ms=statement_timeout_ms,
    )
    try:
        yield ReaderPool(pool, work_timeout_seconds=work_timeout_seconds)
    finally:
        await pool.close()


def patient_reader_pool(url: str) -> AbstractAsyncContextManager[ReaderPool]:
    """Open a small pool for reading much, for the length of a block; raises as `reader_pool`."""
    return reader_pool(
        url,
        connections_most=PATIENT_CONNECTIONS_MOST,
        statement_timeout_ms=PATIENT_STATEMENT_TIMEOUT_MS,
        work_timeout_seconds=PATIENT_WORK_TIMEOUT_SECONDS,
    )
