"""Connections to PostgreSQL with a limit on everything, and what its errors mean to a caller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias, cast

import asyncpg

Connection: TypeAlias = asyncpg.Connection
Pool: TypeAlias = asyncpg.Pool
Record: TypeAlias = asyncpg.Record

COMMAND_TIMEOUT_SECONDS: Final = 60
CONNECT_TIMEOUT_SECONDS: Final = 10

_LIMITS: Final = {
    "statement_timeout": "60s",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
}
"""The locks of a frozen process are free after the idle limit, see `wait_in_transaction`."""

UniqueViolation = asyncpg.UniqueViolationError
Deadlock = asyncpg.DeadlockDetectedError
UnknownAuthorization = asyncpg.InvalidAuthorizationSpecificationError
LockTimeout = asyncpg.LockNotAvailableError
CheckViolation = asyncpg.CheckViolationError

TRANSIENT_ERRORS: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # used while the server's farewell is half read
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.InvalidPasswordError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)
"""The same work may succeed later: the database is away, busy or deadlocked."""

SCHEMA_ERRORS: Final = (
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedTableError,
)
"""A table or a function is missing: `migrate` makes it."""

DATA_ERRORS: Final = (
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,  # texts too long for an index, for example
)
"""Some value of the work itself is what PostgreSQL will never take.

A violated constraint is none: that is how a schema shows that it does not fit this program.
"""


async def connect(url: str, *, name: str) -> Connection:
    """Open one connection; `name` shows in pg_stat_activity. Raises OSError or a PostgresError."""
    connection: Connection = await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        server_settings=_LIMITS | {"application_name": name},
    )
    return connection


async def create_pool(url: str, *, name: str, most: int, statement_timeout_ms: int) -> Pool:
    """Open a pool of up to `most` connections whose statements end after `statement_timeout_ms`.

    A borrower changes settings for the length of a transaction only: connections are lent
    out again without the round trip that would reset them. An open transaction is rolled back.
    """
    limits = _LIMITS | {"statement_timeout": str(statement_timeout_ms), "application_name": name}
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=most,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        max_inactive_connection_lifetime=300,
        reset=_leave_as_it_is,
        server_settings=limits,
    )


async def _leave_as_it_is(_: Connection) -> None:
    """Reset nothing: there is nothing to reset."""


@asynccontextmanager
async def borrowed(pool: Pool, timeout_seconds: int) -> AsyncIterator[Connection]:
    """Borrow a connection for the length of a block, waiting so long for one to be free."""
    proxy = await pool.acquire(timeout=timeout_seconds)
    connection = cast(Connection, proxy)
    try:
        yield connection
    except BaseException:
        # Whatever it was, its transaction must not reach the next borrower; and rolling
        # back needs a server that answers, hanging up does not.
        connection.terminate()
        raise
    finally:
        await pool.release(proxy)


@asynccontextmanager
async def connected(url: str, *, name: str) -> AsyncIterator[Connection]:
    """Open a connection for the length of a block."""
    connection = await connect(url, name=name)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def in_transaction(connection: Connection) -> AsyncIterator[None]:
    """Work in the caller's transaction, or in one of our own where there is none.

    An open transaction fails with whatever this block raises.
    """
    if connection.is_in_transaction():
        yield
        return
    async with connection.transaction():
        yield


def affected(status: Any) -> int:
    """Return how many rows a command touched, from its status such as `UPDATE 3`."""
    return int(str(status).rsplit(" ", 1)[-1])
