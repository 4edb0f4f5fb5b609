"""Ends sessions of frozen workers that wait in the middle of a statement, such as a COPY.

PostgreSQL itself ends a transaction that is idle for too long. In the middle of a statement it
waits for the client until the statement's own limit, and for a client that reads nothing for ever,
while the locks of the transaction keep other workers waiting. So each worker watches the sessions
of the others. A session is ended after several looks in a row at which its statement had moved no
byte, so a slow worker keeps its session.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("operations/frozen_sessions")

LOOKS_WITHOUT_PROGRESS: Final = 3
SECONDS_BETWEEN_LOOKS: Final = 3

_log: Final = logging.getLogger(__name__)


class _Statement(NamedTuple):
    """A statement of a session that waits for its client, and how many bytes it has taken."""

    pid: int
    began_at: datetime
    bytes: int


class FrozenSessionWatch:
    """Counts for how many looks each waiting session has made no progress."""

    def __init__(self) -> None:
        self._looks: dict[_Statement, int] = {}
        self._looked_ns = 0

    async def look(self, connection: Connection) -> None:
        """Look at the sessions, if the last look is long enough ago, and end the frozen ones.

        Raises a PostgreSQL error.
        """
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns < SECONDS_BETWEEN_LOOKS * 900_000_000:
            return
        self._looked_ns = now_ns
        waiting = [_Statement(*row) for row in await connection.fetch(_SQL["waiting"])]
        self._looks = {one: self._looks.get(one, -1) + 1 for one in waiting}
        for statement, looks in self._looks.items():
            if looks >= LOOKS_WITHOUT_PROGRESS:
                await _end(connection, statement)


async def _end(connection: Connection, statement: _Statement) -> None:
    if await connection.fetchval(*_SQL.bind("end", pid=statement.pid, began_at=statement.began_at)):
        _log.warning(
            "ended the session of a frozen worker, process %d of the server",
            statement.pid,
            extra={"action": "frozen_session_ended"},
        )
