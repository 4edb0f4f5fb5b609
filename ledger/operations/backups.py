"""What a backup notes about the ledger, and what a restore does to a database besides loading it.

The rows of `EPHEMERAL_TABLES` are in no dump. So a database that is being restored has no epoch: no
process records or shows anything until the restore is complete and adds a new one.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec

from ledger.postgres.database import Connection, Deadlock
from ledger.postgres.migrate import schema_version
from ledger.postgres.statements import statements
from ledger.recording.epochs import Epoch, all_epochs, raise_epoch

_SQL: Final = statements("operations/backups")

EPHEMERAL_TABLES: Final = ("ledger_epochs", "stream_workers", "read_functions")
"""Left out of dumps: the manifest has the epochs, workers of another time are none of now."""
READS_SCHEMA: Final = "cost_analytics_reads"
"""Left out, too: `migrate` makes the functions that the API reads by, with the owner they need."""
ANALYZE_SECONDS_MAX: Final = 3_600
DROP_ATTEMPTS_MAX: Final = 10


class BackupPosition(msgspec.Struct, frozen=True):
    """The next offset to count of a partition."""

    cluster: str
    topic: str
    partition: int
    next_offset: int


class BackupContents(msgspec.Struct, frozen=True):
    """What the ledger holds at one moment. `epoch` is the current one, `counts` are rows."""

    taken_at: datetime
    schema_version: int
    epoch: int
    epochs: list[Epoch]
    counts: dict[str, int]
    positions: list[BackupPosition]


class IncompleteRestoreError(Exception):
    """The database does not hold what the manifest says."""


async def server_version(connection: Connection) -> int:
    """Return the number of the server's version, such as 160014."""
    return int(await connection.fetchval(_SQL["server_version"]))


async def lift_limits(connection: Connection) -> None:
    """Let statements and transactions of this session take as long as they need."""
    await connection.execute(_SQL["lift_limits"])


async def export_snapshot(connection: Connection) -> str:
    """Return the name by which another session can read what this transaction sees."""
    return str(await connection.fetchval(_SQL["export_snapshot"]))


async def read_contents(connection: Connection, now: datetime) -> BackupContents:
    """Return what the ledger holds, in the caller's transaction."""
    epochs = await all_epochs(connection)
    return BackupContents(
        taken_at=now,
        schema_version=await schema_version(connection),
        epoch=max((one.epoch for one in epochs), default=0),
        epochs=epochs,
        counts=await _counts(connection),
        positions=[BackupPosition(*row) for row in await connection.fetch(_SQL["positions"])],
    )


async def _counts(connection: Connection) -> dict[str, int]:
    return dict(await connection.fetchrow(_SQL["counts"], timeout=ANALYZE_SECONDS_MAX) or {})


async def count_relations(connection: Connection) -> int:
    """Return how many tables and views the database holds."""
    return int(await connection.fetchval(_SQL["holds"]))


async def empty_database(connection: Connection) -> None:
    """Close the ledger, then drop whatever the schema of the database holds.

    Processes may be within a transaction that uses one table after another, as the drop does. The
    server then ends one of the two as a deadlock; where it ends the drop, that begins again.
    """
    await connection.execute(_SQL["close"])
    for _ in range(DROP_ATTEMPTS_MAX - 1):
        with suppress(Deadlock):
            await connection.execute(_SQL["empty"])
            return
    await connection.execute(_SQL["empty"])


async def check_counts(connection: Connection, contents: BackupContents) -> None:
    """Raise IncompleteRestoreError unless there are as many rows as the backup had."""
    counts = await _counts(connection)
    for what, expected in contents.counts.items():
        if counts.get(what) != expected:
            raise IncompleteRestoreError(
                f"the backup has {expected:,} {what}, the database {counts.get(what, 0):,}"
            )


async def open_ledger(connection: Connection, contents: BackupContents, reason: str) -> int:
    """Keep the epochs of the backup and raise a new one, which opens the ledger; returns it."""
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
        return await raise_epoch(connection, reason, above=contents.epoch)


async def analyze(connection: Connection) -> None:
    """Collect the statistics that plans need."""
    await connection.execute(_SQL["analyze"], timeout=ANALYZE_SECONDS_MAX)
