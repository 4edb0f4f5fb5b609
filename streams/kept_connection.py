"""A connection for occasional small statements, opened again after a failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ledger.postgres.database import TRANSIENT_ERRORS, Connection


class KeptConnection:
    """Runs statements one at a time; skips them while the database is unavailable."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        """`connect` is called for the first statement."""
        self._connect = connect
        self._connection: Connection | None = None

    async def run(self, statement: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """Run a statement; raises errors other than outages."""
        try:
            if self._connection is None:
                self._connection = await self._connect()
            await statement(self._connection, *arguments)
        except BaseException as error:  # a connection cannot be used after an interruption
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.terminate()
            if not isinstance(error, TRANSIENT_ERRORS):
                raise

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            await self._connection.close()
