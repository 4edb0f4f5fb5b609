"""Ends the sessions of workers whose process is frozen, all those of a process together.

PostgreSQL itself ends a transaction that is idle for too long. In the middle of a statement it
waits for the client much longer, and where sessions of one frozen process wait for each other's
locks, each would keep others waiting in turn. A working process starts a statement with each
heartbeat. So each worker watches the others, and ends those that started none in several looks.
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


class _Progress(NamedTuple):
    """How far a worker has come: its newest statement, and the bytes that its COPYs have sent."""

    worker: int
    newest_statement_at: datetime
    bytes: int


async def mark_session(connection: Connection, worker_id: str) -> None:
    """Mark a session as one of a worker's, until it is closed. Raises a PostgreSQL error."""
    await connection.execute(*_SQL.bind("mark", worker_id=worker_id))


class FrozenSessionWatch:
    """Counts for how many looks each worker with open transactions has made no progress."""

    def __init__(self) -> None:
        self._looks: dict[_Progress, int] = {}
        self._looked_ns = 0

    async def look(self, connection: Connection) -> None:
        """Look at other workers, if the last look is long enough ago, and end the frozen ones.

        Raises a PostgreSQL error.
        """
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns < SECONDS_BETWEEN_LOOKS * 900_000_000:
            return
        self._looked_ns = now_ns
        rows = await connection.fetch(*_SQL.bind("open_transactions"))
        self._looks = {
            one: self._looks.get(one, -1) + 1 for one in (_Progress(*row) for row in rows)
        }
        for progress, looks in self._looks.items():
            if looks >= LOOKS_WITHOUT_PROGRESS:
                await _end(connection, progress)


async def _end(connection: Connection, progress: _Progress) -> None:
    found = await connection.fetchval(
        *_SQL.bind(
            "end",
            worker=progress.worker,
            newest_statement_at=progress.newest_statement_at,
        )
    )
    if found:
        _log.warning(
            "ended %d sessions of a frozen worker", found, extra={"action": "frozen_session_ended"}
        )
