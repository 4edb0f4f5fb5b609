"""A connection for occasional small statements, opened again after a failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ledger.postgres.database import TRANSIENT_ERRORS, Connection


class KeptConnection:
    """One connection for one statement at a time; it is opened when it is first needed."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        """`connect` opens a connection."""
        self._connect = connect
        self._connection: Connection | None = None

    async def run(self, statement: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """Run a statement, or skip it while the database is unavailable; raises other errors."""
        try:
            await statement(await self.open(), *arguments)
        except BaseException as error:  # after an interruption a connection cannot be used
            self.terminate()
            if not isinstance(error, TRANSIENT_ERRORS):
                raise

    async def open(self) -> Connection:
        """Return the connection, opened again if it is closed."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection

    def terminate(self) -> None:
        """Close the connection without waiting for the server; the next use opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
