"""PostgreSQL connections with timeouts, and classes of their errors."""

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
"""A frozen process's locks are released after the idle timeout, see `wait_in_transaction`."""

UniqueViolation = asyncpg.UniqueViolationError
Deadlock = asyncpg.DeadlockDetectedError
UnknownAuthorization = asyncpg.InvalidAuthorizationSpecificationError
LockTimeout = asyncpg.LockNotAvailableError
CheckViolation = asyncpg.CheckViolationError

TRANSIENT_ERRORS: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # used while the server's last message is half read
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
"""Retryable errors: the database is unavailable, busy or deadlocked."""

SCHEMA_ERRORS: Final = (
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedTableError,
)
"""A table or a function is missing: `migrate` creates it."""

DATA_ERRORS: Final = (
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,  # texts too long for an index, for example
)
"""A value is one that PostgreSQL will never accept.

Constraint violations are not included: they show that the schema does not fit this program.
"""


async def connect(url: str, *, name: str) -> Connection:
    """Open a connection; `name` shows in pg_stat_activity. Raises OSError or a PostgresError."""
    connection: Connection = await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        server_settings=_LIMITS | {"application_name": name},
    )
    return connection


async def create_pool(
    url: str, *, name: str, connections_max: int, statement_timeout_ms: int
) -> Pool:
    """Open a pool of connections; statements time out after `statement_timeout_ms`.

    Borrowers change settings for a transaction only: connections are reused without the round trip
    that resets them. An open transaction is rolled back.
    """
    limits = _LIMITS | {"statement_timeout": str(statement_timeout_ms), "application_name": name}
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=connections_max,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        max_inactive_connection_lifetime=300,
        reset=_reset_nothing,
        server_settings=limits,
    )


async def _reset_nothing(_: Connection) -> None:
    """Do nothing: there is nothing to reset."""


@asynccontextmanager
async def borrowed(pool: Pool, timeout_seconds: int) -> AsyncIterator[Connection]:
    """Borrow a connection for the duration of the block; waits up to `timeout_seconds` for one."""
    proxy = await pool.acquire(timeout=timeout_seconds)
    connection = cast(Connection, proxy)
    try:
        yield connection
    except BaseException:
        # The transaction must not reach the next borrower. A rollback needs a server that
        # answers; closing the connection does not.
        connection.terminate()
        raise
    finally:
        await pool.release(proxy)


@asynccontextmanager
async def connected(url: str, *, name: str) -> AsyncIterator[Connection]:
    """Open a connection for the duration of the block."""
    connection = await connect(url, name=name)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def in_transaction(connection: Connection) -> AsyncIterator[None]:
    """Use the caller's transaction, or open one if there is none.

    An open transaction fails with any error of this block.
    """
    if connection.is_in_transaction():
        yield
        return
    async with connection.transaction():
        yield


def affected(status: Any) -> int:
    """Return the number of rows in a command's status, such as `UPDATE 3`."""
    return int(str(status).rsplit(" ", 1)[-1])
