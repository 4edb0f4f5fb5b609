"""The ledger's state in a backup's manifest, and the steps of a restore besides loading the dump.

The rows of `EPHEMERAL_TABLES` are not in dumps. So a database that is being restored has no epoch,
and no process records or shows anything until the complete restore raises a new one.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Final

import msgspec

from ledger.postgres.database import Connection, LockTimeout
from ledger.postgres.migrate import schema_version
from ledger.postgres.statements import statements
from ledger.recording.epochs import Epoch, all_epochs, raise_epoch

_SQL: Final = statements("operations/backups")

EPHEMERAL_TABLES: Final = ("ledger_epochs", "stream_workers", "read_functions")
"""Not in dumps: the manifest has the epochs, former workers are irrelevant, and `migrate` lists the
read functions."""
READS_SCHEMA: Final = "cost_analytics_reads"
"""Not in dumps: `migrate` creates the API's read functions with the right owner."""
ANALYZE_SECONDS_MAX: Final = 3_600
LOCK_SECONDS_MAX: Final = 60
LOCK_PAUSE_SECONDS: Final = 0.02


class BackupPosition(msgspec.Struct, frozen=True):
    """The next offset of a partition to count."""

    cluster: str
    topic: str
    partition: int
    next_offset: int


class BackupContents(msgspec.Struct, frozen=True):
    """The ledger's contents at one time. `epoch` is the current one, `counts` are rows."""

    taken_at: datetime
    schema_version: int
    epoch: int
    epochs: list[Epoch]
    counts: dict[str, int]
    positions: list[BackupPosition]


class UnreadableRelationError(Exception):
    """The login of the session cannot read a table completely; `args` are the names of both."""


class IncompleteRestoreError(Exception):
    """The database differs from the manifest."""


async def server_version(connection: Connection) -> int:
    """Return the server's version number, such as 160014."""
    return int(await connection.fetchval(_SQL["server_version"]))


async def server_name(connection: Connection) -> str:
    """Return the server's name, which its administrator may set; usually empty."""
    return str(await connection.fetchval(_SQL["server_name"]))


async def remove_time_limits(connection: Connection) -> None:
    """Remove the time limits of statements and transactions in this session."""
    await connection.execute(_SQL["lift_limits"])


async def require_readable(connection: Connection) -> None:
    """Raise UnreadableRelationError unless the session can read all rows of all tables."""
    found = await connection.fetchrow(_SQL["unreadable"])
    if found is not None:
        raise UnreadableRelationError(found["login"], found["relation"])


async def export_snapshot(connection: Connection) -> str:
    """Return the name by which another session can share this transaction's snapshot."""
    return str(await connection.fetchval(_SQL["export_snapshot"]))


async def read_contents(connection: Connection, now: datetime) -> BackupContents:
    """Return the ledger's contents, in the caller's transaction."""
    epochs = await all_epochs(connection)
    return BackupContents(
        taken_at=now,
        schema_version=await schema_version(connection),
        epoch=max((epoch.epoch for epoch in epochs), default=0),
        epochs=epochs,
        counts=await _counts(connection),
        positions=[BackupPosition(*row) for row in await connection.fetch(_SQL["positions"])],
    )


async def _counts(connection: Connection) -> dict[str, int]:
    return dict(await connection.fetchrow(_SQL["counts"], timeout=ANALYZE_SECONDS_MAX) or {})


async def count_relations(connection: Connection) -> int:
    """Return the number of tables and views in the database."""
    return int(await connection.fetchval(_SQL["relations"]))


async def begin_restore(connection: Connection) -> None:
    """Refuse migrations of the database until `open_ledger`: they would make an empty ledger."""
    await connection.execute(_SQL["begin_restore"])


async def empty_database(connection: Connection) -> None:
    """Close the ledger, drop everything in the schema, and begin the restore.

    All tables are locked before the first is dropped, without waiting for a lock: running processes
    lock tables in another order, so waiting would end in deadlocks. They stop writing once the
    ledger is closed; until then the attempt is repeated. Raises LockTimeout after
    `LOCK_SECONDS_MAX`.
    """
    await connection.execute(_SQL["close"])
    deadline = time.monotonic() + LOCK_SECONDS_MAX
    while True:
        try:
            await connection.execute(_SQL["empty"])
        except LockTimeout:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(LOCK_PAUSE_SECONDS)
        else:
            return


async def check_counts(connection: Connection, contents: BackupContents) -> None:
    """Raise IncompleteRestoreError unless the row counts are those of the backup."""
    counts = await _counts(connection)
    for subject, expected in contents.counts.items():
        if counts.get(subject) != expected:
            raise IncompleteRestoreError(
                f"the backup has {expected:,} {subject}, the database {counts.get(subject, 0):,}"
            )


async def open_ledger(
    connection: Connection, contents: BackupContents, reason: str, *, above: int
) -> int:
    """End the restore: store the epochs of the backup and raise a new one, which opens the ledger.

    Returns the new epoch. It is above the backup's epochs and `above`.
    """
    async with connection.transaction():
        columns = [list(column) for column in zip(*contents.epochs, strict=True)]
        epoch, raised_at, reasons, published_at, journal_read_at = columns or [[]] * 5
        await connection.execute(
            *_SQL.bind(
                "keep_epochs",
                epochs=epoch,
                raised_at=raised_at,
                reasons=reasons,
                published_at=published_at,
                journal_read_at=journal_read_at,
            )
        )
        await connection.execute(_SQL["end_restore"])
        return await raise_epoch(connection, reason, above=max(contents.epoch, above))


async def analyze(connection: Connection) -> None:
    """Collect planner statistics."""
    await connection.execute(_SQL["analyze"], timeout=ANALYZE_SECONDS_MAX)
