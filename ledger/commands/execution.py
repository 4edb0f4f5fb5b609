"""Reads and writes of the processes that execute commands.

PostgreSQL's clock decides what is due and which claims have expired, so the clocks of the machines
need not agree.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple

from ledger.commands.results import CommandResult
from ledger.notifications.retry_policy import ERROR_CHARACTERS_MAX
from ledger.postgres.database import Connection
from ledger.postgres.pool import Pool, connection_pool
from ledger.postgres.statements import statements
from schemas.commands import CommandCause, CommandKind, CommandMode

_SQL: Final = statements("commands/execution")

CONNECTIONS_MAX: Final = 4
STATEMENT_TIMEOUT_MS: Final = 30_000
ACQUIRE_TIMEOUT_SECONDS: Final = 10


class ClaimedCommand(NamedTuple):
    """A command claimed by this process; `number` is that of the current attempt.

    `payload` is the CloudEvent that requested it. `provider` is the vendor of the call, None if no
    event names it. `control_url` is from an event and must be checked.
    """

    command_id: str
    number: int
    call_id: str
    user_id: str
    kind: CommandKind
    cause: CommandCause
    requested_by: str | None
    reason: str
    payload: str
    requested_at: datetime
    provider: str | None
    provider_call_id: str | None
    control_url: str | None
    mode: CommandMode


class CommandBacklog(NamedTuple):
    """Commands that are due and not claimed, and how long the first of them has been due."""

    waiting: int
    overdue_seconds: int


class CommandStore:
    """Commands, from a pool that the caller closes.

    Each method is a transaction and raises `database.TRANSIENT_ERRORS`.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(
        self, limit: int, lease_seconds: int, deadline_seconds: int
    ) -> list[ClaimedCommand]:
        """Claim up to `limit` due commands.

        Commands that must not be executed any more are closed, and expired claims are released.
        """
        async with self.connection() as connection, connection.transaction():
            await connection.execute(_SQL["release"])
            await connection.execute(*_SQL.bind("close_due", deadline_seconds=deadline_seconds))
            claim = _SQL.bind("claim", limit=limit, lease_seconds=lease_seconds)
            rows = await connection.fetch(*claim)
        return [ClaimedCommand(*row) for row in rows]

    async def finish(
        self,
        claim: ClaimedCommand,
        result: CommandResult,
        duration_ms: int,
        *,
        is_journaled: bool = False,
    ) -> None:
        """Store the result of the last attempt, and whether the journal has the command."""
        state = "failed" if result.outcome == "permanent" else result.outcome
        finish = _SQL.bind(
            "finish",
            command_id=claim.command_id,
            number=claim.number,
            state=state,
            outcome=_truncated(result.error),
            target=result.target,
            is_journaled=is_journaled,
        )
        async with self.connection() as connection, connection.transaction():
            await connection.execute(*finish)
            await _end_attempt(connection, claim, result, duration_ms)

    async def postpone(
        self, claim: ClaimedCommand, result: CommandResult, duration_ms: int, delay_ms: int
    ) -> None:
        """Store a failed attempt, and schedule the next one."""
        postpone = _SQL.bind(
            "postpone",
            command_id=claim.command_id,
            number=claim.number,
            target=result.target,
            delay_ms=delay_ms,
        )
        async with self.connection() as connection, connection.transaction():
            await connection.execute(*postpone)
            await _end_attempt(connection, claim, result, duration_ms)

    async def backlog(self) -> CommandBacklog:
        """Return the commands that are due."""
        async with self.connection() as connection:
            [row] = await connection.fetch(_SQL["backlog"])
        return CommandBacklog(*row)

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Return a connection for the duration of a block."""
        return self._pool.borrow(ACQUIRE_TIMEOUT_SECONDS)


async def _end_attempt(
    connection: Connection, claim: ClaimedCommand, result: CommandResult, duration_ms: int
) -> None:
    attempt_ended = _SQL.bind(
        "attempt_ended",
        command_id=claim.command_id,
        number=claim.number,
        outcome=result.outcome,
        target=result.target,
        status=result.status,
        error=_truncated(result.error),
        duration_ms=duration_ms,
    )
    await connection.execute(*attempt_ended)


def _truncated(error: str | None) -> str | None:
    return None if error is None else error[:ERROR_CHARACTERS_MAX]


@asynccontextmanager
async def command_store(url: str) -> AsyncIterator[CommandStore]:
    """Open a store for the duration of a block; raises OSError or a PostgresError."""
    async with connection_pool(
        url,
        name="cost-analytics commands",
        connections_max=CONNECTIONS_MAX,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
    ) as pool:
        yield CommandStore(pool)
