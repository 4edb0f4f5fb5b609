"""Heartbeats of stream workers, by which other processes see that the stream is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("recording/workers")


async def heartbeat(
    connection: Connection,
    worker_id: str,
    partitions: Sequence[int],
    clock_skew: timedelta = timedelta(),
) -> None:
    """Store that a worker is alive, its partitions, and how far its clock is ahead."""
    skew_ms = clock_skew // timedelta(milliseconds=1)
    await connection.execute(
        *_SQL.bind(
            "heartbeat", worker_id=worker_id, partitions=list(partitions), clock_skew_ms=skew_ms
        )
    )


async def leave(connection: Connection, worker_id: str) -> None:
    """Delete the entry of a stopped worker."""
    await connection.execute(*_SQL.bind("leave", worker_id=worker_id))


async def stream_is_read(connection: Connection) -> bool:
    """Return whether a worker with partitions sent a heartbeat in the last 15 seconds."""
    return bool(await connection.fetchval(_SQL["reading"]))
