"""Reads and writes on behalf of a viewer, to whom PostgreSQL shows only permitted rows.

A report of one statement is a function and one round trip; several statements run in a transaction.
Both pass the signed viewer to the row policies. Each query also checks the viewer itself, so that
a fault in one of the checks shows nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property
from typing import Any, Final, NamedTuple

from ledger.postgres.access import access_problems
from ledger.postgres.database import SCHEMA_ERRORS, TRANSIENT_ERRORS, Connection, Record
from ledger.postgres.fair_queue import FairQueue, QueueFullError, QueueTimeoutError
from ledger.postgres.migrate import schema_is_current, schema_version
from ledger.postgres.pool import Pool, connection_pool
from ledger.postgres.statements import statements
from ledger.postgres.viewer import Viewer, ViewerSigner, signer_of

__all__ = [
    "PoolUsage",
    "ReaderPool",
    "StoreUnavailableError",
    "Viewer",
    "reader_pool",
    "slow_reader_pool",
]

_SQL: Final = statements("postgres/viewers")

CONNECTIONS_MAX: Final = 10
STATEMENT_TIMEOUT_MS: Final = 5_000
ACQUIRE_TIMEOUT_SECONDS: Final = 2
QUEUE_TIMEOUT_SECONDS: Final = 5
WORK_TIMEOUT_SECONDS: Final = 10
SHARE_PERCENT: Final = 40
"""The percentage of a pool that one viewer may hold, rounded up; viewers take turns."""

SLOW_CONNECTIONS_MAX: Final = 4
SLOW_STATEMENT_TIMEOUT_MS: Final = 60_000
SLOW_WORK_TIMEOUT_SECONDS: Final = 900


class StoreUnavailableError(Exception):
    """PostgreSQL is unavailable, busy or too slow: a retry may succeed."""


class ShareUsedUpError(StoreUnavailableError):
    """Other requests of the viewer hold or await all connections that it may have."""


_OPERATOR: Final = Viewer("", reads_all=True)


class PoolUsage(NamedTuple):
    """The busy and the idle connections of a pool, and its maximum."""

    busy: int
    idle: int
    limit: int


class ReaderPool:
    """Reads and transactions for viewers, from a pool that the caller closes.

    Without a signer no viewer can be named, so no row of a user is visible.
    """

    def __init__(
        self,
        pool: Pool,
        signer: ViewerSigner | None = None,
        *,
        acquire_timeout_seconds: int = ACQUIRE_TIMEOUT_SECONDS,
        work_timeout_seconds: int = WORK_TIMEOUT_SECONDS,
    ) -> None:
        self._pool = pool
        self._signer = signer
        self._acquire_timeout_seconds = acquire_timeout_seconds
        self._work_timeout_seconds = work_timeout_seconds

    async def read(self, viewer: Viewer, call: str, *arguments: Any) -> list[Record]:
        """Return the rows of a report (`functions.reads`); raises StoreUnavailableError."""
        async with self._connection(viewer) as connection:
            rows: list[Record] = await connection.fetch(call, *arguments, self._sign(viewer))
            return rows

    async def read_value(self, viewer: Viewer, call: str, *arguments: Any) -> Any:
        """Return the first value of a report's only row; raises StoreUnavailableError."""
        [row] = await self.read(viewer, call, *arguments)
        return row[0]

    def reading(self, viewer: Viewer) -> AbstractAsyncContextManager[Connection]:
        """Open a read-only transaction for a viewer; raises StoreUnavailableError."""
        return self._transaction("begin_reading", viewer)

    def reading_snapshot(self, viewer: Viewer) -> AbstractAsyncContextManager[Connection]:
        """Open a read-only transaction on one snapshot; raises StoreUnavailableError."""
        return self._transaction("begin_snapshot", viewer)

    def writing(self, viewer: Viewer) -> AbstractAsyncContextManager[Connection]:
        """Open a read-write transaction for a viewer; raises StoreUnavailableError."""
        return self._transaction("begin_writing", viewer)

    async def schema_is_current(self) -> bool:
        """Return whether the database has our schema; raises StoreUnavailableError."""
        async with self._connection(_OPERATOR) as connection:
            return await schema_is_current(connection)

    async def access_problems(self) -> list[str]:
        """Return what prevents processes from reading; raises StoreUnavailableError."""
        async with self._connection(_OPERATOR) as connection:
            return await access_problems(connection)

    async def schema_version(self) -> int:
        """Return the database's schema version, 0 if none; raises StoreUnavailableError."""
        async with self._connection(_OPERATOR) as connection:
            return await schema_version(connection)

    def connections(self) -> PoolUsage:
        """Return the current usage of the pool."""
        return PoolUsage(self._pool.busy, self._pool.idle, self._pool.size_max)

    @asynccontextmanager
    async def _transaction(self, begin: str, viewer: Viewer) -> AsyncIterator[Connection]:
        async with self._connection(viewer) as connection:
            await connection.execute(_SQL[begin])
            await connection.execute(*_SQL.bind("identify", signed_viewer=self._sign(viewer)))
            try:
                yield connection
            except TRANSIENT_ERRORS:
                raise  # the connection is not used again
            except Exception:  # whatever the caller raised, its changes must not be committed
                await connection.execute(_SQL["rollback"])
                raise
            await connection.execute(_SQL["commit"])

    def _sign(self, viewer: Viewer) -> str:
        return "" if self._signer is None else self._signer.sign(viewer)

    @cached_property
    def _queue(self) -> FairQueue:
        slots = self._pool.size_max
        return FairQueue(slots, -(-slots * SHARE_PERCENT // 100))

    @asynccontextmanager
    async def _connection(self, viewer: Viewer) -> AsyncIterator[Connection]:
        try:
            async with (
                self._queue.slot(viewer, QUEUE_TIMEOUT_SECONDS),
                self._pool.borrow(self._acquire_timeout_seconds) as connection,
                asyncio.timeout(self._work_timeout_seconds),
            ):
                yield connection
        except QueueFullError:
            raise ShareUsedUpError("too many requests are waiting") from None
        except QueueTimeoutError:
            if self._queue.has_full_share(viewer):
                raise ShareUsedUpError("earlier requests take too long") from None
            raise StoreUnavailableError("no connection is free") from None
        except TRANSIENT_ERRORS as error:
            raise StoreUnavailableError(str(error) or type(error).__name__) from error
        except SCHEMA_ERRORS as error:
            raise StoreUnavailableError(
                f"the schema cannot be read, run `cost-analytics migrate`: {error}"
            ) from error


@asynccontextmanager
async def reader_pool(
    url: str,
    *,
    connections_max: int = CONNECTIONS_MAX,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    work_timeout_seconds: int = WORK_TIMEOUT_SECONDS,
) -> AsyncIterator[ReaderPool]:
    """Open a pool of readers for the duration of the block.

    Raises SigningKeyError, OSError or a PostgresError.
    """
    signer = signer_of(url)
    async with connection_pool(
        url,
        name="cost-analytics api",
        connections_max=connections_max,
        statement_timeout_ms=statement_timeout_ms,
    ) as pool:
        yield ReaderPool(pool, signer, work_timeout_seconds=work_timeout_seconds)


def slow_reader_pool(url: str) -> AbstractAsyncContextManager[ReaderPool]:
    """Open a small pool for long reads, for the duration of the block; raises as `reader_pool`."""
    return reader_pool(
        url,
        connections_max=SLOW_CONNECTIONS_MAX,
        statement_timeout_ms=SLOW_STATEMENT_TIMEOUT_MS,
        work_timeout_seconds=SLOW_WORK_TIMEOUT_SECONDS,
    )
