"""PostgreSQL connections with timeouts, and classes of their errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import asyncpg

Connection: TypeAlias = asyncpg.Connection
Record: TypeAlias = asyncpg.Record

COMMAND_TIMEOUT_SECONDS: Final = 60
CONNECT_TIMEOUT_SECONDS: Final = 10
STATEMENT_TIMEOUT_MS: Final = 60_000

_SESSION_SETTINGS: Final = {
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
}
"""The idle timeout releases the locks of a frozen process; see `wait_in_transaction`."""

UniqueViolation = asyncpg.UniqueViolationError
Deadlock = asyncpg.DeadlockDetectedError
UnknownAuthorization = asyncpg.InvalidAuthorizationSpecificationError
LockTimeout = asyncpg.LockNotAvailableError
CheckViolation = asyncpg.CheckViolationError
RestrictViolation = asyncpg.RestrictViolationError
QueryCanceled = asyncpg.QueryCanceledError

TRANSIENT_ERRORS: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # raised by a connection that read only a part of a message
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # includes lock timeouts
    asyncpg.InvalidPasswordError,  # while a password is replaced
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidCatalogNameError,  # while the database is created again
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)
"""Errors that pass: the database is unavailable, busy or deadlocked, or cannot be logged in to."""

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
"""PostgreSQL will never accept a value, so a retry is useless.

Constraint violations are not included: they show that the schema does not fit this program.
"""


async def connect(
    url: str, *, name: str, statement_timeout_ms: int = STATEMENT_TIMEOUT_MS
) -> Connection:
    """Open a connection; `name` shows in pg_stat_activity. Raises OSError or a PostgresError."""
    settings = {"statement_timeout": str(statement_timeout_ms), "application_name": name}
    connection: Connection = await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        server_settings=_SESSION_SETTINGS | settings,
    )
    return connection


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
    """Use the caller's transaction, without a savepoint, or open one if there is none."""
    if connection.is_in_transaction():
        yield
        return
    async with connection.transaction():
        yield


async def run_command(connection: Connection, query: tuple[Any, ...]) -> None:
    """Run the command that a query returns, if it returns one."""
    command = await connection.fetchval(*query)
    if command is not None:
        await connection.execute(command)


def affected_rows(status: Any) -> int:
    """Return the number of rows in a command's status, such as `UPDATE 3`."""
    return int(str(status).rsplit(" ", 1)[-1])
