"""A connection for small statements now and then, opened again after a failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ledger.postgres.database import TRANSIENT_ERRORS, Connection


class KeptConnection:
    """Runs statements one after another; what an outage of the database prevents is left out."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        """Take what opens the connection, which happens with the first statement."""
        self._connect = connect
        self._connection: Connection | None = None

    async def ask(self, statement: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """Run a statement; raises what is no outage."""
        try:
            if self._connection is None:
                self._connection = await self._connect()
            await statement(self._connection, *arguments)
        except BaseException as error:  # an interrupted connection cannot be used again
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.terminate()
            if not isinstance(error, TRANSIENT_ERRORS):
                raise

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            await self._connection.close()
