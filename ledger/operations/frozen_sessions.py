"""Ends the sessions of frozen workers, all sessions of a process together.

PostgreSQL ends a transaction that is idle for too long by itself. In the middle of a statement it
waits for the client much longer. If sessions of a frozen process wait for each other's locks, they
block other processes one after another. PostgreSQL never ends a session without a transaction,
although it may hold a lock that admits one process at a time, such as that of finding stuck calls.
A working process starts a statement with each heartbeat. So each worker watches the others, and
ends those that have started none for some seconds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection, connect
from ledger.postgres.statements import statements

_SQL: Final = statements("operations/frozen_sessions")

SECONDS_WITHOUT_PROGRESS: Final = 8
"""Three heartbeats, and less than the 10 seconds after which an idle transaction is ended."""

_log: Final = logging.getLogger(__name__)


class _Progress(NamedTuple):
    """A worker's progress: its newest statement, and the bytes that its COPYs have sent."""

    newest_statement_at: datetime
    bytes: int

    def is_ahead_of(self, other: _Progress) -> bool:
        """Return whether there was progress; both values may fall when a session ends."""
        return self.newest_statement_at > other.newest_statement_at or self.bytes > other.bytes


class FrozenSessionWatch:
    """Tracks for how long each worker that may block others has made no progress."""

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        self._seen: dict[int, tuple[_Progress, int]] = {}

    async def check(self, connection: Connection) -> None:
        """Check other workers, and end sessions of frozen ones; raises a PostgreSQL error."""
        now_ns, before = self._now_ns(), self._seen
        self._seen = {}
        for worker, *found in await connection.fetch(*_SQL.bind("blocking_workers")):
            progress, since_ns = _Progress(*found), now_ns
            if worker in before and not progress.is_ahead_of(before[worker][0]):
                progress, since_ns = before[worker]
            self._seen[worker] = progress, since_ns
            if now_ns - since_ns >= SECONDS_WITHOUT_PROGRESS * 1_000_000_000:
                await _end(connection, worker, progress.newest_statement_at)


async def connect_worker(url: str, worker_id: str) -> Connection:
    """Open a session that is marked as a worker's; raises OSError or a PostgreSQL error."""
    connection = await connect(url, name="cost-analytics worker")
    try:
        await connection.execute(*_SQL.bind("mark", worker_id=worker_id))
    except BaseException:  # a worker that stops may interrupt it
        connection.terminate()
        raise
    return connection


async def _end(connection: Connection, worker: int, newest_statement_at: datetime) -> None:
    found = await connection.fetchval(
        *_SQL.bind("end", worker=worker, newest_statement_at=newest_statement_at)
    )
    if found:
        _log.warning(
            "ended %d sessions of a frozen worker", found, extra={"action": "frozen_session_ended"}
        )
