"""Waits for something else within a transaction, which PostgreSQL would end if it were idle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

T = TypeVar("T")

_SQL: Final = statements("postgres/session")

KEEP_ALIVE_SECONDS: Final = 3


async def wait_in_transaction(connection: Connection, work: Awaitable[T]) -> T:
    """Return the result of `work`, and meanwhile show PostgreSQL that this process is not frozen.

    Nothing else may use the connection meanwhile. Raises what `work` raises, and a PostgreSQL error
    where the connection is lost.
    """
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=KEEP_ALIVE_SECONDS))[0]:
            await connection.execute(_SQL["keep_alive"])
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
