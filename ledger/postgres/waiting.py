"""Waits inside a transaction, which PostgreSQL would otherwise end as idle."""

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
    """Return the result of `work`, and meanwhile keep the transaction from timing out.

    Nothing else may use the connection meanwhile. Raises the errors of `work`, and a PostgreSQL
    error if the connection is lost.
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
