"""Repeats a transaction of the ledger that conflicts with other writers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from ledger.postgres.database import Connection
from ledger.postgres.partitions import ensure_months
from ledger.recording.ledger import CONFLICT_ERRORS, Ledger, MissingPartitionError

T = TypeVar("T")

ATTEMPTS_MAX: Final = 5


async def run_with_retries(
    connection: Connection, ledger: Ledger, work: Callable[[], Awaitable[T]]
) -> T:
    """Return the result of `work`, which calls `apply` or `abandon`, in a transaction of its own.

    Raises the errors of `work` and a PostgreSQL error.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            async with ledger.transaction(connection):
                return await work()
        except (*CONFLICT_ERRORS, MissingPartitionError) as error:
            if attempt == ATTEMPTS_MAX:
                raise
            if isinstance(error, MissingPartitionError):
                await ensure_months(connection, error.months)
