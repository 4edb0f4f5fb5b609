"""Heartbeats of stream workers, by which other processes see that the stream is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.recording.offsets import Stream

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


async def store_progress(
    connection: Connection, stream: Stream, counted_until: Mapping[int, datetime]
) -> None:
    """Store the time up to which each partition is counted; a stored time never goes back."""
    partitions = sorted(counted_until)
    await connection.execute(
        *_SQL.bind(
            "store_progress",
            **stream._asdict(),
            partitions=partitions,
            moments=[counted_until[partition] for partition in partitions],
        )
    )


async def read_counted_until(connection: Connection, stream: Stream) -> datetime | None:
    """Return the time up to which all partitions are counted; None if it is unknown for one."""
    until: datetime | None = await connection.fetchval(
        *_SQL.bind("counted_until", **stream._asdict())
    )
    return until
